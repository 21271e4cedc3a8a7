//! A package's own tests: the manifest's test cases, and `tests/` by pytest.

use model::Engine;
use package::testing::{CaseResult, has_tests};
use package::{Engines, Prepared, Report};
use serde_json::{Value, json};

use super::report_stop;
use crate::ending::{Exit, Known, Stop};
use crate::report::{json as shapes, summary};
use crate::session::Session;

pub fn test(session: &Session) -> Exit {
    let mut known = Known::default();
    match tested(session, &mut known) {
        Err(stop) => report_stop(&session.printer, known, stop),
        Ok((prepared, report)) => {
            session.printer.object(&object(&prepared, &report));
            session.printer.answer(&summary::tested(&prepared, &report));
            if report.passed() { Exit::Completed } else { Exit::Failed }
        }
    }
}

fn tested(session: &Session, known: &mut Known) -> Result<(Prepared, Report), Stop> {
    let opened = session.open()?;
    known.version = Some(opened.version.clone());
    let prepared = session.prepare(&opened, true, true)?;
    if let Some(stop) = untestable(session, &prepared) {
        return Err(stop);
    }
    let running = session.interrupt.cancellable();
    let options = session.options(running.token.clone(), true);
    let _live = session.printer.live("running the tests");
    let engines = Engines { sandbox: session.sandbox.as_ref(), docker: session.docker() };
    let report = package::run_tests(&prepared, &engines, &options)?;
    Ok((prepared, report))
}

/// Why nothing of a package can be tested here, if there is something to test.
fn untestable(session: &Session, prepared: &Prepared) -> Option<Stop> {
    let functions = &prepared.functions;
    let has_cases = functions.iter().any(|function| !function.spec.test_cases.is_empty());
    let has_tests = has_cases || has_tests(&prepared.bundle.app);
    if !has_tests || functions.iter().any(|function| function.engine == Engine::Sandbox) {
        return None;
    }
    session.engine_missing(functions.first()?)
}

/// Cases and tests that passed and failed.
pub fn counts(report: &Report) -> (usize, usize) {
    let cases_passed = report.cases.iter().filter(|case| case.passed()).count();
    let tests = report.tests.as_ref();
    let passed = cases_passed + tests.map_or(0, |tests| tests.passed as usize);
    let failed = report.cases.len() - cases_passed
        + tests.map_or(0, |tests| tests.failed as usize)
        + usize::from(report.tests_failure.is_some());
    (passed, failed)
}

fn object(prepared: &Prepared, report: &Report) -> Value {
    let (passed, failed) = counts(report);
    json!({
        "status": shapes::status(report.passed()),
        "name": prepared.manifest.name,
        "version": prepared.version,
        "passed": passed,
        "failed": failed,
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
        "needs_docker": report.skipped,
        "tests": report.tests,
        "tests_error": report.tests_failure,
        "problems": report.problems(&prepared.manifest.file),
        "error": null,
    })
}

fn case(case: &CaseResult) -> Value {
    let mismatches: Vec<Value> = case
        .mismatches
        .iter()
        .map(|one| {
            json!({
                "pointer": one.pointer,
                "message": one.message,
                "expected": one.expected,
                "actual": one.actual,
            })
        })
        .collect();
    json!({
        "function_id": case.function,
        "name": case.name,
        "line": case.line,
        "passed": case.passed(),
        "result": case.result,
        "error": case.failure,
        "mismatches": mismatches,
        "wall_ms": shapes::thousandths(case.usage.wall_ms),
    })
}
