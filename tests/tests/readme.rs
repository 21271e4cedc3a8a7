//! The README's quick start does what it says, as it is written.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use mecapy_tests::repository;

#[test]
fn the_quick_start_is_literally_true() {
    let root = repository::root();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## Quick start").nth(1).expect("a quick start");
    let blocks: Vec<&str> =
        section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    // What built this test: building again inside it would wait for itself. What it starts
    // is tested in tests/server/test_run.py.
    assert_eq!(blocks[0].trim(), "make run");
    let lines: Vec<&str> = blocks.get(1).expect("its commands").lines().collect();
    assert_eq!(lines.len(), 9, "nine lines are promised");

    let folder = tempfile::tempdir().unwrap();
    for name in ["examples", "target"] {
        symlink(root.join(name), folder.path().join(name)).unwrap();
    }
    let script = format!("set -eux\n{}\n", lines.join("\n"));
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for expected in ["9.6167", "\"outputs\"", "area", "6", "\"status\":\"completed\"", "0 failed"] {
        assert!(out.contains(expected) || err.contains(expected), "{expected}:\n{out}\n{err}");
    }
}
