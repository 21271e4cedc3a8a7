//! `wasm-run` where functions need Docker: the examples, as an author runs them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use mecapy_tests::repository;
use serde_json::{Value, json};

use crate::support::{BASE, docker, is_left_out, until};

/// How the program ended.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one object on standard output.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// The program itself, which is built beside the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("a target folder");
    let program = folder.join("wasm-run");
    assert!(program.is_file(), "{}: run `cargo build --workspace`", program.display());
    program
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .current_dir(repository::root())
        .env("MECAPY_CACHE_DIR", repository::cache())
        .env("MECAPY_DOCKER_PYTHON_BASE", BASE)
        .env("MECAPY_DOCKER_SCIENTIFIC_BASE", BASE)
        .env("MECAPY_DOCKER_CFD_BASE", BASE)
        .env("MECAPY_DOCKER_VERSIONS", "3.11")
        .env_remove("MECAPY_DOCKER_USE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it, and looks for what it left.
fn wasm_run_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
    let mut command = command(arguments);
    change(&mut command);
    let child = command.spawn().expect("wasm-run starts");
    let label = format!("label=mecapy.owner=wasm-run {}", child.id());
    let output = child.wait_with_output().expect("wasm-run ends");
    until("no container of it is left", || {
        docker(&["ps", "--all", "--quiet", "--filter", &label]).is_empty()
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        status: output.status.code().expect("it ended by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn wasm_run(arguments: &[&str]) -> Ran {
    wasm_run_with(arguments, |_| {})
}

/// The first test case's inputs of an example, and what they give.
fn first_case(folder: &str) -> (String, Value) {
    let ran = wasm_run(&["--test", "--json", folder]).exits(0);
    let report = ran.json();
    assert_eq!(report["failed"], 0, "{report}");
    assert!(report["passed"].as_u64().is_some_and(|passed| passed > 0), "{report}");
    assert_eq!(report["needs_docker"], json!([]), "{report}");
    (ran.stderr, report["cases"][0]["result"].clone())
}

fn passes_its_tests(folder: &str) {
    if is_left_out() {
        return;
    }
    let (_, result) = first_case(folder);
    assert!(result.is_object(), "{result}");
    let check = wasm_run(&["--check", "--json", folder]).exits(0).json();
    let function = &check["functions"][0];
    assert_eq!(function["engine"], "docker", "{check}");
    assert!(function["engine_reason"].as_str().is_some_and(|why| !why.is_empty()), "{check}");
}

macro_rules! examples {
    ($($test:ident: $folder:literal,)*) => {
        $(#[test]
        fn $test() {
            passes_its_tests(concat!("examples/docker/", $folder));
        })*

        #[test]
        fn every_example_has_a_test() {
            let folder = repository::root().join("examples/docker");
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
            let mut there: Vec<_> = entries
                .filter(|entry| entry.path().is_dir())
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            there.sort();
            assert_eq!(there, [$($folder),*]);
        }
    };
}

examples! {
    matrice_inverse: "matrice-inverse",
    strain_gauges: "strain-gauges",
    stress_strain_figure: "stress-strain-figure",
    truss_optimisation: "truss-optimisation",
}

const INVERSE: &str = r#"{"matrice": [[1, 2], [3, 4]]}"#;

#[test]
fn a_function_that_needs_docker_is_called_there() {
    if is_left_out() {
        return;
    }
    let folder = "examples/docker/matrice-inverse";
    let told = wasm_run(&["--json", "-i", INVERSE, folder]).exits(0).json();
    assert_eq!(told["status"], "completed");
    assert_eq!(told["engine"], "docker");
    assert!(told["engine_reason"].as_str().unwrap().contains("numpy"), "{told}");
    let determinant = told["result"]["determinant"].as_f64().unwrap();
    assert!((determinant + 2.0).abs() < 1e-9, "{told}");
    // Its schemas were asked of the container before.
    assert!(told["usage"]["cold"].is_boolean(), "{told}");
    assert!(told["usage"]["wall_ms"].as_f64().unwrap() > 0.0 && told["usage"]["fuel"].is_null());
    // For a person.
    let ran = wasm_run(&["-i", INVERSE, folder]).exits(0);
    assert!(ran.stdout.contains("docker ·"), "{}", ran.stdout);
    // What it is given is checked before.
    let error = wasm_run(&["--json", "-i", r#"{"matrice": "x"}"#, folder]).exits(2).json();
    assert_eq!(error["error"]["kind"], "invalid_inputs");
    let raised = wasm_run(&["--json", "-i", r#"{"matrice": [[1, 2]]}"#, folder]).exits(1).json();
    assert_eq!(raised["error"]["kind"], "exception", "{raised}");
    let schema = wasm_run(&["--schema", "--json", folder]).exits(0).json();
    assert_eq!(schema["inputs_schema"]["required"], json!(["matrice"]));
}

#[test]
fn any_function_can_be_run_in_docker() {
    if is_left_out() {
        return;
    }
    let inputs = ["--json", "-i", r#"{"force": 1000, "section": 10}"#];
    let folder = repository::root().join("examples/calcul-contrainte-vis");
    // The tests' bases have no 3.12, which its manifest wants.
    let package = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let text = text.replace("python_version: \"3.12\"", "python_version: \"3.11\"");
            std::fs::write(package.path().join(entry.file_name()), text).unwrap();
        }
    }
    let package = package.path().to_str().unwrap();
    let here = wasm_run(&[&inputs[..], &["--engine", "docker", package]].concat()).exits(0).json();
    let there =
        wasm_run(&[&inputs[..], &["--engine", "sandbox", package]].concat()).exits(0).json();
    assert_eq!((&here["engine"], &there["engine"]), (&json!("docker"), &json!("sandbox")));
    assert_eq!(here["result"], there["result"]);
    assert_eq!(here["version"], there["version"]);
    let auto = wasm_run(&[&inputs[..], &["--engine", "auto", package]].concat()).exits(0).json();
    assert_eq!(auto["engine"], "sandbox");
    let folder = folder.to_str().unwrap();
    let refused =
        wasm_run(&[&inputs[..], &["--engine", "docker", folder]].concat()).exits(4).json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("3.12"), "{message}");
}

#[test]
fn limits_and_failures_have_their_exit_status() {
    if is_left_out() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handler.py");
    let path = file.to_str().unwrap();
    let calls: [(&str, &[&str], i32, &str); 5] = [
        ("return 1", &[], 0, ""),
        ("raise ValueError('no')", &[], 1, "exception"),
        ("return {1, 2}", &[], 1, "invalid_outputs"),
        ("while True: pass", &["--timeout", "1"], 3, "timeout"),
        ("return len(bytearray(1 << 30))", &["--memory", "64"], 3, "memory_exceeded"),
    ];
    for (body, options, status, kind) in calls {
        std::fs::write(&file, format!("def calculate():\n    print('said')\n    {body}\n"))
            .unwrap();
        let arguments = [&["--json", "--engine", "docker"], options, &[path]].concat();
        let told = wasm_run(&arguments).exits(status).json();
        assert_eq!(told["engine"], "docker", "{told}");
        assert_eq!(told["error"]["kind"].as_str().unwrap_or_default(), kind, "{told}");
        assert_eq!(told["logs"][0]["message"], "said", "{told}");
    }
}

#[test]
fn without_docker_it_is_said_why() {
    if is_left_out() {
        return;
    }
    let arguments = ["--json", "-i", INVERSE, "examples/docker/matrice-inverse"];
    for (name, value) in [
        ("MECAPY_DOCKER_USE", "never"),
        ("MECAPY_DOCKER_HOST", "unix:///nowhere/docker.sock"),
        ("MECAPY_DOCKER_VERSIONS", "3.99"),
    ] {
        let ran = wasm_run_with(&arguments, |command| {
            command.env(name, value);
        });
        let told = ran.exits(4).json();
        assert_eq!(told["error"]["kind"], "engine_unavailable", "{name}: {told}");
    }
}
