//! Time, disk and cancellation, and that nothing goes on afterwards.

use std::time::{Duration, Instant};

use super::super::{Fetched, GitError, GitOptions};
use super::support::{Scene, eventually, is_running, options};

/// A program in git's place that starts another, writes down both and waits.
fn sleeper(scene: &Scene) -> GitOptions {
    let (child, leader) = (scene.quoted("child"), scene.quoted("leader"));
    let script = format!("sleep 3600 & echo $! > {child}; echo $$ > {leader}; wait");
    GitOptions { git: scene.program(&script), ..options() }
}

fn assert_nothing_runs(scene: &Scene) {
    for name in ["child", "leader"] {
        let pid = scene.read(name).trim().to_owned();
        eventually("the end of a killed process", || !is_running(&pid));
    }
}

fn assert_too_large(result: Result<Fetched, GitError>, limit: u64) {
    match result {
        Err(GitError::TooLarge { max_bytes }) => assert_eq!(max_bytes, limit),
        other => panic!("not too large: {other:?}"),
    }
}

#[test]
fn a_fetch_that_takes_too_long_is_ended_with_its_children() {
    let scene = Scene::new();
    let timeout = Duration::from_secs(1);
    let begun = Instant::now();
    let ended = scene.fetch_with(None, None, &GitOptions { timeout, ..sleeper(&scene) });
    assert!(matches!(ended, Err(GitError::Timeout { timeout: t }) if t == timeout), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_nothing_runs(&scene);
}

#[test]
fn a_cancelled_fetch_is_ended_with_its_children() {
    let scene = Scene::new();
    let options = sleeper(&scene);
    let cancel = options.cancel.clone();
    std::thread::scope(|threads| {
        let fetch = threads.spawn(|| scene.fetch_with(None, None, &options));
        eventually("the child", || scene.read("leader").ends_with('\n'));
        cancel.cancel();
        let ended = fetch.join().unwrap();
        assert!(matches!(ended, Err(GitError::Cancelled)), "{ended:?}");
    });
    assert_nothing_runs(&scene);
}

/// The program itself ends well; what it left behind has its output open and goes on.
#[test]
fn a_child_does_not_outlive_a_program_that_ended() {
    let scene = Scene::new();
    let (child, leader) = (scene.quoted("child"), scene.quoted("leader"));
    let script = format!("sleep 3600 & echo $! > {child}; echo $$ > {leader}; exit 1");
    let options = GitOptions { git: scene.program(&script), ..options() };
    scene.fetch_with(None, None, &options).unwrap_err();
    assert_nothing_runs(&scene);
}

#[test]
fn growth_is_noticed_while_git_runs() {
    let scene = Scene::new();
    let (child, leader) = (scene.quoted("child"), scene.quoted("leader"));
    let script = format!(
        "sleep 3600 & echo $! > {child}; echo $$ > {leader}\n\
         n=0; while [ $n -lt 64 ]; do n=$((n+1)); head -c 65536 /dev/zero > $n; done; wait"
    );
    let options = GitOptions { git: scene.program(&script), max_bytes: 1 << 20, ..options() };
    assert_too_large(scene.fetch_with(None, None, &options), 1 << 20);
    assert_nothing_runs(&scene);
}

/// Between two looks it is the kernel that stops a file.
#[test]
fn one_file_cannot_grow_past_the_bound() {
    let scene = Scene::new();
    let script = "head -c 8388608 /dev/zero > big; exit 0";
    let options = GitOptions { git: scene.program(script), max_bytes: 1 << 20, ..options() };
    assert_too_large(scene.fetch_with(None, None, &options), 1 << 20);
    assert!(std::fs::metadata(scene.target().join("big")).unwrap().len() <= 1 << 20);
}

#[test]
fn large_repositories_are_refused() {
    let scene = Scene::new();
    let small = GitOptions { max_bytes: 1 << 20, ..options() };
    scene.fetch_with(None, None, &small).unwrap();

    // Packs to nearly nothing: refused before it is written out.
    scene.commit("zeros.bin", &vec![0; 4 << 20]);
    assert_too_large(scene.fetch_with(None, None, &small), 1 << 20);
    assert!(!scene.target().join("zeros.bin").exists());

    // Does not pack.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    scene.commit("zeros.bin", &noise.take(4 << 20).collect::<Vec<u8>>());
    assert_too_large(scene.fetch_with(None, None, &small), 1 << 20);
}

/// Ten folders in ten folders, seven deep, all of them the same few objects.
#[test]
fn a_tree_that_unfolds_is_refused() {
    let scene = Scene::new();
    let mut entry = format!("100644 blob {}\tf", scene.git(&["rev-parse", "HEAD:readme.txt"]));
    for _ in 0..7 {
        let (kind, name) = entry.rsplit_once('\t').unwrap();
        let lines: String = (0..10).map(|n| format!("{kind}\t{name}{n}\n")).collect();
        let listing = scene.folder.path().join("listing");
        std::fs::write(&listing, lines).unwrap();
        let alias = format!("alias.x=!git mktree < '{}'", listing.display());
        entry = format!("040000 tree {}\td", scene.git(&["-c", &alias, "x"]));
    }
    let tree = &entry["040000 tree ".len()..][..40];
    let commit = scene.git(&["commit-tree", "-m", "x", tree]);
    scene.git(&["tag", "bomb", &commit]);
    let options = GitOptions { max_bytes: 8 << 20, ..options() };
    assert_too_large(scene.fetch_with(Some("bomb"), None, &options), 8 << 20);
}

#[test]
fn a_program_that_talks_without_end_is_quoted_briefly() {
    let scene = Scene::new();
    let script = "yes 'remote: talk' | head -c 500000 >&2; echo 'fatal: the end' >&2; exit 1";
    let options = GitOptions { git: scene.program(script), ..options() };
    let error = scene.fetch_with(None, None, &options).unwrap_err();
    assert!(matches!(error, GitError::Unavailable(_)));
    assert!(error.to_string().len() < 2_000, "{error}");
}
