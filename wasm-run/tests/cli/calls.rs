//! Calls that end well, for people and for programs.

use std::io::Write;
use std::process::Stdio;

use serde_json::json;

use crate::{Package, Ran, command, example, wasm_run};

const BEAM: &str = r#"{"longueur": 6, "charge": 10000, "inertie": 8.356e-5}"#;

/// The usage line without what differs from run to run.
fn normalised(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" · ") {
        Some((engine, rest)) => format!("{engine} · … · {}", rest.rsplit(" · ").next().unwrap()),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_result_for_people() {
    let ran = wasm_run([&example("rdm-poutre-flexion"), "-i", BEAM]).exits(0);
    insta::assert_snapshot!(normalised(&ran.stdout), @r"
    fleche_max           9.6167  mm  Flèche maximale
    position_fleche_max  3       m   Position
    sandbox · … · 1.0.1-6ad263b2be63
    ");
    assert!(
        !ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
        "colour off a terminal"
    );
}

#[test]
fn a_result_for_programs() {
    let object = wasm_run([&example("rdm-poutre-flexion"), "--json", "-i", BEAM]).exits(0).json();
    let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "status",
            "function_id",
            "version",
            "engine",
            "engine_reason",
            "result",
            "error",
            "logs",
            "warnings",
            "usage",
        ]
    );
    assert_eq!(object["status"], "completed");
    assert_eq!(object["function_id"], "rdm-poutre-flexion");
    assert_eq!(object["engine"], "sandbox");
    assert_eq!(object["result"]["position_fleche_max"].to_string(), "3.0");
    assert_eq!(object["error"], json!(null));
    let usage = object["usage"].as_object().unwrap();
    let keys: Vec<_> = usage.keys().map(String::as_str).collect();
    assert_eq!(keys, ["fuel", "wall_ms", "cpu_ms", "peak_memory_bytes", "cold"]);
    assert_eq!(usage["fuel"], json!(null));
    // Preparing the package, if it was done just before, leaves a memory at hand.
    assert!(usage["cold"].is_boolean());
    assert!(usage["wall_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn inputs_come_from_a_file_or_standard_input() {
    let package = Package::single("", "def calculate(inputs):\n    return inputs\n");
    package.write("in.json", r#"{"a": 1.50, "long": 123456789012345678901234567890}"#);
    let from_file =
        package.run(&["--json", "-i", &format!("@{}/in.json", package.path())]).exits(0);
    assert_eq!(
        from_file.json()["result"].to_string(),
        r#"{"a":1.5,"long":123456789012345678901234567890}"#
    );
    let mut child = command([package.path(), "--json", "-i", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"b\": \"\xc3\xa9\"}").unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.exits(0).json()["result"], json!({"b": "é"}));
}

#[test]
fn a_script_and_a_zip_are_packages() {
    let folder = Package::new(&[(
        "bolt area.py",
        "def calculate(d: float = 2.0) -> dict:\n    return {'a': d * d}\n",
    )]);
    let script = format!("{}/bolt area.py", folder.path());
    let object = wasm_run([&script, "--json"]).exits(0).json();
    assert_eq!(object["function_id"], "bolt-area");
    assert_eq!(object["result"], json!({"a": 4.0}));

    let path = format!("{}/packed.zip", folder.path());
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, content) in [
        (
            "p/mecapy.yaml",
            "version: \"1.0\"\nmetadata: {name: packed}\nversioning: {version: \"1.0.0\"}\n",
        ),
        ("p/handler.py", "def calculate(inputs):\n    return 7\n"),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(wasm_run([&path]).exits(0).stdout.lines().next(), Some("7"));
}

#[test]
fn one_of_several_functions() {
    let package = example("structural-analysis");
    let inputs = r#"{"throat": 5, "length": 200, "steel": "S235", "force": 150000}"#;
    let ran =
        wasm_run([&package, "-f", "calculate-weld-resistance", "-i", inputs, "--json"]).exits(0);
    assert_eq!(ran.json()["function_id"], "calculate-weld-resistance");
    let none = wasm_run([&package, "-i", inputs]).exits(2);
    assert!(
        none.stderr.contains("calculate-bolt-resistance, calculate-weld-resistance"),
        "{}",
        none.stderr
    );
    let near = wasm_run([&package, "-f", "calculate-weld-resistence", "-i", inputs, "--json"])
        .exits(2)
        .json();
    let message = near["error"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `calculate-weld-resistance`?"), "{message}");
    assert_eq!(near["error"]["kind"], "invalid_inputs");
}

#[test]
fn logs_go_to_standard_error_or_into_the_object() {
    let handler = "import logging\n\ndef calculate(inputs):\n    print('one')\n    logging.warning('two')\n    return {}\n";
    let package = Package::single("", handler);
    let ran = package.run(&[]).exits(0);
    insta::assert_snapshot!(ran.stderr.trim_end(), @r"
      print one
    warning two
    ");
    let ran = package.run(&["--json"]).exits(0);
    assert_eq!(ran.stderr, "");
    let object = ran.json();
    let logs: Vec<_> = object["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (&log["level"], &log["message"]))
        .collect();
    assert_eq!(logs, [(&json!("stdout"), &json!("one")), (&json!("warning"), &json!("two"))]);
    assert!(object["logs"][0]["at_ms"].is_number());
}

#[test]
fn deterministic_calls_repeat() {
    let handler = "import random, time\n\ndef calculate(inputs):\n    return [random.random(), time.time(), hash('x')]\n";
    let package = Package::single("", handler);
    let run = || {
        let object = package.run(&["--json", "--deterministic"]).exits(0).json();
        (object["result"].to_string(), object["usage"]["fuel"].as_u64().unwrap())
    };
    assert_eq!(run(), run());
}

#[test]
fn loose_outputs_are_a_warning() {
    let io = "io: {outputs_schema: {type: object, required: [b]}}";
    let package = Package::single(io, "def calculate(inputs):\n    return {'a': 1}\n");
    let object = package.run(&["--json"]).exits(0).json();
    assert_eq!(object["warnings"][0]["code"], "invalid_outputs");
    assert_eq!(object["warnings"][0]["violations"][0]["rule"], "required");
    let ran = package.run(&[]).exits(0);
    assert!(
        ran.stderr.starts_with("warning the result breaks the outputs schema"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_known_of_a_package_is_kept_and_verified() {
    let handler =
        format!("# {:?}\ndef calculate(inputs):\n    return 1\n", std::time::SystemTime::now());
    let package = Package::single("", &handler);
    let cache = tempfile::tempdir().unwrap();
    let shared = command([""; 0]).get_envs().find_map(|(_, value)| value).unwrap().to_owned();
    // The compiled code of all tests, and answers of its own.
    package.run(&[]).exits(0);
    std::os::unix::fs::symlink(
        std::path::Path::new(&shared).join("code"),
        cache.path().join("code"),
    )
    .unwrap();
    let cached = ["--cache-dir", cache.path().to_str().unwrap()];
    package.run(&cached).exits(0);
    let entries = || {
        let folder = std::fs::read_dir(cache.path().join("answers")).unwrap();
        let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let before = entries();
    assert!(!before.is_empty());
    let whole: Vec<_> = before.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for path in &before {
        std::fs::write(path, b"not an answer").unwrap();
    }
    package.run(&cached).exits(0);
    assert_eq!(entries(), before);
    let again: Vec<_> = before.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(again, whole, "altered entries are replaced");
}
