//! Dependencies from the package index, by the real `uv`.
//!
//! Needs `uv` (in MECAPY_UV or on PATH) and an index; fails without.

#![allow(clippy::result_large_err, reason = "as calls answer")]

mod common;

use std::path::Path;

use common::scripted::{SOLVE, Scripted, import, missing, run};
use common::{SINGLE, tree};
use mecapy_package::dependencies::{
    self, DependencyError, Lock, PYTEST, Requirement, Resolver, Vendored,
};
use mecapy_package::{Archive, Engines, Options, manifest, run_tests};
use model::executor::{Inspection, TestReport, TestResult};
use model::{Engine, Failure};
use serde_json::{Map, Value, json};

fn requirements(text: &str) -> Vec<Requirement> {
    let archive = Archive {
        tree: tree(&[("mecapy.yaml", SINGLE), ("handler.py", ""), ("requirements.txt", text)]),
        script: None,
    };
    let source = manifest::read(&archive).unwrap();
    dependencies::of_package(&archive.tree, &source).unwrap()
}

fn resolver(cache: &Path) -> Resolver {
    Resolver { cache: Some(cache.to_owned()), ..Resolver::default() }
}

fn both(resolver: &Resolver, text: &str) -> (Lock, Vendored) {
    let lock = resolver.lock(&requirements(text)).unwrap_or_else(|error| panic!("{error}"));
    let vendored = resolver.vendor(&lock).unwrap_or_else(|error| panic!("{error}"));
    (lock, vendored)
}

#[test]
fn pure_packages_are_locked_laid_out_and_kept() {
    let cache = tempfile::tempdir().unwrap();
    let resolver = resolver(cache.path());
    let (lock, vendored) = both(&resolver, "sympy==1.14.0\n");
    let names: Vec<_> =
        lock.packages.iter().map(|one| (one.name.as_str(), one.via.join(" "))).collect();
    assert_eq!(names, [("mpmath", "sympy".to_owned()), ("sympy", String::new())]);
    assert!(
        lock.packages.iter().all(|one| !one.hashes.is_empty()
            && one.hashes.iter().all(|hash| hash.starts_with("sha256:")))
    );
    assert!(
        vendored.tree.file("sympy/__init__.py").is_some()
            && vendored.tree.file("mpmath/__init__.py").is_some()
    );
    assert!(vendored.tree.file("sympy-1.14.0.dist-info/METADATA").is_some());
    assert!(vendored.tree.entry("bin").is_none() && vendored.tree.entry(".lock").is_none());
    assert_eq!(vendored.native_modules().count(), 0);
    assert_eq!(serde_json::from_str::<Lock>(&serde_json::to_string(&lock).unwrap()).unwrap(), lock);

    // Again, without any `uv`: all is in the cache.
    let absent = Resolver { uv: Some("/nowhere/uv".into()), ..resolver.clone() };
    let (again, kept) = both(&absent, "sympy==1.14.0\n");
    assert_eq!(
        (again, kept.tree.files().len(), kept.distributions.clone()),
        (lock, vendored.tree.files().len(), vendored.distributions.clone())
    );
    assert_eq!(kept.tree, vendored.tree);

    // What was altered is made again, not used.
    for file in std::fs::read_dir(cache.path()).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(matches!(
        absent.lock(&requirements("sympy==1.14.0\n")),
        Err(DependencyError::NoResolver(_))
    ));
    assert_eq!(both(&resolver, "sympy==1.14.0\n").1.tree, vendored.tree);
}

#[test]
fn native_files_are_left_out_and_remembered() {
    let cache = tempfile::tempdir().unwrap();
    let (_, mut vendored) = both(&resolver(cache.path()), "numpy\npyyaml\nmarkupsafe\n");
    let paths: Vec<String> = vendored.tree.files().into_iter().map(|(path, _)| path).collect();
    assert!(!paths.iter().any(|path| path.contains(".so") || path.contains(".libs/")), "{paths:?}");
    assert!(
        vendored.tree.file("yaml/__init__.py").is_some()
            && vendored.tree.file("markupsafe/_native.py").is_some()
    );
    assert_eq!(vendored.native_distribution_of("numpy._core._multiarray_umath"), Some("numpy"));
    assert_eq!(vendored.native_distribution_of("yaml._yaml"), Some("PyYAML"));
    assert_eq!(vendored.native_distribution_of("yaml.nothing"), None);
    assert_eq!(vendored.doubtful_modules(), ["_yaml", "markupsafe", "numpy", "yaml"]);
    vendored.take_out(&["numpy".to_owned()].into());
    assert!(vendored.tree.entry("numpy").is_none() && vendored.tree.entry("yaml").is_some());
    assert_eq!(vendored.native_distribution_of("numpy.linalg"), Some("numpy"));
}

#[test]
fn what_cannot_be_resolved_is_told_at_its_line() {
    let resolver = Resolver::default();
    for (text, line, message, help) in [
        (
            "sympy\nno-such-package-of-mecapy\n",
            2,
            "was not found in the package registry",
            "correct the name",
        ),
        (
            "sympy\nnumpy==1.24.0\n",
            2,
            "numpy==1.24.0 has no usable wheels",
            "nothing is built from source",
        ),
        ("docopt\n", 1, "have no usable wheels", "nothing is built from source"),
        ("mpmath==1.4.1\nsympy==1.13.0\n", 1, "mpmath", "change the versions required"),
        ("sympy==999\n", 1, "there is no version of sympy==999", "change the versions required"),
    ] {
        let Err(DependencyError::Package(error)) = resolver.lock(&requirements(text)) else {
            panic!("{text}")
        };
        let said = error.to_string();
        assert_eq!(
            (error.problems[0].file.as_str(), error.problems[0].line),
            ("requirements.txt", Some(line)),
            "{said}"
        );
        assert!(said.contains(message) && said.ends_with(help) | said.contains(help), "{said}");
        assert!(!said.contains("warning") && !said.contains("×"), "{said}");
    }
}

#[test]
fn without_uv_it_is_said_how_to_get_it() {
    let absent = Resolver { uv: Some("/nowhere/uv".into()), ..Resolver::default() };
    let Err(DependencyError::NoResolver(text)) = absent.lock(&requirements("sympy\n")) else {
        panic!()
    };
    assert!(text.contains("pip install uv") && text.contains("MECAPY_UV"), "{text}");
    // Nothing to resolve, nothing needed.
    assert!(absent.lock(&[]).unwrap().is_empty());
    assert!(absent.vendor(&Lock::default()).unwrap().tree.is_empty());
}

#[test]
fn a_cancelled_resolution_ends() {
    let resolver = Resolver::default();
    resolver.cancel.cancel();
    assert!(matches!(resolver.lock(&requirements("scipy\n")), Err(DependencyError::Cancelled)));
}

#[test]
fn processes_share_a_cache() {
    let cache = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| both(&resolver(cache.path()), "mpmath==1.3.0\n")))
            .collect();
        for run in runs {
            let (lock, vendored) = run.join().unwrap();
            assert_eq!(lock.packages.len(), 1);
            assert!(vendored.tree.file("mpmath/__init__.py").is_some());
        }
    });
    // Two entries, and nothing half-written beside them.
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 2);
}

#[test]
fn pytest_is_had_in_the_same_way() {
    let vendored = Resolver::default().pytest().unwrap();
    assert!(vendored.tree.entry("pytest").is_some() && vendored.tree.entry("_pytest").is_some());
    assert_eq!(vendored.native_modules().count(), 0);
    let pytest = vendored.distributions.iter().find(|one| one.name == "pytest").unwrap();
    assert_eq!(format!("pytest=={}", pytest.version), PYTEST);
}

#[test]
fn tests_that_fail_are_told() {
    let files = [SOLVE[0], SOLVE[1], ("tests/test_handler.py", "")];
    let test = |name: &str, outcome: &str| TestResult {
        name: name.to_owned(),
        outcome: outcome.to_owned(),
        message: Some("assert 1 == 2".to_owned()),
    };
    let tests = TestReport {
        passed: 1,
        failed: 1,
        skipped: 0,
        tests: vec![
            test("tests/test_handler.py::test_a", "passed"),
            test("tests/test_handler.py::test_b", "failed"),
        ],
    };
    let executor =
        Scripted { call: Some(|_| Ok(json!({"b": 3}))), tests: Some(tests), ..Scripted::default() };
    let prepared = run(&executor, &files).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.resolver.cache = Some(cache.path().to_owned());
    let report = run_tests(&prepared, &Engines::only(&executor), &options).unwrap();
    assert!(!report.passed());
    let problems: Vec<_> = report.problems("mecapy.yaml").iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "mecapy.yaml:8: case 1 of `beam` gave another result at `/b`: expected 2, got 3 (relative difference 3.3e-1, tolerance 1e-9); correct the function or its `expected_outputs`",
            "tests/test_handler.py: tests/test_handler.py::test_b failed: assert 1 == 2; correct the function or its test",
        ]
    );
}

/// A sandbox in which numpy does not import, and the handler needs it.
fn numpy_fails(inputs: &Map<String, Value>) -> Result<Value, Failure> {
    match inputs.get("modules") {
        Some(modules) if modules.as_array().unwrap().contains(&json!("numpy")) => {
            Ok(json!({"numpy": "ImportError: no _multiarray_umath"}))
        }
        Some(_) => Ok(json!({})),
        None => Ok(json!({"b": 2})),
    }
}

#[test]
fn a_package_that_uses_numpy_needs_docker_and_one_that_does_not_does_not() {
    let files = [SOLVE[0], SOLVE[1], ("requirements.txt", "numpy\npyyaml\n")];
    let inspection = |used| Inspection {
        problems: Vec::new(),
        imports: vec![
            import("yaml", "handler.py", 2, true, true),
            import("numpy", "handler.py", 1, used, false),
        ],
    };
    let describe =
        [("handler:calculate".to_owned(), Err(missing("numpy", "handler.py", 1)))].into();
    let executor = Scripted {
        inspection: inspection(true),
        describe,
        call: Some(numpy_fails),
        ..Scripted::default()
    };
    let prepared = run(&executor, &files).unwrap();
    let function = &prepared.functions[0];
    assert_eq!(
        (function.engine, function.engine_reason.as_str()),
        (Engine::Docker, "numpy has no WASI build, imported by handler.py:1")
    );
    assert!(
        prepared.bundle.deps.entry("numpy").is_none()
            && prepared.bundle.deps.entry("yaml").is_some()
    );
    assert_eq!(prepared.native_distribution_of("numpy.linalg"), Some("numpy"));

    let executor =
        Scripted { inspection: inspection(false), call: Some(numpy_fails), ..Scripted::default() };
    let prepared = run(&executor, &files).unwrap();
    assert_eq!(prepared.functions[0].engine, Engine::Sandbox);
    assert_eq!(prepared.bundle.left_out.len(), 1);
    assert!(prepared.lock.package("numpy").is_some());

    // Through a dependency that is pure itself.
    let describe =
        [("handler:calculate".to_owned(), Err(missing("numpy", "deps/fluids/numerics.py", 7)))]
            .into();
    let executor = Scripted {
        inspection: Inspection::default(),
        describe,
        call: Some(numpy_fails),
        ..Scripted::default()
    };
    let prepared = run(&executor, &files).unwrap();
    assert_eq!(
        prepared.functions[0].engine_reason,
        "numpy has no WASI build, imported by fluids/numerics.py:7"
    );
}
