//! Every package of `tests/acceptance` and `examples`, as a deploy takes it: read, prepared
//! with its dependencies from the index, its test cases and its pytest tests run, all in
//! the sandbox.
//!
//! Needs `uv` (in MECAPY_UV or on PATH) and an index; fails without.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use mecapy_tests::{repository, sandbox};
use model::Engine;
use package::dependencies::Resolver;
use package::{Engines, Options, Prepared, Report, archive, manifest, prepare, run_tests};

/// One test for each package; and one that none was forgotten.
macro_rules! packages {
    ($($test:ident: $folder:literal,)*) => {
        $(#[test]
        fn $test() {
            let (prepared, report) = checked($folder);
            assert_eq!(report.tests.is_some(), repository::root().join($folder).join("tests").is_dir());
            expect($folder, &prepared);
        })*

        #[test]
        fn every_package_has_a_test() {
            let there: BTreeSet<String> = ["examples", "tests/acceptance"].into_iter().flat_map(folders).collect();
            let tested: BTreeSet<String> = [$($folder.to_owned()),*].into();
            assert_eq!(tested, there);
        }
    };
}

packages! {
    fluids: "tests/acceptance/fluids",
    jinja2: "tests/acceptance/jinja2",
    mpmath: "tests/acceptance/mpmath",
    networkx: "tests/acceptance/networkx",
    pint: "tests/acceptance/pint",
    sympy: "tests/acceptance/sympy",
    beam_formulas_sympy: "examples/beam-formulas-sympy",
    calcul_contrainte_vis: "examples/calcul-contrainte-vis",
    eurocode3_bolt_resistance: "examples/eurocode3-bolt-resistance",
    mechanical_stress_analysis: "examples/mechanical-stress-analysis",
    rdm_poutre_flexion: "examples/rdm-poutre-flexion",
    steel_column_buckling: "examples/steel-column-buckling",
    structural_analysis: "examples/structural-analysis",
    tension_rod_pint: "examples/tension-rod-pint",
    transient_conduction: "examples/transient-conduction",
}

/// What is particular to some.
fn expect(folder: &str, prepared: &Prepared) {
    match folder {
        "examples/calcul-contrainte-vis" => {
            let left_out: Vec<_> =
                prepared.bundle.left_out.iter().map(|import| import.module.as_str()).collect();
            assert_eq!(left_out, ["numpy"]);
            let [warning] = prepared.warnings.as_slice() else { panic!("{:?}", prepared.warnings) };
            assert!(
                warning.contains("handler.py:5")
                    && warning.contains("`numpy` is imported and never used"),
                "{warning}"
            );
        }
        // It lists numpy and scipy, and does most of its work without.
        "tests/acceptance/fluids" => {
            let locked: Vec<_> =
                prepared.lock.packages.iter().map(|one| one.name.as_str()).collect();
            assert!(
                ["fluids", "numpy", "scipy"].iter().all(|name| locked.contains(name)),
                "{locked:?}"
            );
        }
        _ => assert!(prepared.bundle.left_out.is_empty(), "{:?}", prepared.bundle.left_out),
    }
}

/// A package that is prepared and has passed all its tests, all in the sandbox.
fn checked(folder: &str) -> (Prepared, Report) {
    need_uv();
    let archive =
        archive::read(&repository::root().join(folder)).unwrap_or_else(|error| panic!("{error}"));
    let source = manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"));
    let sandbox = sandbox();
    let resolver =
        Resolver { cache: Some(repository::cache().join("dependencies")), ..Resolver::default() };
    let options = Options { resolver, ..Options::default() };
    let prepared = prepare(&archive.tree, &source, &Engines::only(&sandbox), &options, &|_, _| {})
        .unwrap_or_else(|error| panic!("{folder}: {error}"));
    for function in &prepared.functions {
        let id = &function.spec.id;
        assert_eq!(function.engine, Engine::Sandbox, "{id}: {}", function.engine_reason);
        assert!(function.described, "{id} did not describe itself");
        assert!(!function.spec.test_cases.is_empty(), "{id} has no test cases");
    }
    let report = run_tests(&prepared, &Engines::only(&sandbox), &options)
        .unwrap_or_else(|error| panic!("{folder}: {error}"));
    let problems: Vec<String> =
        report.problems(&source.manifest.file).iter().map(ToString::to_string).collect();
    assert!(report.passed() && report.skipped.is_empty(), "{folder}:\n{}", problems.join("\n"));
    let expected: usize =
        prepared.functions.iter().map(|function| function.spec.test_cases.len()).sum();
    assert_eq!(report.cases.len(), expected);
    if let Some(tests) = &report.tests {
        assert!(tests.passed > 0 && tests.failed == 0 && tests.skipped == 0, "{folder}: {tests:?}");
    }
    (prepared, report)
}

/// Stops a test that cannot work with what has to be done.
fn need_uv() {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let given = std::env::var_os("MECAPY_UV").filter(|path| !path.is_empty());
    let uv = given.map_or_else(|| PathBuf::from("uv"), PathBuf::from);
    let found = *FOUND.get_or_init(|| {
        Command::new(&uv).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    assert!(
        found,
        "`{}` does not run: the acceptance packages have dependencies; `make setup` installs uv, \
        and `make test` names it in MECAPY_UV",
        uv.display()
    );
}

/// Folders of packages below a folder, relative to the root; those that Docker runs are tested
/// with it.
fn folders(within: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository::root().join(within)).unwrap();
    let folders = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    let packages = folders.filter(|entry| entry.file_name() != "docker");
    packages.map(|entry| format!("{within}/{}", entry.file_name().to_string_lossy())).collect()
}
