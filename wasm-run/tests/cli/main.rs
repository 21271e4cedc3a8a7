//! The program itself, run as an author runs it: every option and every exit status.
//!
//! All tests share one folder of compiled code, so that the component is compiled once.

mod calls;
mod commands;
mod failures;
mod files;
mod interruption;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What ended.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The one object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines: Vec<_> = self.stdout.lines().collect();
        assert_eq!(lines.len(), 1, "{}{}", self.stdout, self.stderr);
        serde_json::from_str(lines[0]).expect("standard output is JSON")
    }

    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            status: output.status.code().expect("it ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

pub fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasm-run"));
    let shared = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../mecapy-cache");
    let cache = std::env::var_os("MECAPY_CACHE_DIR").map_or_else(shared, PathBuf::from);
    command
        .args(arguments)
        .env("MECAPY_CACHE_DIR", cache)
        .env("MECAPY_DOCKER_USE", "never")
        .stdin(Stdio::null());
    command
}

pub fn wasm_run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    command(arguments).output().expect("wasm-run starts").into()
}

pub fn example(name: &str) -> String {
    format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A package in a folder of its own.
pub struct Package {
    folder: TempDir,
}

impl Package {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let package = Self { folder: tempfile::tempdir().unwrap() };
        for (name, content) in files {
            package.write(name, content);
        }
        package
    }

    /// A single-function package whose `io` and other keys are given as YAML.
    pub fn single(more: &str, handler: &str) -> Self {
        let manifest = format!(
            "version: \"1.0\"\nmetadata: {{name: tried}}\nversioning: {{version: \"1.0.0\"}}\n{more}\n"
        );
        Self::new(&[("mecapy.yaml", &manifest), ("handler.py", handler)])
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        wasm_run([&[self.path()], arguments].concat())
    }

    /// The error of a call with `--json`.
    #[track_caller]
    pub fn error(&self, arguments: &[&str], status: i32) -> Value {
        let object = self.run(&[&["--json"], arguments].concat()).exits(status).json();
        assert_eq!(object["status"], "failed");
        assert_eq!(object["result"], Value::Null);
        object["error"].clone()
    }
}
