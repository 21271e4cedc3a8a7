//! What must not work.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::super::{GitError, GitOptions, GitRequest, command, fetch, process, source};
use super::support::{Scene, invalid, options};

fn fetch_url(url: &str, scene: &Scene, options: &GitOptions) -> Result<(), GitError> {
    let request = GitRequest { url: url.to_owned(), reference: None, subfolder: None };
    fetch(&request, &scene.target(), options).map(|_| ())
}

/// The operator's git brings a filter and a template with hooks; the repository asks for
/// the one by its attributes, and has the other in its own folder.
#[test]
fn neither_hooks_nor_filters_run_and_bytes_stay_as_they_are() {
    let scene = Scene::new();
    let marker = scene.quoted("ran");
    for name in ["post-checkout", "post-index-change", "reference-transaction"] {
        for hooks in ["repository/.git/hooks", "template/hooks"] {
            let hooks = scene.folder.path().join(hooks);
            fs::create_dir_all(&hooks).unwrap();
            let hook = hooks.join(name);
            fs::write(&hook, format!("#!/bin/sh\necho hook >> {marker}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&hook, mode).unwrap();
        }
    }
    let attributes = "*.txt filter=evil ident text eol=crlf\n*.utf working-tree-encoding=UTF-16\n";
    fs::write(scene.repository().join("raw.utf"), "text\n").unwrap();
    fs::write(scene.repository().join("id.txt"), "$Id$\nline\n").unwrap();
    scene.git(&["add", "--all"]);
    fs::write(scene.repository().join(".gitattributes"), attributes).unwrap();
    scene.git(&["add", ".gitattributes"]);
    scene.commit_index();
    // What the hooks did to the repository's own work is not what is looked for.
    let _ = fs::remove_file(scene.folder.path().join("ran"));
    let git = scene.program(&format!(
        "export GIT_TEMPLATE_DIR={}\nexec git -c filter.evil.required=true \
         -c \"filter.evil.smudge=echo filter >> {marker}; cat\" \"$@\"",
        scene.quoted("template")
    ));
    scene.fetch_with(None, None, &GitOptions { git, ..options() }).unwrap();
    assert_eq!(scene.read("ran"), "");
    assert_eq!(scene.read("into/id.txt"), "$Id$\nline\n");
    assert_eq!(scene.read("into/raw.utf"), "text\n");
    assert_eq!(scene.read("into/.gitattributes"), attributes);
}

#[test]
fn submodules_are_not_fetched() {
    let inner = Scene::new();
    let scene = Scene::new();
    let modules = format!("[submodule \"m\"]\n\tpath = m\n\turl = {}\n", inner.url());
    fs::write(scene.repository().join(".gitmodules"), modules).unwrap();
    scene.git(&["add", "--all"]);
    let id = inner.git(&["rev-parse", "HEAD"]);
    scene.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},m")]);
    scene.commit_index();
    scene.fetch(None).unwrap();
    assert_eq!(fs::read_dir(scene.target().join("m")).unwrap().count(), 0);
}

#[test]
fn links_are_plain_files_and_not_ways() {
    let scene = Scene::new();
    scene.commit("real/a.txt", b"a");
    for (target, link) in [("/etc", "etc"), ("real", "alias"), ("../..", "up")] {
        std::os::unix::fs::symlink(target, scene.repository().join(link)).unwrap();
    }
    scene.git(&["add", "--all"]);
    scene.commit_index();
    scene.fetch(None).unwrap();
    let link = scene.target().join("etc");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read_to_string(link).unwrap(), "/etc");
    for subfolder in ["etc", "alias", "up", "etc/ssh"] {
        let why = invalid(scene.fetch_with(None, Some(subfolder), &options()));
        assert!(why.contains("no folder"), "{why}");
    }
}

#[test]
fn a_tree_with_a_git_folder_in_it_is_refused() {
    let scene = Scene::new();
    let blob = scene.git(&["rev-parse", "HEAD:readme.txt"]);
    let inner = scene.folder.path().join("inner");
    fs::write(&inner, format!("100644 blob {blob}\tconfig\n")).unwrap();
    let make = |path: &Path| {
        let tree = scene.git(&["-c", &format!("alias.x=!git mktree < '{}'", path.display()), "x"]);
        assert_eq!(tree.len(), 40);
        tree
    };
    let tree = make(&inner);
    fs::write(&inner, format!("040000 tree {tree}\t.git\n")).unwrap();
    let tree = make(&inner);
    let commit = scene.git(&["commit-tree", "-m", "x", &tree]);
    scene.git(&["tag", "evil", &commit]);
    let why = invalid(scene.fetch(Some("evil")));
    assert!(why.contains("objects that git refuses"), "{why}");
}

#[test]
fn options_and_programs_are_not_taken_for_names() {
    let scene = Scene::new();
    let touch = format!("touch {}", scene.folder.path().join("ran").display());
    let upload = format!("--upload-pack={touch}");
    for url in [upload.as_str(), &format!("ext::sh -c {touch}"), "ext::sh%20-c", "-x"] {
        invalid(fetch_url(url, &scene, &options()));
    }
    for reference in [upload.as_str(), "-x", "--", "main:refs/heads/x", "--exec=x"] {
        invalid(scene.fetch(Some(reference)));
    }
    assert!(!scene.folder.path().join("ran").exists());
}

#[test]
fn this_servers_disk_and_network_are_out_of_reach() {
    let scene = Scene::new();
    let plain = GitOptions::default();
    assert!(invalid(fetch_url(&scene.url(), &scene, &plain)).contains("not allowed"));
    for url in [
        "https://127.0.0.1/x",
        "https://127.0.0.1:8443/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://169.254.169.254/latest",
        "ssh://git@127.0.0.1/x",
        "ssh://git@localhost:2222/x",
        "git@localhost:x",
        "git@127.1:x",
    ] {
        let why = invalid(fetch_url(url, &scene, &plain));
        assert!(why.contains("private or local address"), "{url}: {why}");
    }
    // git was not started: it would have made something.
    assert_eq!(fs::read_dir(scene.target()).unwrap().count(), 0);
}

/// Nobody listens at port 1: this is git's own failure to connect, so the address is taken.
#[test]
fn private_hosts_are_connected_to_where_allowed() {
    let scene = Scene::new();
    let open = GitOptions { allow_private_hosts: true, ..GitOptions::default() };
    for url in ["https://localhost:1/x", "ssh://git@localhost:1/x", "ssh://git@[::1]:1/x"] {
        let refused = fetch_url(url, &scene, &open);
        assert!(matches!(refused, Err(GitError::Unavailable(_))), "{refused:?}");
        fs::remove_dir_all(scene.target()).unwrap();
    }
}

/// No name server knows this name: only the pinned addresses can have been tried.
#[test]
fn git_connects_to_the_addresses_that_were_checked() {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let options = GitOptions::default();
    let source = source::parse("https://pinned.invalid:1/x", false).unwrap();
    let git = command::Git {
        options: &options,
        source: &source,
        addresses: vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()],
        work: scene.repository(),
        home: home.path(),
        bounds: process::Bounds {
            deadline: Instant::now() + options.timeout,
            timeout: options.timeout,
            cancel: &options.cancel,
            max_bytes: options.max_bytes,
            folders: [&scene.repository(), home.path()],
        },
    };
    let tried = git.run(&["ls-remote", "--", &source.url]).unwrap();
    assert!(!tried.success);
    assert!(tried.stderr.contains("onnect to"), "{}", tried.stderr);
    assert!(!tried.stderr.contains("resolve"), "{}", tried.stderr);
}

#[test]
fn credentials_reach_git_in_its_environment_and_nowhere_else() {
    let scene = Scene::new();
    let (arguments, known) = (scene.quoted("arguments"), scene.quoted("known"));
    let git = scene.program(&format!(
        "echo \"$*\" >> {arguments}\n\
         env -u MECAPY_GIT_USERNAME -u MECAPY_GIT_PASSWORD env >> {arguments}\n\
         [ \"$MECAPY_GIT_PASSWORD\" = 'hun/ter2' ] && echo yes > {known}\n\
         echo \"fatal: 'https://me:hun%2Fter2@h/x' $MECAPY_GIT_PASSWORD ssh://x:other@y/\" >&2\n\
         exit 128"
    ));
    let options = GitOptions { git, allow_private_hosts: true, ..GitOptions::default() };
    let request = GitRequest {
        url: "https://me:hun%2Fter2@localhost:1/x".to_owned(),
        reference: None,
        subfolder: None,
    };
    assert!(format!("{request:?}").contains("https://localhost:1/x"));
    let error = fetch(&request, &scene.target(), &options).unwrap_err();
    let arguments = scene.read("arguments");
    assert!(arguments.contains("http.curloptResolve=localhost:1:"), "{arguments}");
    assert_eq!(scene.read("known"), "yes\n");
    for text in [format!("{request:?}"), error.to_string(), format!("{error:?}"), arguments] {
        for secret in ["hun/ter2", "hun%2Fter2", "other"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// git's own way to the credentials, with the helper that it is given.
#[test]
fn the_credential_helper_answers_git() {
    let scene = Scene::new();
    let filled = scene.quoted("filled");
    let git = scene.program(&format!(
        "n=$#; while [ $n -gt 0 ]; do a=$1; shift; n=$((n-1)); [ \"$a\" = init ] && break; \
         set -- \"$@\" \"$a\"; done\n\
         while [ \"$1\" != -c ]; do shift; done\n\
         printf 'protocol=https\\nhost=h\\n\\n' | git \"$@\" credential fill > {filled}\nexit 1"
    ));
    let options = GitOptions { git, allow_private_hosts: true, ..GitOptions::default() };
    fetch_url("https://me:p%25d%5Cn$x@localhost:1/x", &scene, &options).unwrap_err();
    let filled = scene.read("filled");
    assert!(filled.contains("username=me\npassword=p%d\\n$x\n"), "{filled}");
}
