//! A place of its own on the daemon for each test, cleaned up when it ends.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bollard::models::ImageInspect;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use mecapy_fallback_docker::daemon::Daemon;
use mecapy_fallback_docker::images::{IMAGES, Images};
use mecapy_fallback_docker::settings::Settings;
use model::image::{Base, ImageError, Installer, Platform, Recipe};
use model::manifest::PythonVersion;
use model::{CancelToken, Tree};
use parking_lot::Mutex;

pub const BASE: &str = "mecapy-test/python:3.11";

static NEXT: AtomicU32 = AtomicU32::new(0);

pub struct Place {
    pub daemon: Arc<Daemon>,
    pub settings: Settings,
    pub images: Images,
    pub log: Mutex<Vec<String>>,
    scratch: tempfile::TempDir,
}

/// A place, or nothing where there is no Docker and there need not be.
pub fn place() -> Option<Place> {
    place_with(|_| {})
}

pub fn place_with(set: impl FnOnce(&mut Settings)) -> Option<Place> {
    if std::env::var("MECAPY_WITHOUT_DOCKER").is_ok_and(|value| value == "1") {
        println!("left out: MECAPY_WITHOUT_DOCKER=1");
        return None;
    }
    let daemon = Daemon::new(None).unwrap();
    if let Err(error) = daemon.check() {
        panic!("{error}: run `tools/docker ensure`, or set MECAPY_WITHOUT_DOCKER=1");
    }
    let docker = daemon.client().unwrap();
    if let Err(error) = daemon.wait(docker.inspect_image(BASE)) {
        panic!("`{BASE}`: {error}: run `tools/test-images`");
    }
    let scratch = tempfile::tempdir().unwrap();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let own = format!("mecapy-test/i{}-{number}", std::process::id());
    let mut settings = Settings {
        owner: own.replace('/', "-"),
        images: own,
        scratch: Some(scratch.path().to_owned()),
        versions: vec![PythonVersion { major: 3, minor: 11 }],
        ..Settings::default()
    };
    settings.bases.python = "mecapy-test/python:{version}".to_owned();
    set(&mut settings);
    let images = Images::new(daemon.clone(), &settings);
    Some(Place { daemon, settings, images, log: Mutex::default(), scratch })
}

impl Place {
    /// What another process with the same settings would have.
    pub fn another(&self) -> Images {
        Images::new(Daemon::new(None).unwrap(), &self.settings)
    }

    pub fn ensure(&self, recipe: &Recipe) -> Result<String, ImageError> {
        self.ensure_until(recipe, &CancelToken::new())
    }

    pub fn ensure_until(
        &self,
        recipe: &Recipe,
        cancel: &CancelToken,
    ) -> Result<String, ImageError> {
        self.images.ensure(recipe, &|line| self.log.lock().push(line.to_owned()), cancel)
    }

    pub fn said(&self, words: &str) -> bool {
        self.log.lock().iter().any(|line| line.contains(words))
    }

    pub fn inspect(&self, image: &str) -> Option<ImageInspect> {
        let docker = self.daemon.client().unwrap();
        self.daemon.wait(docker.inspect_image(image)).ok()
    }

    /// Tags and ids of all images that were made here, also of half of one.
    pub fn made(&self) -> Vec<String> {
        let mut made = self.list(true);
        made.extend(self.list(false));
        made.sort();
        made.dedup();
        made
    }

    fn list(&self, all: bool) -> Vec<String> {
        let label = format!("{IMAGES}={}", self.settings.images);
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListImagesOptionsBuilder::default().all(all).filters(&filters).build();
        let docker = self.daemon.client().unwrap();
        let images = self.daemon.wait(docker.list_images(Some(options))).unwrap();
        let named = images.iter().flat_map(|image| image.repo_tags.clone());
        let nameless =
            images.iter().filter(|image| image.repo_tags.iter().all(|tag| tag.contains("<none>")));
        let nameless = nameless.map(|image| image.id.clone());
        named
            .filter(|tag| !tag.contains("<none>"))
            .chain(if all { Vec::new() } else { nameless.collect() })
            .collect()
    }

    /// Containers over images that were made here.
    pub fn containers(&self) -> Vec<String> {
        let label = format!("{IMAGES}={}", self.settings.images);
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let docker = self.daemon.client().unwrap();
        let found = self.daemon.wait(docker.list_containers(Some(options))).unwrap();
        found.into_iter().filter_map(|container| container.id).collect()
    }

    pub fn remove(&self, image: &str) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let docker = self.daemon.client().unwrap();
        self.daemon.wait(docker.remove_image(image, Some(options), None)).unwrap();
    }

    /// Runs something in an image with Docker's own client; answers what it prints.
    pub fn run(&self, image: &str, options: &[&str], arguments: &[&str]) -> String {
        let output = std::process::Command::new("docker")
            .args(["run", "--rm", "-i", "--network", "none", "--read-only", "--tmpfs", "/tmp"])
            .args(options)
            .arg(image)
            .args(arguments)
            .output()
            .unwrap();
        let (out, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{error}");
        out.into_owned()
    }

    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Children first: they are the youngest, and listed first.
        for _ in 0..3 {
            for image in self.made() {
                let options = RemoveImageOptionsBuilder::default().force(true).build();
                if let Ok(docker) = self.daemon.client() {
                    let _ = self.daemon.wait(docker.remove_image(&image, Some(options), None));
                }
            }
        }
    }
}

pub fn tree(files: &[(&str, &str)]) -> Arc<Tree> {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, *text).unwrap();
    }
    Arc::new(tree)
}

/// A package with one module, no dependencies.
pub fn recipe(place: &Place, files: &[(&str, &str)]) -> Recipe {
    let base = Base { name: "python-base".to_owned(), python: None };
    Recipe {
        platform: place.images.platform(&base).unwrap(),
        name: "solve".to_owned(),
        version: "1.2.3".to_owned(),
        app: tree(files),
        lock: String::new(),
        tools: String::new(),
        preload: Vec::new(),
        is_program: false,
        installer: Arc::new(Written::default()),
    }
}

/// Writes a module for each line of a lock.
#[derive(Default)]
pub struct Written {
    pub times: AtomicUsize,
    /// What it waits for before it ends.
    pub gate: Option<Mutex<std::sync::mpsc::Receiver<()>>>,
}

impl Installer for Written {
    fn install(
        &self,
        lock: &str,
        _platform: &Platform,
        folder: &Path,
        _cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        self.times.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.lock().recv().unwrap();
        }
        for line in lock.lines() {
            let (name, version) = line.split_once("==").unwrap();
            let module = folder.join(name);
            std::fs::create_dir_all(&module).unwrap();
            std::fs::write(module.join("__init__.py"), format!("VERSION = '{version}'\n")).unwrap();
            if name == "matplotlib" {
                let code = "import os\nplace = os.environ['MPLCONFIGDIR']\n\
                            open(place + '/fontlist.json', 'w').write(str(os.getuid()))\n";
                std::fs::write(module.join("font_manager.py"), code).unwrap();
            }
        }
        Ok(())
    }
}
