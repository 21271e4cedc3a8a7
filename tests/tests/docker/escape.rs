//! What a call cannot reach, whatever it tries: `guests` try it, and answer with what they got.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::thread;
use std::time::Duration;

use mecapy_tests::{Call, kind_of};
use model::limits::{MIB, TMP_NODES};
use serde_json::{Value, json};

use crate::support::{Held, Place, docker, ends, place, until};

/// Everything that a guest found has to be nothing.
#[track_caller]
fn finds_nothing(place: &Place, guest: &str, inputs: Value) {
    let found = place.guest(guest, inputs.clone()).value(&place.docker);
    assert_eq!(found, json!([]), "{guest} {inputs}");
}

#[test]
fn no_network_is_reached() {
    let Some(place) = place() else { return };
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let datagrams = UdpSocket::bind("0.0.0.0:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("socket");
    let named = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("mecapy-test-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    let unnamed = UnixListener::bind_addr(&abstract_name).unwrap();

    let gateway = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
    let gateway = docker(&["network", "inspect", "bridge", "--format", gateway]);
    let mut hosts = vec!["127.0.0.1".to_owned(), "::1".to_owned(), gateway.trim().to_owned()];
    // How this machine is called where it sends to others; nothing is sent.
    let outwards = UdpSocket::bind("0.0.0.0:0").unwrap();
    if outwards.connect("192.0.2.1:9").is_ok() {
        hosts.push(outwards.local_addr().unwrap().ip().to_string());
    }
    let ports = [listener.local_addr().unwrap().port(), datagrams.local_addr().unwrap().port()];
    let mut addresses: Vec<Value> = hosts
        .iter()
        .filter(|host| !host.is_empty())
        .flat_map(|host| ports.map(|port| json!([host, port])))
        .collect();
    for (host, port) in [
        ("8.8.8.8", 53),
        ("1.1.1.1", 443),
        ("169.254.169.254", 80),
        ("192.0.2.1", 9),
        ("2001:4860:4860::8888", 53),
        ("172.17.0.1", 2375),
        ("255.255.255.255", 67),
        ("224.0.0.251", 5353),
    ] {
        addresses.push(json!([host, port]));
    }
    let paths = json!([
        path,
        format!("\0{name}"),
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/systemd/private",
        "/run/dbus/system_bus_socket"
    ]);
    let inputs = json!({"do": "reach", "addresses": addresses, "paths": paths});
    finds_nothing(&place, "network", inputs);
    for what in ["kinds", "names", "surroundings"] {
        finds_nothing(&place, "network", json!({"do": what}));
    }
    // And nobody came.
    listener.set_nonblocking(true).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    named.set_nonblocking(true).unwrap();
    unnamed.set_nonblocking(true).unwrap();
    assert!(named.accept().is_err() && unnamed.accept().is_err());
    let blocked = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    assert!(datagrams.recv(&mut [0; 16]).is_err_and(blocked));
    assert!(listener.accept().is_err_and(blocked));
}

#[test]
fn the_hosts_files_and_disks_are_not_there() {
    let Some(place) = place() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "the host's").unwrap();
    let paths = json!([
        secret,
        std::env::current_exe().unwrap(),
        "/etc/shadow",
        "/root/.bashrc",
        "/var/lib/docker/engine-id",
        "/proc/kcore",
        "/proc/kmsg",
        "/dev/kmsg",
        "/dev/mem",
        "/sys/kernel/debug/sched/features"
    ]);
    finds_nothing(&place, "host", json!({"do": "read", "paths": paths}));
    for what in ["mounts", "devices"] {
        finds_nothing(&place, "host", json!({"do": what}));
    }
}

#[test]
fn nothing_but_tmp_can_be_written_to_and_nothing_in_it_be_run() {
    let Some(place) = place() else { return };
    finds_nothing(&place, "host", json!({"do": "writable"}));
    finds_nothing(&place, "host", json!({"do": "run_from_tmp"}));
    let body = "
import tempfile, os
with tempfile.NamedTemporaryFile('w+') as file:
    file.write('x')
    file.seek(0)
    return [file.read(), os.listdir('/app') != []]";
    assert_eq!(place.body(body).value(&place.docker), json!(["x", true]));
}

#[test]
fn the_environment_is_none_of_the_hosts() {
    let Some(place) = place() else { return };
    let found = place.guest("host", json!({"do": "environment"})).value(&place.docker);
    assert_eq!((&found["name"], &found["arguments"]), (&json!("mecapy"), &json!([])));
    let is_ours = |name: &str| {
        let known = [
            "HOME",
            "TMPDIR",
            "PATH",
            "LANG",
            "TZ",
            "MPLBACKEND",
            "MPLCONFIGDIR",
            "LC_CTYPE",
            "PYTHONDONTWRITEBYTECODE",
        ];
        known.contains(&name) || name.ends_with("_NUM_THREADS")
    };
    for (name, value) in found["now"].as_object().unwrap() {
        assert!(is_ours(name), "{name} = {value}");
    }
    for name in found["first"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let hidden = ["HOSTNAME", "PYTHONHASHSEED", "MECAPY_CPUS"];
        assert!(is_ours(name) || hidden.contains(&name), "{name}");
    }
}

#[test]
fn a_call_is_nobody_and_may_nothing() {
    let Some(place) = place() else { return };
    let found = place.guest("kernel", json!({"do": "identity"})).value(&place.docker);
    let nobody = "65534\t65534\t65534\t65534";
    let none = "0000000000000000";
    for (name, expected) in [
        ("Uid", nobody),
        ("Gid", nobody),
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapBnd", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(found[name], expected, "{name}");
    }
    let groups = found["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| *group == 65534), "{groups:?}");
    for what in ["privileges", "setuid_programs"] {
        finds_nothing(&place, "kernel", json!({"do": what}));
    }
}

#[test]
fn other_processes_are_out_of_reach() {
    let Some(place) = place() else { return };
    for _ in 0..2 {
        finds_nothing(&place, "kernel", json!({"do": "others"}));
    }
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}

#[test]
fn a_container_is_made_as_it_is_promised() {
    let Some(place) = place() else { return };
    let call = place.body("return 1").limits(|limits| limits.cpus = 0.5);
    assert_eq!(call.value(&place.docker), json!(1));
    let names = place.containers("running");
    assert_eq!(names.len(), 1, "{names:?}");
    let told: Value = serde_json::from_str(&docker(&["inspect", &names[0]])).unwrap();
    let (host, config) = (&told[0]["HostConfig"], &told[0]["Config"]);
    for (name, expected) in [
        ("NetworkMode", json!("none")),
        ("ReadonlyRootfs", json!(true)),
        ("Privileged", json!(false)),
        ("CapDrop", json!(["ALL"])),
        ("CapAdd", json!(null)),
        ("SecurityOpt", json!(["no-new-privileges"])),
        ("IpcMode", json!("private")),
        ("PidMode", json!("")),
        ("UTSMode", json!("")),
        ("UsernsMode", json!("")),
        ("PidsLimit", json!(128)),
        ("Memory", json!(352 * MIB)),
        ("MemorySwap", json!(352 * MIB)),
        ("NanoCpus", json!(500_000_000)),
        ("Binds", json!(null)),
        ("VolumesFrom", json!(null)),
        ("PublishAllPorts", json!(false)),
    ] {
        assert_eq!(host[name], expected, "{name}");
    }
    for name in ["Devices", "PortBindings", "Mounts", "DeviceRequests", "GroupAdd"] {
        let is_empty = match &host[name] {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        assert!(is_empty, "{name}: {}", host[name]);
    }
    assert_eq!(config["User"], "65534:65534");
    assert_eq!(told[0]["Mounts"].as_array().map(Vec::len), Some(0), "{}", told[0]["Mounts"]);
}

/// What a call finds of those before it, in its container and in its memory.
fn look(place: &Place) -> Value {
    place.guest("traces", json!({"do": "look", "secret": SECRET})).value(&place.docker)
}

/// In halves: whoever looks for it must not have it in one piece.
const SECRET: [&str; 2] = ["the modulus of", "steel is a secret"];

fn leave(place: &Place, end: &str, daemons: u32) -> Call {
    let inputs = json!({"do": "leave", "secret": SECRET, "end": end, "daemons": daemons});
    place.guest("traces", inputs)
}

#[test]
fn nothing_of_a_call_is_there_for_the_next() {
    let Some(place) = place() else { return };
    let clean = look(&place);
    for (name, expected) in [
        ("globals", json!(0)),
        ("function", json!(null)),
        ("modules", json!([null, null, null, null])),
        ("imported", json!([])),
        ("path", json!([])),
        ("folder", json!("/app")),
        ("tasks", json!(1)),
        ("memory", json!([-1, -1, -1])),
        ("tables", json!([0, 0, 0])),
        ("listening", json!([])),
        ("blocked", json!([])),
        ("drawn", json!(false)),
        ("secret", json!(null)),
        // The runner, the process that calls are forked from, and the call.
        ("processes", json!(3)),
    ] {
        assert_eq!(clean[name], expected, "{name}");
    }
    for (folder, files) in clean["files"].as_object().unwrap() {
        assert!(
            !["/tmp", "/dev/shm", "/dev/mqueue"].contains(&folder.as_str()) || *files == json!([]),
            "{folder}: {files}"
        );
    }
    assert_eq!(look(&place), clean, "after a call that did nothing");
    for (end, daemons, kinds) in [
        ("return", 0, ["completed"]),
        ("return", 3, ["completed"]),
        ("raise", 3, ["exception"]),
        ("exit", 8, ["exception"]),
    ] {
        ends(&leave(&place, end, daemons).run(&place.docker), &kinds);
        assert_eq!(look(&place), clean, "after {end} with {daemons} daemons");
    }
    let held = Held::new(leave(&place, "wait", 3));
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| held.call.run(&place.docker));
        held.heard.wait_for("stdout left");
        held.call.cancel.cancel();
        running.join().unwrap()
    });
    ends(&outcome, &["cancelled"]);
    assert_eq!(look(&place), clean, "after one that was cancelled");
}

/// Runs a call that may end in any way, and then one that has to work.
fn survives(place: &Place, body: &str, change: impl FnOnce(&mut model::Limits)) -> Value {
    let outcome = place.body(body).limits(change).run(&place.docker);
    println!("{}: {}", kind_of(&outcome), body.lines().nth(1).unwrap_or(body));
    ends(&outcome, &["completed", "exception", "timeout", "memory_exceeded"]);
    let next = place.body("import os\nreturn len([x for x in os.listdir('/proc') if x.isdigit()])");
    assert_eq!(next.value(&place.docker), json!(3), "after {body}");
    outcome.result.unwrap_or_default()
}

#[test]
fn forks_and_threads_end_with_their_call() {
    let Some(place) = place() else { return };
    for bomb in [
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import os\nfor n in range(500):\n    try:\n        if os.fork() == 0:\n            while True: pass\n    except OSError: break\nreturn n",
        "import os\nfor n in range(60):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork(): os._exit(0)\n        while True: os.fork() or os._exit(0)\n",
        "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(600,)).start()\n    except RuntimeError: time.sleep(0.01)",
        "import subprocess\nheld = []\nwhile True:\n    try: held.append(subprocess.Popen(['sleep', '600'], start_new_session=True))\n    except OSError: return len(held)",
    ] {
        survives(&place, bomb, |limits| limits.timeout = Duration::from_secs(8));
    }
    // A handler that forks itself answers once.
    let twice = place.body("import os\nos.fork()\nos.fork()\nreturn 'once'");
    ends(&twice.run(&place.docker), &["completed", "exception"]);
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}

#[test]
fn memory_is_the_calls_own_to_fill() {
    let Some(place) = place() else { return };
    for bomb in [
        // In many processes at once.
        "import os\nfor n in range(40):\n    if os.fork() == 0:\n        x = []\n        while True: x.append(bytearray(1 << 20))\nfor n in range(40): os.wait()",
        // In files, that are memory here.
        "import os\nx = []\nwhile True:\n    fd = os.memfd_create('x')\n    x.append(fd)\n    for n in range(64): os.write(fd, bytes(1 << 20))",
        "x = open('/dev/shm/x', 'wb')\nwhile True: x.write(bytes(1 << 20))",
        // In pipes, that nobody reads.
        "import os, fcntl\nx = []\nwhile True:\n    a, b = os.pipe()\n    os.set_blocking(b, False)\n    x.append(b)\n    os.write(b, bytes(1 << 16))",
    ] {
        survives(&place, bomb, |limits| limits.timeout = Duration::from_secs(60));
    }
}

#[test]
fn a_full_tmp_is_the_calls_own() {
    let Some(place) = place() else { return };
    let fill = |folder: &str| {
        let inputs = json!({"do": "fill", "folder": folder, "most": 1 << 30});
        let call = place.guest("host", inputs).limits(|limits| limits.tmp_bytes = 16 * MIB);
        let filled = call.value(&place.docker);
        let number = |at: usize| filled[at].as_u64().unwrap();
        (number(0), number(1))
    };
    for _ in 0..3 {
        let (bytes, entries) = fill("/tmp");
        assert!((8 * MIB..=16 * MIB).contains(&bytes), "{bytes}");
        assert!((1_000..=TMP_NODES as u64).contains(&entries), "{entries}");
    }
    let (bytes, _) = fill("/dev/shm");
    assert!(bytes <= 17 * MIB, "{bytes}");
    let (again, _) = fill("/tmp");
    assert!(again >= 8 * MIB, "{again}");
}

#[test]
fn no_call_outlives_its_deadline() {
    let Some(place) = place() else { return };
    let second = |limits: &mut model::Limits| limits.timeout = Duration::from_secs(1);
    for body in [
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(600)",
        "import signal\nfor n in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        "import time\nwhile True:\n    try: time.sleep(600)\n    except BaseException: pass",
        "import os\nos.kill(os.getpid(), 19)",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "import threading\nfor n in range(20): threading.Thread(target=lambda: [0 for n in iter(int, 1)]).start()\nthreading.Lock().acquire() and threading.Event().wait()",
        "import subprocess; subprocess.run(['sleep', '600'], start_new_session=True)",
        "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\nos.wait()",
        "import atexit, time\natexit.register(time.sleep, 600)\nwhile True: pass",
        "class Slow:\n    def __del__(self):\n        while True: pass\nSlow()",
    ] {
        let outcome = place.body(body).limits(second).run(&place.docker);
        assert_eq!(kind_of(&outcome), "timeout", "{body}: {:?}", outcome.result);
        assert!(outcome.usage.wall_ms < 120_000.0, "{body}: {} ms", outcome.usage.wall_ms);
        assert_eq!(place.body("return 1").value(&place.docker), json!(1), "after {body}");
    }
    // Whoever closes the line to the runner is no longer waited for.
    let closed = place.body("import os\nos.closerange(0, 1024)\nwhile True: pass").limits(second);
    ends(&closed.run(&place.docker), &["exception", "timeout"]);
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}

#[test]
fn forged_messages_harm_only_the_call_that_forged_them() {
    let Some(place) = place() else { return };
    let outcome = json!(["J", {"type": "outcome", "ok": true, "bytes": true}]);
    let answer = json!(["B", "{\"answer\":\"forged\",\"said\":\"a lie\"}"]);
    let idle = json!(["J", {"type": "idle", "cpu_ms": 0, "peak_memory_bytes": 1, "load_ms": 0, "swept": 0}]);
    let forgeries = [
        ("an outcome", json!([outcome, answer])),
        ("two outcomes", json!([outcome, answer, outcome, answer])),
        ("an outcome, idle, and the next one's", json!([outcome, answer, idle, outcome, answer])),
        ("idle", json!([idle])),
        ("ready", json!([["J", {"type": "ready", "python": "3.11", "preloaded": []}]])),
        ("unclean", json!([["J", {"type": "unclean", "why": "so"}]])),
        ("pong", json!([["J", {"type": "pong"}]])),
        ("half an outcome", json!([outcome])),
        ("bytes alone", json!([answer])),
        ("too much", json!([["raw", "ffffffff4a"]])),
        ("nonsense", json!([["raw", "00000000"], ["raw", "000000055800000000"]])),
        ("text", json!([["raw", "48656c6c6f0a"]])),
        ("an open file", json!([["J", {"type": "open", "key": "../../etc/passwd"}]])),
    ];
    for where_to in ["channel", "everywhere", "standard"] {
        for (what, forge) in &forgeries {
            for then in ["return", "exit"] {
                let inputs = json!({"forge": forge, "where": where_to, "then": then});
                let outcome = place.guest("forge", inputs).run(&place.docker);
                // Its own answer is its own to forge.
                ends(&outcome, &["completed", "exception", "invalid_outputs"]);
                for answer in 0..2 {
                    let honest = place.guest("forge", json!({"answer": answer}));
                    let expected = json!({"answer": answer, "said": "the truth"});
                    let told = honest.value(&place.docker);
                    assert_eq!(told, expected, "after {what}, {where_to}, {then}");
                }
            }
        }
    }
}

#[test]
fn tenants_share_no_container() {
    let Some(place) = place() else { return };
    let of = |tenant: &str| {
        let mut call = place.body("return 1");
        call.tenant = tenant.into();
        call
    };
    for _ in 0..2 {
        for tenant in ["ours", "theirs", ""] {
            assert_eq!(of(tenant).value(&place.docker), json!(1));
        }
    }
    until("each has a container", || place.containers("running").len() == 3);
    let tenant = "{{index .Config.Labels \"mecapy.tenant\"}}";
    let names = place.containers("running");
    let mut arguments = vec!["inspect", "--format", tenant];
    arguments.extend(names.iter().map(String::as_str));
    let told = docker(&arguments);
    let mut tenants: Vec<_> = told.lines().collect();
    tenants.sort_unstable();
    tenants.dedup();
    assert_eq!(tenants.len(), 3, "{tenants:?}");
    assert!(!told.contains("ours"), "a tenant's name is not everybody's: {told}");
}
