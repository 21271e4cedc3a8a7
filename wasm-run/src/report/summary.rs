//! What checks, tests and benchmarks found, for people.

use std::fmt::Write;

use package::testing::CaseResult;
use package::{Prepared, Report};

use super::human::{
    BOLD, DIM, ERROR, GREEN, YELLOW, clean, clean_line, grouped, milliseconds, stop,
};
use crate::commands::bench::{Benched, PERCENTILES};
use crate::commands::test::counts;
use crate::ending::{Known, Stop};

/// A package that is valid.
pub fn checked(prepared: &Prepared) -> String {
    let mut text = String::new();
    let width = prepared.functions.iter().map(|one| one.spec.id.as_str().len()).max().unwrap_or(0);
    for function in &prepared.functions {
        let _ = writeln!(
            text,
            "{GREEN}ok{GREEN:#}  {:width$}  {}  {DIM}{}{DIM:#}",
            function.spec.id.as_str(),
            function.engine,
            clean_line(&function.engine_reason)
        );
        if let Some(reason) = &function.no_snapshot {
            let reason = clean_line(reason);
            text.push_str(&format!(
                "    no snapshot, so each call imports the handler: {reason}\n"
            ));
        }
        for message in &function.warnings {
            let _ = writeln!(text, "    {YELLOW}warning{YELLOW:#} {}", clean(message));
        }
    }
    for message in &prepared.warnings {
        let _ = writeln!(text, "{YELLOW}warning{YELLOW:#} {}", clean(message));
    }
    let _ =
        write!(text, "{DIM}{} · {}{DIM:#}", clean_line(&prepared.manifest.name), prepared.version);
    text
}

/// What the tests gave.
pub fn tested(prepared: &Prepared, report: &Report) -> String {
    let mut text = String::new();
    for one in &report.cases {
        let _ = writeln!(text, "{}", case(prepared, one));
    }
    for id in &report.skipped {
        let _ = writeln!(text, "{YELLOW}skip{YELLOW:#}  {id}  its test cases need Docker");
    }
    for test in report.tests.iter().flat_map(|tests| &tests.tests) {
        let (style, mark) = match test.outcome.as_str() {
            "passed" => (GREEN, "ok  "),
            "skipped" => (YELLOW, "skip"),
            _ => (ERROR, "FAIL"),
        };
        let _ = writeln!(text, "{style}{mark}{style:#}  {}", clean_line(&test.name));
        if let Some(message) = &test.message {
            let message = clean(message.trim_end()).replace('\n', "\n        ");
            let _ = writeln!(text, "        {DIM}{message}{DIM:#}");
        }
    }
    if let Some(failure) = &report.tests_failure {
        let _ = writeln!(
            text,
            "{ERROR}FAIL{ERROR:#}  tests/ did not run to their end\n{}",
            stop(&Stop::from(failure.clone()))
        );
    }
    let (passed, failed) = counts(report);
    if passed + failed == 0 {
        let _ = write!(
            text,
            "{YELLOW}there are no tests{YELLOW:#}: add `test_cases` to the manifest (below `quality`, or a function), or `tests/`"
        );
        return text;
    }
    let style = if failed == 0 { GREEN } else { ERROR };
    let _ = write!(
        text,
        "{style}{passed} passed, {failed} failed{style:#} {DIM}· {}{DIM:#}",
        prepared.version
    );
    text
}

fn case(prepared: &Prepared, case: &CaseResult) -> String {
    let (style, mark) = if case.passed() { (GREEN, "ok  ") } else { (ERROR, "FAIL") };
    let mut text = format!("{style}{mark}{style:#}  {}  {}", case.function, clean_line(&case.name));
    if case.passed() {
        let _ = write!(text, "  {DIM}{}{DIM:#}", milliseconds(case.usage.wall_ms));
        return text;
    }
    if !prepared.manifest.file.is_empty() {
        let _ = write!(text, "  {DIM}{}:{}{DIM:#}", prepared.manifest.file, case.line);
    }
    for one in &case.mismatches {
        let place = if one.pointer.is_empty() { "(whole)" } else { &one.pointer };
        let _ =
            write!(text, "\n      {BOLD}{}{BOLD:#}  {}", clean_line(place), clean(&one.message));
    }
    if let Some(failure) = &case.failure {
        let said = stop(&Stop::from(failure.clone())).replace('\n', "\n      ");
        let _ = write!(text, "\n      {said}");
    }
    text
}

/// The table of a benchmark.
pub fn benched(known: &Known, benched: &Benched) -> String {
    let mut text = format!("{BOLD}{:<12}{BOLD:#}", "phase");
    for percent in PERCENTILES {
        let _ = write!(text, "{BOLD}{:>12}{BOLD:#}", format!("p{percent}"));
    }
    for phase in &benched.phases {
        let _ = write!(text, "\n{:<12}", phase.name);
        for percent in PERCENTILES {
            let ms = phase.percentile(percent).as_secs_f64() * 1e3;
            let _ = write!(text, "{:>12}", format!("{ms:.3} ms"));
        }
    }
    let metering = if benched.metered { "metered" } else { "unmetered" };
    let mut parts = vec![
        format!("{} calls", grouped(benched.calls.into())),
        format!("{:.0} calls/s", benched.per_second),
        metering.to_owned(),
    ];
    if let Some(fuel) = benched.fuel {
        parts.push(format!("{} instructions", grouped(fuel)));
    }
    parts.extend(known.version.as_ref().map(ToString::to_string));
    let _ = write!(text, "\n{DIM}{}{DIM:#}", parts.join(" · "));
    text
}

pub fn watching(package: &str) -> String {
    format!("{DIM}watching {} · Ctrl-C ends{DIM:#}", clean_line(package))
}
