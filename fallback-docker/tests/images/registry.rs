//! Workers share images through a registry, believe it half, and do without it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mecapy_fallback_docker::images::{CONTENT, PARENT};
use mecapy_fallback_docker::settings::Registry;

use crate::harness::{BASE, Place, place_with, recipe};

/// Debian's `docker-registry`, on a port and with a folder of its own.
struct Server {
    port: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            folder.path().join("data").display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry: run `tools/docker ensure`");
        let server = Self { port, process, _folder: folder };
        let until = Instant::now() + Duration::from_secs(60);
        while server.ask().is_none() {
            assert!(Instant::now() < until, "the registry does not answer");
            std::thread::yield_now();
        }
        server
    }

    fn ask(&self) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.contains(" 200 ").then_some(())
    }

    fn prefix(&self) -> String {
        format!("127.0.0.1:{}/worker/images", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn of(prefix: String) -> Option<Registry> {
    Some(Registry { prefix, user: None, password: None })
}

fn remove_all(place: &Place) {
    for tag in place.made() {
        if place.inspect(&tag).is_some() {
            place.remove(&tag);
        }
    }
    assert!(place.made().is_empty());
}

#[test]
fn what_one_worker_built_another_pulls_unless_it_is_another_thing() {
    let Some(place) = place_with(|_| {}) else { return };
    let server = Server::start();
    let mut settings = place.settings.clone();
    settings.registry = of(server.prefix());
    let images = || mecapy_fallback_docker::images::Images::new(place.daemon.clone(), &settings);
    let ensure = |recipe: &_| {
        let hear = |line: &str| place.log.lock().push(line.to_owned());
        images().ensure(recipe, &hear, &model::CancelToken::new()).unwrap()
    };

    let recipe = recipe(&place, &[("a.py", "x = 1\n")]);
    let tag = ensure(&recipe);
    assert!(place.said("pushed 127.0.0.1"), "{:?}", place.log.lock());
    let id = place.inspect(&tag).unwrap().id;
    // The registry's names are not left behind.
    assert!(place.made().iter().all(|tag| !tag.starts_with("127.")), "{:?}", place.made());

    remove_all(&place);
    place.log.lock().clear();
    let began = Instant::now();
    assert_eq!(ensure(&recipe), tag);
    println!("pulled in {:?}", began.elapsed());
    assert!(place.said("pulled ") && !place.said("building "), "{:?}", place.log.lock());
    assert_eq!(place.inspect(&tag).unwrap().id, id);
    assert_eq!(place.made(), [tag.as_str()]);

    // Another image under that name: with the wrong labels, then with the right ones over
    // something that is not the base.
    let content = tag.rsplit_once(':').unwrap().1.to_owned();
    let parent = place.inspect(&tag).unwrap().config.unwrap().labels.unwrap()[PARENT].clone();
    let reference = format!("{}/solve:{content}", server.prefix());
    let label = format!("LABEL {CONTENT}={content} {PARENT}={parent}");
    let forged = [
        (format!("docker tag {BASE} {reference}"), "its label"),
        (
            format!(
                "tar c --files-from /dev/null | docker import --change '{label}' - {reference}"
            ),
            "base image",
        ),
    ];
    for (command, why) in forged {
        remove_all(&place);
        place.log.lock().clear();
        let all = format!("{command} && docker push {reference} && docker rmi {reference}");
        assert!(Command::new("sh").args(["-c", &all]).output().unwrap().status.success());
        assert_eq!(ensure(&recipe), tag);
        assert!(place.said(why) && place.said("building "), "{:?}", place.log.lock());
        assert!(place.inspect(&reference).is_none());
    }
}

#[test]
fn a_registry_that_does_not_answer_is_done_without() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let set = |settings: &mut mecapy_fallback_docker::settings::Settings| {
        settings.registry = of(format!("127.0.0.1:{port}/x"));
    };
    let Some(place) = place_with(set) else { return };
    let tag = place.ensure(&recipe(&place, &[("a.py", "x = 1\n")])).unwrap();
    assert!(place.inspect(&tag).is_some());
    assert!(
        place.said("cannot be pulled") && place.said("cannot be pushed"),
        "{:?}",
        place.log.lock()
    );
    assert!(place.made().iter().all(|tag| !tag.starts_with("127.")));
}
