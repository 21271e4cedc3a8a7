//! A sandbox that is dropped gives back what it held. A test program of its own: others'
//! sandboxes would be counted too.

use std::thread;
use std::time::{Duration, Instant};

use mecapy_tests::process::Held;
use mecapy_tests::{Call, sandbox};
use serde_json::json;

/// Threads of a sandbox: its clocks. (Threads that compile inherit the name of the call that
/// was the first to need them, and stay with the process.)
fn threads() -> usize {
    Held::now().threads.iter().filter(|name| *name == "mecapy-clock").count()
}

/// Open files and mappings.
fn files() -> (usize, usize) {
    let held = Held::now();
    (held.descriptors.len(), held.mappings)
}

fn use_one() {
    let sandbox = sandbox();
    for call in [Call::body("return 1"), Call::body("return 1").deterministic()] {
        for _ in 0..10 {
            assert_eq!(call.value(&sandbox), json!(1));
        }
    }
    assert!(threads() > 0);
    drop(sandbox);
    // Each thread notices at its next tick.
    let deadline = Instant::now() + Duration::from_secs(5);
    while threads() > 0 {
        assert!(Instant::now() < deadline, "{} threads are left", threads());
        thread::yield_now();
    }
}

#[test]
fn a_dropped_sandbox_leaves_no_threads_files_or_mappings() {
    // What a process makes once, it keeps.
    use_one();
    let (descriptors, mappings) = files();
    for _ in 0..5 {
        use_one();
    }
    let (descriptors_now, mappings_now) = files();
    assert_eq!(descriptors_now, descriptors);
    assert!(mappings_now <= mappings + 8, "{mappings_now} mappings, before {mappings}");
}
