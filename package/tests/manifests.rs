//! Manifests that are right, in each form, and what they mean.

mod common;

use std::time::Duration;

use common::tree;
use mecapy_package::{Archive, ManifestSource, manifest};
use model::EnginePreference;
use model::manifest::PythonVersion;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(files: &[(&str, &str)]) -> ManifestSource {
    let archive = Archive { tree: tree(files), script: None };
    manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"))
}

const FULL: &str = r#"# The example of the format's description.
version: "1.0"

metadata:
  name: "calcul-contrainte-vis"
  description: "Calcul de contrainte dans une vis selon Eurocode 3"
  author: "Jean Dupont"
  email: "jean@example.com"
  tags: ["mécanique", "eurocode", "assemblage"]
  category: "structures"

runtime:
  python_version: "3.12"
  base_image: "python-scientific"
  timeout: 300
  memory_limit: 2048
  cpu_limit: 2
  fuel: 1e9
  deterministic: true
  warmup:
    - {force: 1, section: 1}

dependencies:
  requirements: "requirements.txt"

io:
  inputs_schema:
    type: object
    properties:
      force: {type: number, description: "Force appliquée (N)", minimum: 0, maximum: 100000}
      section: {type: number, minimum: 1e-12}
    required: [force, section]
  outputs_schema:
    type: object
    properties:
      statut: {type: string, enum: ["OK", "LIMITE", "RUPTURE"]}
  strict_outputs: true

quality:
  test_cases:
    - inputs: {force: 1000, section: 10}
      expected_outputs: {contrainte: 100}
    - name: by hand
      inputs: {force: 5000, section: 25}
      tolerance: 1e-6

versioning:
  version: "1.2.3"
  changelog: |
    v1.2.3: Fix coefficient sécurité
    v1.2.2: Ajout validation inputs
"#;

#[test]
fn the_single_function_form() {
    let source = read(&[("mecapy.yaml", FULL), ("handler.py", ""), ("requirements.txt", "")]);
    let manifest = &source.manifest;
    assert_eq!(
        (manifest.name.as_str(), manifest.version.to_string().as_str()),
        ("calcul-contrainte-vis", "1.2.3")
    );
    assert_eq!(manifest.authors[0].email.as_deref(), Some("jean@example.com"));
    assert_eq!(manifest.tags, ["mécanique", "eurocode", "assemblage"]);
    assert_eq!(manifest.dependencies.file.as_deref(), Some("requirements.txt"));
    assert!(manifest.changelog.as_deref().unwrap().starts_with("v1.2.3: Fix"));
    let function = &manifest.functions[0];
    assert_eq!(
        (function.id.as_str(), function.handler.to_string().as_str()),
        ("calcul-contrainte-vis", "handler:calculate")
    );
    let runtime = &function.runtime;
    assert_eq!(runtime.python_version, Some(PythonVersion { major: 3, minor: 12 }));
    assert_eq!(
        (runtime.timeout, runtime.memory_bytes, runtime.cpu_limit),
        (Duration::from_secs(300), 2048 << 20, 2.0)
    );
    assert_eq!(
        (runtime.fuel, runtime.deterministic, runtime.cache, runtime.retry),
        (Some(1_000_000_000), true, false, false)
    );
    assert_eq!(Value::Object(runtime.warmup[0].clone()), json!({"force": 1, "section": 1}));
    // Numbers keep their digits.
    let schema = function.inputs_schema.as_ref().unwrap();
    assert_eq!(schema["properties"]["section"]["minimum"].to_string(), "1e-12");
    assert!(function.strict_outputs);
    let lines: Vec<_> = function
        .test_cases
        .iter()
        .map(|case| (case.line, case.tolerance, case.name.as_deref()))
        .collect();
    assert_eq!(lines, [(41, 1e-9, None), (43, 1e-6, Some("by hand"))]);
    assert_eq!(function.test_cases[0].expected_outputs, Some(json!({"contrainte": 100})));
    let at = source.key_position("/runtime/timeout").unwrap();
    assert_eq!((at.line, at.column), (15, 3));
}

#[test]
fn the_multi_function_form() {
    let text = "name: structural-analysis\nversion: 1.0.0\ndescription: Bolts\nauthor: A\n\
        runtime: &runtime\n  timeout: 30\n  memory_limit: 256\n  cache: true\n\
        dependencies:\n  packages: [\"sympy==1.14.0\"]\n\
        functions:\n  calculate-bolt-resistance:\n    handler: analysis.bolt.Bolt:calculate_resistance\n    init: [diameter, material_grade]\n\
        \x20   test_cases:\n      - inputs: {}\n\
        \x20   runtime:\n      timeout: 5\n      engine: sandbox\n\
        \x20 area:\n    handler: shapes:area\n    io:\n      inputs_schema: {type: object}\n    runtime: {<<: *runtime, timeout: 7}\n";
    let source = read(&[("mecapy.yml", text), ("analysis/bolt.py", ""), ("shapes.py", "")]);
    let manifest = &source.manifest;
    assert_eq!(
        (manifest.name.as_str(), manifest.functions.len(), manifest.file.as_str()),
        ("structural-analysis", 2, "mecapy.yml")
    );
    let bolt = manifest.function("calculate-bolt-resistance").unwrap();
    assert_eq!((bolt.handler.path.as_str(), bolt.handler.init.len()), ("analysis.bolt.Bolt", 2));
    // Merged key by key: its own timeout, the package's memory.
    assert_eq!(
        (bolt.runtime.timeout.as_secs(), bolt.runtime.memory_bytes >> 20, bolt.runtime.cache),
        (5, 256, true)
    );
    assert_eq!((bolt.runtime.engine, bolt.test_cases.len()), (EnginePreference::Sandbox, 1));
    let area = manifest.function("area").unwrap();
    assert_eq!((area.runtime.timeout.as_secs(), area.runtime.engine), (7, EnginePreference::Auto));
    assert!(area.inputs_schema.is_some() && bolt.inputs_schema.is_none());
    assert_eq!(source.function_pointer(&area.id), "/functions/area");
}

#[test]
fn pyproject() {
    let text = "[project]\nname = \"Mecapy.Calcul_Contrainte\"\nversion = \"1.2.3\"\ndescription = \"Calcul contrainte vis\"\n\
        authors = [{name = \"Jean Dupont\", email = \"jean@example.com\"}]\ndependencies = [\"numpy>=1.24\", \"scipy>=1.10\"]\nrequires-python = \">=3.11,<4\"\n\n\
        [tool.other]\nx = 1\n\n[tool.mecapy]\nruntime.timeout = 300\nruntime.memory_limit = 2048\n\n\
        [[tool.mecapy.quality.test_cases]]\ninputs = {force = 1000}\n";
    let source = read(&[("pyproject.toml", text), ("handler.py", "")]);
    let manifest = &source.manifest;
    assert_eq!(
        (manifest.name.as_str(), manifest.version.to_string().as_str()),
        ("mecapy-calcul-contrainte", "1.2.3")
    );
    assert_eq!(manifest.dependencies.packages, ["numpy>=1.24", "scipy>=1.10"]);
    assert_eq!(manifest.authors[0].name.as_deref(), Some("Jean Dupont"));
    let function = &manifest.functions[0];
    assert_eq!(function.runtime.timeout.as_secs(), 300);
    assert_eq!(function.runtime.python_version, Some(PythonVersion { major: 3, minor: 11 }));
    assert_eq!(function.test_cases[0].line, 16);

    let text = format!("{text}\n[tool.mecapy.functions.area]\nhandler = \"shapes:area\"\n");
    let source = read(&[("pyproject.toml", &text), ("shapes.py", "")]);
    assert_eq!(source.manifest.functions[0].id.as_str(), "area");
}

#[test]
fn a_package_of_another_tool_may_have_its_pyproject() {
    let source = read(&[
        ("mecapy.yaml", common::SINGLE),
        ("handler.py", ""),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n"),
    ]);
    assert_eq!(source.manifest.file, "mecapy.yaml");
    // A requirements file is used though nobody names it.
    let source = read(&[
        ("mecapy.yaml", common::SINGLE),
        ("handler.py", ""),
        ("requirements.txt", "sympy\n"),
    ]);
    assert_eq!(source.manifest.dependencies.file.as_deref(), Some("requirements.txt"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_manifest_makes_it_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), "[-:{}\\[\\]&*!|>'\"%@`#,? \\n\\ta1.]{1,3}"), 1..6),
    ) {
        let mut text = FULL.to_owned();
        for (at, piece) in changes {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &piece);
        }
        let archive = Archive { tree: tree(&[("mecapy.yaml", &text), ("handler.py", ""), ("requirements.txt", "")]), script: None };
        if let Err(error) = manifest::read(&archive) {
            prop_assert!(!error.problems.is_empty());
            for problem in error.problems {
                prop_assert_eq!(&problem.file, "mecapy.yaml");
                prop_assert!(problem.line.is_some() && problem.help.is_some(), "{}", problem);
            }
        }
    }

    #[test]
    fn no_toml_makes_it_panic(
        at in any::<prop::sample::Index>(), piece in "[-={}\\[\\]'\"#,. \\na1]{1,4}",
    ) {
        let mut text = "[project]\nname = \"beam\"\nversion = \"1.0.0\"\n[tool.mecapy]\nruntime = {timeout = 3.5, warmup = [{a = 1}]}\n".to_owned();
        text.insert_str(at.index(text.len()), &piece);
        let archive = Archive { tree: tree(&[("pyproject.toml", &text), ("handler.py", "")]), script: None };
        if let Err(error) = manifest::read(&archive) {
            prop_assert!(error.problems.iter().all(|problem| problem.help.is_some()), "{}", error);
        }
    }
}
