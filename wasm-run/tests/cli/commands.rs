//! Checks, schemas, tests and benchmarks.

use serde_json::json;

use crate::{Package, example, wasm_run};

#[test]
fn checks_run_nothing() {
    let handler = "def calculate(x: float) -> dict:\n    raise SystemExit\n";
    let cases = "quality: {test_cases: [{inputs: {x: 1}, expected_outputs: {y: 1}}]}";
    let package = Package::single(cases, handler);
    let object = package.run(&["--check", "--json"]).exits(0).json();
    assert_eq!(object["status"], "completed");
    assert_eq!(object["name"], "tried");
    assert_eq!(object["functions"][0]["function_id"], "tried");
    assert_eq!(object["functions"][0]["engine"], "sandbox");
    assert_eq!(object["error"], json!(null));
    let ran = package.run(&["--check"]).exits(0);
    assert!(ran.stdout.starts_with("ok  tried  sandbox  "), "{}", ran.stdout);
    let docker = Package::single("runtime: {engine: docker}", handler);
    assert_eq!(
        docker.run(&["--check", "--json"]).exits(0).json()["functions"][0]["engine"],
        "docker"
    );
    let broken =
        Package::single("", "import os\n\ndef calculate(inputs):\n    return os.getcwd()\n");
    let object = broken.run(&["--check", "--json"]).exits(2).json();
    assert_eq!(object["error"]["problems"][0]["step"], "code");
}

#[test]
fn schemas_are_json() {
    let package = example("structural-analysis");
    let arguments = [package.as_str(), "--schema", "-f", "calculate-weld-resistance"];
    let object = wasm_run([&arguments[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(object["function_id"], "calculate-weld-resistance");
    assert_eq!(object["inputs_schema"]["type"], "object");
    assert!(object["outputs_schema"].is_object());
    let printed = wasm_run(arguments).exits(0).stdout;
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["inputs"], object["inputs_schema"]);
    assert_eq!(printed["outputs"], object["outputs_schema"]);
    wasm_run([&package, "--schema"]).exits(2);
}

#[test]
fn test_cases_that_pass_and_fail() {
    let cases = "quality:\n  test_cases:\n    - {inputs: {x: 1}, expected_outputs: {y: 2}}\n    \
                 - {name: wrong, inputs: {x: 1}, expected_outputs: {y: 3}}\n    - {inputs: {x: 0}}";
    let handler = "def calculate(x: float) -> dict:\n    return {'y': 2 / x}\n";
    let package = Package::single(cases, handler);
    let object = package.run(&["--test", "--json"]).exits(1).json();
    assert_eq!(
        (&object["status"], &object["passed"], &object["failed"]),
        (&json!("failed"), &json!(1), &json!(2))
    );
    assert_eq!(object["cases"][1]["mismatches"][0]["pointer"], "/y");
    assert_eq!(object["cases"][2]["error"]["kind"], "exception");
    assert_eq!(object["problems"].as_array().unwrap().len(), 2);
    let ran = package.run(&["--test"]).exits(1);
    assert!(
        ran.stdout
            .contains("FAIL  tried  case `wrong`  mecapy.yaml:7\n      /y  expected 3, got 2"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("\n1 passed, 2 failed · 1.0.0-"), "{}", ran.stdout);

    let good = Package::single(
        "quality: {test_cases: [{inputs: {x: 1}, expected_outputs: {y: 2}}]}",
        handler,
    );
    assert_eq!(good.run(&["--test", "--json"]).exits(0).json()["passed"], 1);
    let none = Package::single("", handler);
    assert!(none.run(&["--test"]).exits(0).stdout.contains("there are no tests"));
}

#[test]
fn pytest_runs_in_the_sandbox() {
    let package =
        Package::single("", "def calculate(x: float = 2) -> dict:\n    return {'y': 2 / x}\n");
    let tests = "from handler import calculate\n\ndef test_good():\n    assert calculate(2)['y'] == 1\n\n\
                 def test_bad():\n    assert calculate(2)['y'] == 3\n";
    package.write("tests/test_handler.py", tests);
    let object = package.run(&["--test", "--json"]).exits(1).json();
    assert_eq!(
        (&object["tests"]["passed"], &object["tests"]["failed"]),
        (&json!(1), &json!(1)),
        "{object}"
    );
    let ran = package.run(&["--test"]).exits(1);
    assert!(ran.stdout.contains("ok    tests/test_handler.py::test_good"), "{}", ran.stdout);
    assert!(ran.stdout.contains("FAIL  tests/test_handler.py::test_bad"), "{}", ran.stdout);
}

#[test]
fn native_modules_need_docker() {
    let handler =
        "def calculate(inputs):\n    import numpy\n    return float(numpy.ones(3).sum())\n";
    let package = Package::single("dependencies: {packages: [\"numpy==2.4.0\"]}", handler);
    let object = package.run(&["--json"]).exits(4).json();
    assert_eq!(object["error"]["kind"], "engine_unavailable");
    assert_eq!(object["engine"], "docker");
    let reason = object["engine_reason"].as_str().unwrap();
    assert!(
        reason.contains("numpy has no WASI build") && reason.contains("handler.py:2"),
        "{reason}"
    );
}

#[test]
fn benchmarks_tell_percentiles() {
    let package =
        Package::single("", "def calculate(x: float = 1) -> dict:\n    return {'y': 2 / x}\n");
    let object = package.run(&["--bench", "20", "--json"]).exits(0).json();
    assert_eq!((&object["calls"], &object["metered"]), (&json!(20), &json!(false)));
    let phases = object["phases"].as_object().unwrap();
    let names: Vec<_> = phases.keys().map(String::as_str).collect();
    assert_eq!(names, ["instantiate", "load", "call", "drop", "whole"]);
    for (name, phase) in phases {
        let at = |key: &str| phase[key].as_f64().unwrap();
        assert!(at("p50_ms") <= at("p95_ms") && at("p95_ms") <= at("p99_ms"), "{name}");
    }
    let object = package.run(&["--bench", "3", "--json", "--deterministic"]).exits(0).json();
    assert!(object["metered"] == true && object["fuel"].is_u64(), "{object}");
    let ran = package.run(&["--bench", "3"]).exits(0);
    assert!(
        ran.stdout.starts_with("phase ") && ran.stdout.contains("3 calls · "),
        "{}",
        ran.stdout
    );
    assert_eq!(package.error(&["--bench", "3", "-i", r#"{"x": 0}"#], 1)["kind"], "exception");
}
