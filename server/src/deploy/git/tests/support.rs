//! Repositories, programs in git's place, and waiting without sleeping blindly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::super::{Fetched, GitError, GitOptions, GitRequest, fetch};

/// A repository and a place to fetch to, gone with the value.
pub struct Scene {
    pub folder: tempfile::TempDir,
}

impl Scene {
    /// With one commit on `main`. The space is for the quoting of addresses.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("git test ").tempdir().unwrap();
        let scene = Self { folder };
        fs::create_dir(scene.repository()).unwrap();
        scene.git(&["init", "--quiet", "--initial-branch=main"]);
        scene.commit("readme.txt", b"hello\n");
        scene
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn target(&self) -> PathBuf {
        self.folder.path().join("into")
    }

    pub fn url(&self) -> String {
        url::Url::from_file_path(self.repository()).unwrap().to_string()
    }

    /// Runs git in the repository and returns what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgSign=false"])
            .args(arguments)
            .current_dir(self.repository())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits a file and returns the commit's id.
    pub fn commit(&self, path: &str, content: &[u8]) -> String {
        let file = self.repository().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self.git(&["add", "--all"]);
        self.commit_index()
    }

    pub fn commit_index(&self) -> String {
        self.git(&["commit", "--quiet", "--message=x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn fetch(&self, reference: Option<&str>) -> Result<Fetched, GitError> {
        self.fetch_with(reference, None, &options())
    }

    pub fn fetch_with(
        &self,
        reference: Option<&str>,
        subfolder: Option<&str>,
        options: &GitOptions,
    ) -> Result<Fetched, GitError> {
        let request = GitRequest {
            url: self.url(),
            reference: reference.map(str::to_owned),
            subfolder: subfolder.map(str::to_owned),
        };
        let _ = fs::remove_dir_all(self.target());
        fetch(&request, &self.target(), options)
    }

    /// An executable script in git's place. Written by another process: a file that this
    /// one has open for writing while a test beside it starts a program cannot be run.
    pub fn program(&self, script: &str) -> PathBuf {
        let path = self.folder.path().join("program");
        let status = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod +x \"$2\"", "sh"])
            .arg(script)
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        path
    }

    /// A path of this scene, quoted for a script.
    pub fn quoted(&self, name: &str) -> String {
        format!("'{}'", self.folder.path().join(name).display())
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

pub fn options() -> GitOptions {
    GitOptions { allow_file_urls: true, ..GitOptions::default() }
}

pub fn invalid<T: std::fmt::Debug>(result: Result<T, GitError>) -> String {
    match result {
        Err(GitError::Invalid(why)) => why,
        other => panic!("not invalid: {other:?}"),
    }
}

/// Looks again until it is so, for at most 20 s.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs. One that has ended and that nobody has reaped does not.
pub fn is_running(pid: &str) -> bool {
    assert!(pid.parse::<u32>().is_ok(), "{pid:?} is no process id");
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    status.is_ok_and(|text| !text.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}
