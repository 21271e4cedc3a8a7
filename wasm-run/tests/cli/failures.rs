//! Every way in which a call fails, and its exit status.

use serde_json::{Value, json};

use crate::{Package, command, example, wasm_run};

const ECHO: &str = "def calculate(inputs):\n    return inputs\n";

#[test]
fn an_exception_is_told_with_the_authors_lines() {
    let package = Package::single("", "def calculate(inputs):\n    return 1 / inputs['x']\n");
    let error = package.error(&["-i", r#"{"x": 0}"#], 1);
    assert_eq!(error["kind"], "exception");
    assert!(error["message"].as_str().unwrap().starts_with("ZeroDivisionError"), "{error}");
    let traceback = error["traceback"].as_str().unwrap();
    assert!(
        traceback.contains("handler.py\", line 2") && !traceback.contains("mecapy_shim"),
        "{traceback}"
    );
    let ran = package.run(&["-i", r#"{"x": 0}"#]).exits(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("error[exception] ZeroDivisionError"), "{}", ran.stderr);
    assert!(ran.stderr.lines().last().unwrap().starts_with("sandbox · "), "{}", ran.stderr);
}

#[test]
fn strict_outputs_fail() {
    let io = "io: {strict_outputs: true, outputs_schema: {type: object, required: [b, c]}}";
    let package = Package::single(io, "def calculate(inputs):\n    return {'a': 1}\n");
    let error = package.error(&[], 1);
    assert_eq!(error["kind"], "invalid_outputs");
    assert_eq!(error["violations"].as_array().unwrap().len(), 2);
    let no_form = Package::single("", "def calculate(inputs):\n    return {'a': [float('nan')]}\n");
    let error = no_form.error(&[], 1);
    assert_eq!(error["kind"], "invalid_outputs");
    assert!(error["message"].as_str().unwrap().contains("$.a[0]"), "{error}");
}

#[test]
fn every_bad_input_is_listed() {
    let ran =
        wasm_run([&example("rdm-poutre-flexion"), "-i", r#"{"longueur": -6, "inertie": "1"}"#])
            .exits(2);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.stderr.trim_end(), @r#"
    error[invalid_inputs] the inputs break 3 rules
      (whole)  `charge` is required (required)
      /longueur  longueur must be at least 0.1 m, got -6 (minimum)
      /inertie  inertie must be a number, got the text "1"; write it without quotes (type)
    "#);
}

#[test]
fn inputs_are_strict_json() {
    let package = Package::single("", ECHO);
    for (inputs, why) in [
        (r#"{"a": 1, "a": 2}"#, "duplicate key `a`"),
        ("[1]", "must be an object"),
        ("{", "not JSON"),
        (r#"{"a": NaN}"#, "not JSON"),
        ("@no such file", "cannot be opened"),
    ] {
        let error = package.error(&["-i", inputs], 2);
        assert_eq!(error["kind"], "invalid_inputs");
        assert!(error["message"].as_str().unwrap().contains(why), "{inputs}: {error}");
    }
}

#[test]
fn a_bad_package_is_told_with_its_lines() {
    let package = Package::single("runtime: {timout: 3}", ECHO);
    let object = package.run(&["--json"]).exits(2).json();
    let error = &object["error"];
    assert_eq!(error["kind"], "invalid_package");
    assert_eq!(error["problems"][0]["line"], 4);
    assert_eq!(error["problems"][0]["step"], "manifest");
    for unknown in ["function_id", "version", "engine", "engine_reason", "result"] {
        assert_eq!(object[unknown], Value::Null, "{unknown}");
    }
    assert_eq!((&object["logs"], &object["warnings"]), (&json!([]), &json!([])));
    assert_eq!(object["usage"]["wall_ms"], Value::Null);
    let ran = package.run(&[]).exits(2);
    assert!(ran.stderr.starts_with("error[invalid_package] mecapy.yaml:4:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("help did you mean `timeout`?"), "{}", ran.stderr);

    let syntax = Package::single("", "def calculate(inputs):\n    return (\n").error(&[], 2);
    assert_eq!(syntax["problems"][0]["file"], "handler.py");
    let import = Package::single(
        "",
        "import no_such_module\n\ndef calculate(inputs):\n    return no_such_module.x\n",
    );
    let error = import.error(&[], 2);
    assert_eq!(
        (&error["problems"][0]["file"], &error["problems"][0]["line"]),
        (&json!("handler.py"), &json!(1))
    );
    let absent = wasm_run(["no/such/package", "--json"]).exits(2).json();
    assert_eq!(absent["error"]["kind"], "invalid_package");
}

#[test]
fn limits_end_calls() {
    let loops = Package::single("", "def calculate(inputs):\n    while True:\n        pass\n");
    let error = loops.error(&["--timeout", "1"], 3);
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().contains("1 s"), "{error}");
    assert_eq!(loops.error(&["--fuel", "1e8"], 3)["kind"], "fuel_exhausted");
    let grows =
        Package::single("", "def calculate(inputs):\n    return len(bytearray(200_000_000))\n");
    assert_eq!(grows.error(&["--memory", "64"], 3)["kind"], "memory_exceeded");
    assert_eq!(
        grows.run(&["--json", "--memory", "300"]).exits(0).json()["result"],
        json!(200_000_000)
    );
    let large = Package::single("", "def calculate(inputs):\n    return 'x' * 20_000_000\n");
    assert_eq!(large.error(&[], 3)["kind"], "output_too_large");
}

#[test]
fn the_manifests_limits_hold_without_options() {
    let handler = "def calculate(inputs):\n    while True:\n        pass\n";
    assert_eq!(Package::single("runtime: {timeout: 1}", handler).error(&[], 3)["kind"], "timeout");
    assert_eq!(
        Package::single("runtime: {fuel: 100000000}", handler).error(&[], 3)["kind"],
        "fuel_exhausted"
    );
}

#[test]
fn docker_is_not_here() {
    let package = Package::single("runtime: {engine: docker}", ECHO);
    let object = package.run(&["--json"]).exits(4).json();
    assert_eq!(object["error"]["kind"], "engine_unavailable");
    assert_eq!(object["engine"], "docker");
    assert_eq!(object["engine_reason"], "the manifest says `engine: docker`");
    assert!(package.run(&[]).exits(4).stderr.contains("--engine sandbox"));
    // It can be tried all the same.
    assert_eq!(
        package.run(&["--json", "--engine", "sandbox"]).exits(0).json()["engine"],
        "sandbox"
    );
    // Nor are its tests run, which is told where there are some.
    assert_eq!(package.run(&["--test"]).exits(0).stderr, "");
    package.write("tests/test_handler.py", "def test_nothing():\n    pass\n");
    assert_eq!(package.error(&["--test"], 4)["kind"], "engine_unavailable");
    let plain = Package::single("", ECHO);
    assert_eq!(plain.error(&["--engine", "docker"], 4)["kind"], "engine_unavailable");
    // The inputs are looked at before.
    assert_eq!(plain.error(&["--engine", "docker", "-i", "[]"], 2)["kind"], "invalid_inputs");
}

#[test]
fn dependencies_need_uv() {
    let package =
        Package::single("dependencies: {packages: [\"never-resolved-by-tests==1.0\"]}", ECHO);
    let ran = command([package.path(), "--json"]).env("MECAPY_UV", "no/such/uv").output().unwrap();
    let object = crate::Ran::from(ran).exits(4).json();
    assert_eq!(object["error"]["kind"], "engine_unavailable");
    assert!(object["error"]["message"].as_str().unwrap().contains("MECAPY_UV"), "{object}");
}

#[test]
fn our_own_failures_are_internal() {
    let package = Package::single("", ECHO);
    package.write("file", "");
    let cache = format!("{}/file", package.path());
    assert_eq!(package.error(&["--cache-dir", &cache], 5)["kind"], "internal");
}

#[test]
fn usage_errors_are_json_where_json_is_asked_for() {
    for arguments in [
        &["--json"][..],
        &["pkg", "--json", "--nonsense"],
        &["pkg", "--json", "--timeout", "0"],
        &["pkg", "--json", "--memory", "9999"],
        &["pkg", "--json", "--fuel", "0"],
        &["pkg", "--json", "--bench", "0"],
        &["pkg", "--json", "--engine", "podman"],
        &["pkg", "--json", "--check", "--test"],
        &["pkg", "--json", "--watch", "-i", "-"],
    ] {
        let ran = wasm_run(arguments).exits(2);
        assert_eq!(ran.stderr, "");
        assert_eq!(ran.json()["error"]["kind"], "invalid_inputs", "{arguments:?}");
    }
    let ran = wasm_run(["pkg", "--timeout", "601"]).exits(2);
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("from 1 to 600 seconds"),
        "{}",
        ran.stderr
    );
}

#[test]
fn help_and_version() {
    let help = wasm_run(["--help"]).exits(0).stdout;
    for word in ["--inputs", "--deterministic", "Exit status", "MECAPY_CACHE_DIR"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(
        wasm_run(["--version"]).exits(0).stdout,
        format!("wasm-run {}\n", env!("CARGO_PKG_VERSION"))
    );
}
