//! Ctrl-C, and running again when files change.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Package, Ran, command};

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

#[test]
fn an_interrupted_call_is_cancelled() {
    let handler = "def calculate(inputs):\n    print('running')\n    while True:\n        pass\n";
    let package = Package::single("", handler);
    let mut child =
        command([package.path()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().ends_with("running")));
    interrupt(&child);
    let rest: Vec<_> = said.map(Result::unwrap).collect();
    assert!(rest[0].starts_with("error[cancelled]"), "{rest:?}");
    Ran::from(child.wait_with_output().unwrap()).exits(130);
}

/// `--watch --json`, one object a line.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(package: &Package) -> Self {
        let mut child =
            command([package.path(), "--watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_changed_package_runs_again_and_a_broken_one_is_survived() {
    let package = Package::single("", "def calculate(inputs):\n    return 1\n");
    let mut watching = Watching::start(&package);
    assert_eq!(watching.next()["result"], 1);
    package.write("handler.py", "def calculate(inputs):\n    return 2\n");
    assert_eq!(watching.next()["result"], 2);
    package.write("handler.py", "def calculate(inputs:\n");
    assert_eq!(watching.next()["error"]["kind"], "invalid_package");
    std::fs::remove_file(format!("{}/handler.py", package.path())).unwrap();
    assert_eq!(watching.next()["error"]["kind"], "invalid_package");
    // What does not change the package does not make it run.
    package.write("__pycache__/handler.pyc", "");
    package.write("handler.py", "def calculate(inputs):\n    return 3\n");
    assert_eq!(watching.next()["result"], 3);
    interrupt(&watching.child);
    assert!(watching.lines.next().is_none_or(|line| line.unwrap().contains("cancelled")));
    assert_eq!(watching.child.wait().unwrap().code(), Some(130));
}
