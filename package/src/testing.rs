//! A package's own tests: the manifest's test cases, and its `tests/` folder by pytest.

use std::sync::Arc;
use std::time::Duration;

use model::executor::TestReport;
use model::files::Node;
use model::limits::DEFAULT_TIMEOUT;
use model::{Bundle, Engine, ErrorKind, Failure, FunctionId, Limits, Operation, Tree, Usage};
use serde_json::Value;

use crate::dependencies::Vendored;
use crate::manifest::ManifestSource;
use crate::prepare::{
    Asked, Engines, Options, PrepareError, Prepared, PreparedFunction, Runner, decoded,
};
use crate::problem::{Problem, Step};
use crate::schema::{Mismatch, compare};

/// The folder that pytest runs.
pub const TESTS_FOLDER: &str = "tests";

/// How one test case of the manifest went.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseResult {
    pub function: FunctionId,
    /// The case's own name, or its number: `case 2`.
    pub name: String,
    /// Where it stands in the manifest.
    pub line: u32,
    /// What the call gave, if it ended well.
    pub result: Option<Value>,
    pub failure: Option<Failure>,
    /// Where the result is not what was expected.
    pub mismatches: Vec<Mismatch>,
    pub usage: Usage,
}

impl CaseResult {
    pub fn passed(&self) -> bool {
        self.failure.is_none() && self.mismatches.is_empty()
    }
}

/// How all of a package's tests went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub cases: Vec<CaseResult>,
    /// Functions whose test cases this engine cannot run: they need the other.
    pub skipped: Vec<FunctionId>,
    /// What pytest said, if there are tests.
    pub tests: Option<TestReport>,
    /// Why pytest could not be run to its end.
    pub tests_failure: Option<Failure>,
}

impl Report {
    pub fn passed(&self) -> bool {
        let tests_passed = self.tests.as_ref().is_none_or(|tests| tests.failed == 0);
        self.cases.iter().all(CaseResult::passed) && tests_passed && self.tests_failure.is_none()
    }

    /// What failed, for the author; `manifest` is the manifest's file.
    pub fn problems(&self, manifest: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for case in self.cases.iter().filter(|case| !case.passed()) {
            let at = |message: String| {
                Problem::new(Step::Tests, message).in_file(manifest).at_line(case.line)
            };
            let title = format!("{} of `{}`", case.name, case.function);
            if let Some(failure) = &case.failure {
                problems.push(
                    at(format!("{title} failed: {}", failure.message))
                        .help("correct the function or its test case"),
                );
            }
            for mismatch in &case.mismatches {
                let place = if mismatch.pointer.is_empty() {
                    String::new()
                } else {
                    format!(" at `{}`", mismatch.pointer)
                };
                problems.push(
                    at(format!("{title} gave another result{place}: {}", mismatch.message))
                        .help("correct the function or its `expected_outputs`"),
                );
            }
        }
        let failed = self
            .tests
            .iter()
            .flat_map(|report| &report.tests)
            .filter(|test| matches!(test.outcome.as_str(), "failed" | "error"));
        for test in failed {
            let file = test.name.split("::").next().unwrap_or_default();
            let message = test.message.as_deref().unwrap_or("no message");
            problems.push(
                Problem::new(Step::Tests, format!("{} failed: {message}", test.name))
                    .in_file(file)
                    .help("correct the function or its test"),
            );
        }
        if let Some(failure) = &self.tests_failure {
            problems.push(
                Problem::new(
                    Step::Tests,
                    format!("the tests did not run to their end: {}", failure.message),
                )
                .in_file(TESTS_FOLDER)
                .help("correct them, or raise the function's limits"),
            );
        }
        problems
    }
}

/// Runs every test of a package, each on its function's engine and under its own limits.
pub fn run_tests(
    prepared: &Prepared,
    engines: &Engines<'_>,
    options: &Options,
) -> Result<Report, PrepareError> {
    let runner = |engine| match engine {
        Engine::Sandbox => Some(Runner::of(engines.sandbox, options)),
        Engine::Docker => engines.docker.map(|docker| Runner::of(docker, options)),
    };
    let mut report = Report::default();
    for function in &prepared.functions {
        match (&function.cases, runner(function.engine)) {
            (Some(cases), _) => report.cases.extend(cases.iter().cloned()),
            (None, Some(runner)) => {
                report.cases.extend(run_cases(&runner, &function.bundle, function)?);
            }
            (None, None) if !function.spec.test_cases.is_empty() => {
                report.skipped.push(function.spec.id.clone());
            }
            (None, None) => {}
        }
    }
    if !has_tests(&prepared.bundle.app) {
        return Ok(report);
    }
    // What Docker runs may need what the sandbox has not, and so may its tests.
    let with_handlers = || prepared.functions.iter().filter(|function| !function.is_program());
    let of_docker = with_handlers().find(|function| function.engine == Engine::Docker);
    let is_any_sandboxed = with_handlers().any(|function| function.engine == Engine::Sandbox);
    let (runner, bundle) = match (of_docker, runner(Engine::Docker)) {
        // Its image has pytest.
        (Some(function), Some(docker)) => (docker, function.bundle.clone()),
        _ if is_any_sandboxed => {
            let bundle = with_pytest(&prepared.bundle, &options.resolver.pytest()?);
            (Runner::of(engines.sandbox, options), bundle)
        }
        _ => return Ok(report),
    };
    let outcome = runner.run(&bundle, Asked::new(Operation::Test, test_limits(prepared)))?;
    match outcome.result {
        Ok(value) => report.tests = Some(decoded(value, "test report")?),
        Err(failure) => report.tests_failure = Some(failure),
    }
    Ok(report)
}

/// Whether there is something for pytest to run.
pub fn has_tests(app: &Tree) -> bool {
    matches!(app.entry(TESTS_FOLDER), Some(Node::Folder(folder)) if folder.files().iter().any(|(path, _)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    }))
}

/// The package's dependencies win over pytest's own.
fn with_pytest(bundle: &Bundle, pytest: &Vendored) -> Arc<Bundle> {
    let mut deps = Tree::clone(&bundle.deps);
    let top = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
    for (path, bytes) in pytest.tree.files() {
        if bundle.deps.entry(&top(&path)).is_none() {
            deps.insert(&path, bytes.clone()).expect("the package has nothing of that name");
        }
    }
    Arc::new(Bundle {
        app: bundle.app.clone(),
        deps: deps.into(),
        left_out: bundle.left_out.clone(),
        image: None,
    })
}

/// The widest limits of the package's functions, for all of its tests together.
fn test_limits(prepared: &Prepared) -> Limits {
    let specs = || prepared.functions.iter().map(|function| &function.spec.runtime);
    Limits {
        timeout: specs()
            .map(|spec| spec.timeout)
            .max()
            .unwrap_or(Duration::ZERO)
            .max(DEFAULT_TIMEOUT),
        memory_bytes: specs()
            .map(|spec| spec.memory_bytes)
            .max()
            .unwrap_or(0)
            .max(model::limits::DEFAULT_MEMORY_BYTES),
        ..Limits::default()
    }
}

/// Runs a function's test cases, one after another.
pub(crate) fn run_cases(
    runner: &Runner<'_>,
    bundle: &Arc<Bundle>,
    function: &PreparedFunction,
) -> Result<Vec<CaseResult>, PrepareError> {
    let spec = &function.spec;
    let mut results = Vec::new();
    for (i, case) in spec.test_cases.iter().enumerate() {
        let inputs = function.inputs_schema.apply_defaults(case.inputs.clone());
        let operation = Operation::Call { handler: spec.handler.clone(), inputs };
        let asked = Asked {
            operation,
            limits: spec.runtime.limits(),
            deterministic: spec.runtime.deterministic,
            snapshot: function.snapshot.clone(),
        };
        let outcome = runner.run(bundle, asked)?;
        let mut result = CaseResult {
            function: spec.id.clone(),
            name: case_name(case.name.as_deref(), i),
            line: case.line,
            result: None,
            failure: None,
            mismatches: Vec::new(),
            usage: outcome.usage,
        };
        match outcome.result {
            Ok(value) => {
                let expected = case.expected_outputs.as_ref();
                result.mismatches = expected
                    .map(|expected| compare(expected, &value, case.tolerance))
                    .unwrap_or_default();
                result.failure = broken_output(function, &value);
                result.result = Some(value);
            }
            Err(failure) => result.failure = Some(failure),
        }
        results.push(result);
    }
    Ok(results)
}

/// What a call of the function would fail with, had it given this.
fn broken_output(function: &PreparedFunction, value: &Value) -> Option<Failure> {
    let schema = function.outputs_schema.as_ref().filter(|_| function.spec.strict_outputs)?;
    let violations = schema.validate(value);
    let first = violations.first()?;
    let message = format!("the result breaks the outputs schema: {}", first.message);
    Some(Failure { violations, ..Failure::new(ErrorKind::InvalidOutputs, message) })
}

fn case_name(name: Option<&str>, i: usize) -> String {
    name.map_or_else(|| format!("case {}", i + 1), |name| format!("case `{name}`"))
}

/// Test cases and warm-ups whose inputs the function would not take.
pub(crate) fn check_inputs(source: &ManifestSource, function: &PreparedFunction) -> Vec<Problem> {
    let mut problems = Vec::new();
    let spec = &function.spec;
    for (i, case) in spec.test_cases.iter().enumerate() {
        if let Err(violations) = function.inputs_schema.accept(case.inputs.clone()) {
            problems.extend(violations.into_iter().map(|violation| {
                Problem::new(
                    Step::Tests,
                    format!(
                        "{} of `{}`: {}",
                        case_name(case.name.as_deref(), i),
                        spec.id,
                        violation.message
                    ),
                )
                .in_file(&source.manifest.file)
                .at_line(case.line)
                .help("correct its inputs or the inputs schema")
            }));
        }
    }
    for (i, inputs) in spec.runtime.warmup.iter().enumerate() {
        if let Err(violations) = function.inputs_schema.accept(inputs.clone()) {
            let own = format!("{}/runtime/warmup/{i}", source.function_pointer(&spec.id));
            problems.extend(violations.into_iter().map(|violation| {
                source
                    .problem(
                        Step::Tests,
                        &own,
                        format!("warm-up {} of `{}`: {}", i + 1, spec.id, violation.message),
                    )
                    .help("correct its inputs or the inputs schema")
            }));
        }
    }
    problems
}
