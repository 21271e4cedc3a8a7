//! What a deploy's author does, rightly or by mistake.

use std::fs;

use super::super::{GitError, GitOptions, GitRequest, fetch};
use super::support::{Scene, invalid, options};

#[test]
fn the_default_branch_is_fetched_without_its_git() {
    let scene = Scene::new();
    let first = scene.git(&["rev-parse", "HEAD"]);
    let last = scene.commit("sub/a.py", b"a = 1\n");
    assert_ne!(first, last);
    let fetched = scene.fetch(None).unwrap();
    assert_eq!(fetched.commit, last);
    assert_eq!(fetched.folder, scene.target());
    assert_eq!(fs::read(scene.target().join("sub/a.py")).unwrap(), b"a = 1\n");
    assert!(!scene.target().join(".git").exists());
}

#[test]
fn branches_tags_and_commits_are_fetched() {
    let scene = Scene::new();
    let first = scene.git(&["rev-parse", "HEAD"]);
    scene.git(&["tag", "v1"]);
    scene.git(&["tag", "--annotate", "--message=x", "v1-annotated"]);
    scene.git(&["checkout", "--quiet", "-b", "feature/x"]);
    let second = scene.commit("b.txt", b"b");
    scene.git(&["checkout", "--quiet", "main"]);
    let third = scene.commit("c.txt", b"c");
    for (reference, commit) in [
        ("v1", &first),
        ("v1-annotated", &first),
        ("feature/x", &second),
        ("refs/heads/feature/x", &second),
        ("main", &third),
        (first.as_str(), &first),
        (second.to_uppercase().as_str(), &second),
    ] {
        assert_eq!(&scene.fetch(Some(reference)).unwrap().commit, commit, "{reference}");
    }
    let tag = scene.git(&["rev-parse", "v1-annotated"]);
    assert_eq!(scene.fetch(Some(&tag)).unwrap().commit, first);
}

/// A server of the first protocol gives out only what a name points at.
#[test]
fn a_commit_that_the_server_does_not_give_is_found_in_a_branch() {
    let scene = Scene::new();
    let first = scene.git(&["rev-parse", "HEAD"]);
    scene.commit("b.txt", b"b");
    let log = scene.quoted("log");
    let git =
        scene.program(&format!("echo \"$*\" >> {log}; exec git -c protocol.version=0 \"$@\""));
    let options = GitOptions { git, ..options() };
    assert_eq!(scene.fetch_with(Some(&first), None, &options).unwrap().commit, first);
    assert!(scene.read("log").contains("+refs/heads/*"), "{}", scene.read("log"));
    assert!(!scene.target().join("b.txt").exists());
    let why = invalid(scene.fetch_with(Some(&"0".repeat(40)), None, &options));
    assert!(why.contains("no commit 000"), "{why}");
}

#[test]
fn what_is_not_there_is_said() {
    let scene = Scene::new();
    let why = invalid(scene.fetch(Some("nope")));
    assert!(why.contains("no branch or tag `nope`"), "{why}");
    let why = invalid(scene.fetch(Some(&"1".repeat(40))));
    assert!(why.contains("no commit 111"), "{why}");
    let tree = scene.git(&["rev-parse", "HEAD^{tree}"]);
    let why = invalid(scene.fetch(Some(&tree)));
    assert!(why.contains("no commit"), "{why}");
    fs::remove_dir_all(scene.repository()).unwrap();
    let why = invalid(scene.fetch(None));
    assert!(why.contains("no git repository at file://"), "{why}");
    fs::create_dir(scene.repository()).unwrap();
    let why = invalid(scene.fetch(None));
    assert!(why.contains("no git repository"), "{why}");
    scene.git(&["init", "--quiet", "--initial-branch=main"]);
    let why = invalid(scene.fetch(None));
    assert!(why.contains("no default branch"), "{why}");
}

#[test]
fn a_subfolder_is_a_folder_of_the_commit() {
    let scene = Scene::new();
    scene.commit("functions/été/mecapy.yml", b"x");
    let fetched = scene.fetch_with(None, Some("./functions/été/"), &options()).unwrap();
    assert_eq!(fetched.folder, scene.target().join("functions/été"));
    for missing in ["functions/nope", "readme.txt", "readme.txt/x"] {
        let why = invalid(scene.fetch_with(None, Some(missing), &options()));
        assert!(why.contains("no folder"), "{why}");
    }
    for refused in ["..", "functions/../..", "/etc", "-x", ".git"] {
        let why = invalid(scene.fetch_with(None, Some(refused), &options()));
        assert!(why.contains("write a path from the top"), "{why}");
    }
}

#[test]
fn the_folder_to_fetch_to_has_to_be_empty() {
    let scene = Scene::new();
    fs::create_dir(scene.target()).unwrap();
    fs::write(scene.target().join("x"), "").unwrap();
    let request = GitRequest { url: scene.url(), reference: None, subfolder: None };
    let refused = fetch(&request, &scene.target(), &options());
    assert!(matches!(refused, Err(GitError::Unavailable(_))), "{refused:?}");
}

#[test]
fn a_server_without_git_says_so() {
    let scene = Scene::new();
    let options = GitOptions { git: "/nowhere/git".into(), ..options() };
    match scene.fetch_with(None, None, &options) {
        Err(GitError::Unavailable(why)) => {
            assert!(why.contains("install it on the server"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}
