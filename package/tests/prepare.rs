//! From files to functions, with a scripted engine in place of the sandbox.

#![allow(clippy::result_large_err, reason = "as calls answer")]

mod common;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use common::scripted::{MANIFEST, SOLVE, Scripted, described, doubling, import, missing, run};
use common::tree;
use mecapy_package::prepare::{Engines, Options, PrepareError, prepare};
use mecapy_package::{Archive, manifest, run_tests};
use model::executor::{CodeProblem, Inspection};
use model::{Engine, ErrorKind, Executor, ExecutorError, Failure, Job, Logs, Outcome, Usage};
use serde_json::json;

fn said(executor: &Scripted, files: &[(&str, &str)]) -> Vec<String> {
    match run(executor, files) {
        Err(PrepareError::Package(error)) => {
            error.problems.iter().map(ToString::to_string).collect()
        }
        Err(error) => panic!("{error:?}"),
        Ok(prepared) => panic!("{:?}", prepared.functions),
    }
}

#[test]
fn what_runs_in_the_sandbox_does() {
    let executor = Scripted { call: Some(doubling), ..Scripted::default() };
    let prepared = run(&executor, &SOLVE).unwrap();
    let function = prepared.function("beam").unwrap();
    assert_eq!(
        (function.engine, function.engine_reason.as_str()),
        (Engine::Sandbox, "everything it imports runs in the sandbox")
    );
    assert_eq!(function.description.as_deref(), Some("Documentation."));
    assert!(function.described && prepared.version.to_string().starts_with("1.2.3-"));
    assert_eq!(
        *executor.asked.lock().unwrap(),
        ["inspect", "describe handler:calculate", "call handler:calculate {\"a\":1}"]
    );
    // The cases were run to choose the engine, and are not run again.
    let report = run_tests(&prepared, &Engines::only(&executor), &Options::default()).unwrap();
    assert!(report.passed() && report.cases.len() == 1 && report.tests.is_none());
    assert_eq!(executor.asked.lock().unwrap().len(), 3);
}

#[test]
fn an_import_that_nothing_uses_is_left_out_and_reported() {
    let inspection = Inspection {
        problems: Vec::new(),
        imports: vec![import("numpy", "handler.py", 1, false, false)],
    };
    let executor = Scripted { inspection, call: Some(doubling), ..Scripted::default() };
    let prepared = run(&executor, &SOLVE).unwrap();
    assert_eq!(prepared.functions[0].engine, Engine::Sandbox);
    assert_eq!(
        prepared.warnings,
        ["handler.py:1: `numpy` is imported and never used; remove the import"]
    );
    assert_eq!(*executor.left_out.lock().unwrap(), BTreeSet::from(["handler.py:1".to_owned()]));
}

#[test]
fn a_module_that_is_not_installed_is_the_authors_to_add() {
    for (name, help) in [
        ("numpy", "add `numpy` to `dependencies`"),
        ("yaml.loader", "add `pyyaml` to `dependencies`"),
    ] {
        let describe =
            HashMap::from([("handler:calculate".to_owned(), Err(missing(name, "handler.py", 1)))]);
        let executor = Scripted { describe, ..Scripted::default() };
        assert_eq!(
            said(&executor, &SOLVE),
            [format!("handler.py:1: module `{name}` is not installed; {help}")]
        );
    }
    let describe = HashMap::from([(
        "handler:calculate".to_owned(),
        Err(missing("handler.sub", "handler.py", 4)),
    )]);
    let executor = Scripted { describe, ..Scripted::default() };
    assert_eq!(
        said(&executor, &SOLVE),
        ["handler.py:4: there is no module `handler.sub` in the package; correct the import"]
    );
}

#[test]
fn the_standard_librarys_native_modules_need_docker() {
    let describe = HashMap::from([(
        "handler:calculate".to_owned(),
        Err(missing("_sqlite3", "handler.py", 1)),
    )]);
    let executor = Scripted { describe, ..Scripted::default() };
    let function = &run(&executor, &SOLVE).unwrap().functions[0];
    assert_eq!(
        (function.engine, function.engine_reason.as_str()),
        (
            Engine::Docker,
            "`_sqlite3` of the standard library has no WASI build, imported by handler.py:1"
        )
    );
    assert!(!function.described && function.cases.is_none());
    // Not where the author wants the sandbox.
    let manifest = format!("{MANIFEST}runtime:\n  engine: sandbox\n");
    let files = [("mecapy.yaml", manifest.as_str()), SOLVE[1]];
    assert_eq!(
        said(&executor, &files),
        [
            "mecapy.yaml:11:3: `engine: sandbox` cannot be: `_sqlite3` of the standard library has no WASI build, imported by handler.py:1; use `engine: auto` or `engine: docker`, or do without it"
        ]
    );
}

#[test]
fn a_lazy_import_is_found_by_the_test_cases() {
    let executor = Scripted {
        call: Some(|_| Err(missing("sqlite3", "handler.py", 4))),
        ..Scripted::default()
    };
    let function = &run(&executor, &SOLVE).unwrap().functions[0];
    assert_eq!(function.engine, Engine::Docker);
    assert!(
        function.described && function.engine_reason.ends_with("imported by handler.py:4"),
        "{}",
        function.engine_reason
    );
}

#[test]
fn what_a_stand_in_lacks_needs_docker() {
    let failure = Failure {
        traceback: Some(
            "Traceback:\n  File \"handler.py\", line 2, in <module>\nImportError: x".to_owned(),
        ),
        ..Failure::new(
            ErrorKind::Exception,
            "ImportError: pydantic.EmailStr is not supported: the sandbox carries a stand-in for pydantic, whose limits are listed",
        )
    };
    let describe = HashMap::from([("handler:calculate".to_owned(), Err(failure))]);
    let function =
        &run(&Scripted { describe, ..Scripted::default() }, &SOLVE).unwrap().functions[0];
    assert_eq!(
        (function.engine, function.engine_reason.as_str()),
        (
            Engine::Docker,
            "pydantic.EmailStr is not in the sandbox's stand-in, used by handler.py:2"
        )
    );
}

#[test]
fn docker_is_chosen_where_it_is_asked_for() {
    for (more, extra, reason) in [
        ("runtime:\n  engine: docker\n", None, "the manifest says `engine: docker`"),
        (
            "runtime:\n  python_version: \"3.15\"\n",
            None,
            "it needs Python 3.15, and the sandbox has 3.14",
        ),
        ("", Some(("Dockerfile", "FROM scratch")), "the package brings its own Dockerfile"),
    ] {
        let manifest = format!("{MANIFEST}{more}");
        let mut files = vec![("mecapy.yaml", manifest.as_str()), SOLVE[1]];
        files.extend(extra);
        let executor = Scripted { call: Some(doubling), ..Scripted::default() };
        let function = &run(&executor, &files).unwrap().functions[0];
        assert_eq!((function.engine, function.engine_reason.as_str()), (Engine::Docker, reason));
        assert!(function.described && function.cases.is_none());
    }
    // An image without any Python of the package.
    let executor = Scripted::default();
    let prepared =
        run(&executor, &[("mecapy.yaml", MANIFEST), ("Dockerfile", "FROM scratch")]).unwrap();
    assert!(!prepared.functions[0].described && executor.asked.lock().unwrap().is_empty());
}

#[test]
fn code_that_breaks_the_policy_is_not_run() {
    let problem = |rule: &str, line, message: &str| CodeProblem {
        rule: rule.to_owned(),
        file: "handler.py".to_owned(),
        line,
        column: 1,
        message: message.to_owned(),
    };
    let inspection = Inspection {
        problems: vec![
            problem("import", 1, "`subprocess` may not be imported"),
            problem("call", 9, "`eval` may not be called"),
        ],
        imports: Vec::new(),
    };
    let executor = Scripted { inspection, ..Scripted::default() };
    let text = said(&executor, &SOLVE);
    assert!(
        text[0].starts_with("handler.py:1:1: `subprocess` may not be imported; remove the import"),
        "{}",
        text[0]
    );
    assert!(
        text[1].starts_with("handler.py:9:1: `eval` may not be called; write what it computes"),
        "{}",
        text[1]
    );
    assert_eq!(*executor.asked.lock().unwrap(), ["inspect"]);
}

#[test]
fn handlers_that_do_not_import_are_told_with_their_lines() {
    let raised = Failure {
        traceback: Some("Traceback (most recent call last):\n  File \"/app/handler.py\", line 3, in <module>\n    x\n  File \"/deps/sympy/core.py\", line 9, in f\nNameError: x".to_owned()),
        ..Failure::new(ErrorKind::Exception, "NameError: name 'x' is not defined")
    };
    for (failure, expected) in [
        (
            raised,
            "handler.py:3: importing the handler `handler:calculate` failed: NameError: name 'x' is not defined; correct it",
        ),
        (
            Failure::new(ErrorKind::Timeout, "timed out"),
            "handler.py: importing the handler `handler:calculate` took more than 60 s; move long computations",
        ),
        (
            Failure::new(ErrorKind::MemoryExceeded, ""),
            "handler.py: importing the handler `handler:calculate` needs more than 512 MB; raise `runtime.memory_limit`",
        ),
        (
            Failure::new(ErrorKind::InvalidPackage, "handler.py has no function `calculate`"),
            "handler.py:3: handler.py has no function `calculate`; write `def calculate(...)` there",
        ),
    ] {
        let describe = HashMap::from([("handler:calculate".to_owned(), Err(failure))]);
        let text = said(&Scripted { describe, ..Scripted::default() }, &SOLVE);
        assert!(text[0].starts_with(expected), "{}", text[0]);
    }
}

#[test]
fn derived_schemas_check_the_test_cases() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "number", "minimum": 5, "x-unit": "mm"}}});
    let describe = HashMap::from([("handler:calculate".to_owned(), Ok(described(schema)))]);
    assert_eq!(
        said(&Scripted { describe, ..Scripted::default() }, &SOLVE),
        [
            "mecapy.yaml:8: case 1 of `beam`: a must be at least 5 mm, got 1; correct its inputs or the inputs schema"
        ]
    );
    let describe =
        HashMap::from([("handler:calculate".to_owned(), Ok(described(json!({"type": "float"}))))]);
    assert!(
        said(&Scripted { describe, ..Scripted::default() }, &SOLVE)[0]
            .contains("the inputs schema of `beam` cannot be used: at `/type`")
    );
}

#[test]
fn cancelling_ends_it() {
    let archive = Archive { tree: tree(&SOLVE), script: None };
    let source = manifest::read(&archive).unwrap();
    let options = Options::default();
    options.resolver.cancel.cancel();
    let error =
        prepare(&archive.tree, &source, &Engines::only(&Scripted::default()), &options, &|_, _| {})
            .unwrap_err();
    assert!(matches!(error, PrepareError::Cancelled));
}

#[test]
fn an_engine_that_fails_is_not_the_authors_fault() {
    struct Broken;
    impl Executor for Broken {
        fn engine(&self) -> Engine {
            Engine::Sandbox
        }
        fn run(&self, _job: &Job) -> Result<Outcome, ExecutorError> {
            let result = Err(Failure::new(ErrorKind::Internal, "lost"));
            Ok(Outcome {
                result,
                logs: Logs::default(),
                warnings: Vec::new(),
                usage: Usage::default(),
            })
        }
    }
    let archive = Archive { tree: tree(&SOLVE), script: None };
    let source = manifest::read(&archive).unwrap();
    let error =
        prepare(&archive.tree, &source, &Engines::only(&Broken), &Options::default(), &|_, _| {})
            .unwrap_err();
    assert!(matches!(error, PrepareError::Executor(ExecutorError::Internal(_))));
    let _: Arc<dyn Executor> = Arc::new(Broken);
}
