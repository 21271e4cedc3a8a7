//! The arrows between the workspace's crates point one way, and `unsafe` stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use mecapy_tests::repository;
use serde_json::Value;

/// Each crate, and those of ours that it may depend on. A new crate has to be added here.
const ARROWS: [(&str, &[&str]); 10] = [
    ("mecapy-model", &[]),
    ("mecapy-package", &["mecapy-model"]),
    ("mecapy-host-api", &["mecapy-model"]),
    ("mecapy-component-fuse", &[]),
    ("mecapy-python-wasm", &["mecapy-component-fuse", "mecapy-model"]),
    (
        "mecapy-runtime",
        &["mecapy-component-fuse", "mecapy-host-api", "mecapy-model", "mecapy-python-wasm"],
    ),
    ("mecapy-fallback-docker", &["mecapy-model"]),
    ("wasm-run", EVERYTHING),
    // It is wired together in two modules of the program; see below.
    (
        "mecapy-server",
        &["mecapy-fallback-docker", "mecapy-model", "mecapy-package", "mecapy-runtime"],
    ),
    ("mecapy-tests", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "mecapy-fallback-docker",
    "mecapy-host-api",
    "mecapy-model",
    "mecapy-package",
    "mecapy-python-wasm",
    "mecapy-runtime",
];

/// Crates that know that there is WebAssembly.
const KNOW_WASMTIME: [&str; 2] = ["mecapy-host-api", "mecapy-runtime"];

/// One that makes the component with it, when it is built; and one whose tests run what it
/// made of components.
const OTHERWISE: [(&str, &str); 2] =
    [("mecapy-python-wasm", "build"), ("mecapy-component-fuse", "dev")];

/// Modules with `unsafe` blocks, below the root: mapping compiled code, and memory.
const UNSAFE: [&str; 2] = ["runtime/src/artifact.rs", "runtime/src/memory/"];

/// `(dependency, kind)` of each crate; the kind is `normal`, `dev` or `build`.
fn dependencies() -> BTreeMap<String, Vec<(String, String)>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(repository::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let named = dependencies.map(|one| {
                (
                    text(&one["name"]).unwrap(),
                    text(&one["kind"]).unwrap_or_else(|| "normal".to_owned()),
                )
            });
            (text(&package["name"]).unwrap(), named.collect())
        })
        .collect()
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(
        ours,
        ARROWS.map(|(name, _)| name).into(),
        "every crate has its arrows, and no other has"
    );
    for (name, allowed) in ARROWS {
        for (dependency, kind) in &dependencies[name] {
            let fine =
                !ours.contains(dependency.as_str()) || allowed.contains(&dependency.as_str());
            assert!(fine, "{name} depends on {dependency} ({kind})");
        }
    }
}

#[test]
fn wasmtime_is_known_to_two_crates() {
    for (name, dependencies) in dependencies() {
        for (dependency, kind) in dependencies {
            let fine = !dependency.starts_with("wasmtime")
                || KNOW_WASMTIME.contains(&name.as_str())
                || OTHERWISE.contains(&(name.as_str(), kind.as_str()));
            assert!(fine, "{name} depends on {dependency} ({kind})");
        }
    }
}

/// The server's library knows engines by their seam: only the program names one.
#[test]
fn the_server_names_an_engine_where_it_is_wired() {
    const WIRED: [&str; 1] = ["server/src/wiring.rs"];
    let mut found = BTreeSet::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| file.starts_with("server/")) {
        let names_engine = ["use runtime::", " runtime::S", "fallback_docker::", "bollard"]
            .iter()
            .any(|name| text.contains(name));
        if names_engine {
            assert!(WIRED.contains(&file.as_str()), "{file} names an engine");
            found.insert(file.clone());
        }
        // Databases likewise: `Arc<dyn Store>` is all that the rest sees.
        let may_know = file.starts_with("server/src/store/sqlite")
            || file.starts_with("server/src/commands/")
            || WIRED.contains(&file.as_str());
        assert!(may_know || !text.contains("rusqlite::"), "{file} names the database's library");
    }
    assert_eq!(found.len(), WIRED.len());
}

#[test]
fn unsafe_stays_where_it_is() {
    let mut with_unsafe = BTreeSet::new();
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.trim().ends_with("allow(unsafe_code)]") {
                assert!(
                    UNSAFE.iter().any(|allowed| file.starts_with(allowed)),
                    "{file}:{}: {line}",
                    i + 1
                );
                with_unsafe.insert(file.clone());
            }
            if has_unsafe(code) {
                assert!(
                    UNSAFE.iter().any(|allowed| file.starts_with(allowed)),
                    "{file}:{}: {line}",
                    i + 1
                );
                // A function's reasons stand at its blocks, or at the trait that it belongs to.
                let reason = code.contains("unsafe fn")
                    || lines[i.saturating_sub(8)..i].iter().any(|line| line.contains("SAFETY:"));
                assert!(reason, "{file}:{}: `unsafe` without its `SAFETY:` reason", i + 1);
            }
        }
    }
    // Otherwise nothing was read, or the list is longer than it has to be.
    for allowed in UNSAFE {
        assert!(
            with_unsafe.iter().any(|file| file.starts_with(allowed)),
            "nothing unsafe in {allowed}"
        );
    }
}

/// Whether a line of code opens a block, a function or an implementation.
fn has_unsafe(code: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern"]
        .iter()
        .any(|form| code.contains(form))
        && !code.contains('"')
}

/// All Rust files of the workspace's crates, by their paths below the root.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = repository::root();
    let mut found = Vec::new();
    collect(&root, &mut found);
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    found.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}
