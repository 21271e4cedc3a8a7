//! What is printed for people. Text that comes from a package is stripped of what would
//! steer the terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use model::outcome::{LogEntry, LogLevel};
use model::{Usage, Violation, Warning};
use package::Problem;
use serde_json::Value;

use super::{Printer, value};
use crate::ending::{Ended, Exit, Known, Stop};

pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const ERROR: Style = RED.bold();
const HELP: Style = AnsiColor::Cyan.on_default();

/// Most violations of one failure that are shown.
const SHOWN_VIOLATIONS: usize = 50;

/// Prints how a call ended: the result on standard output, all else on standard error, and
/// the usage last.
pub fn print_ended(printer: &Printer, ended: &Ended, outputs: Option<&Value>) {
    if let Ok(result) = &ended.result {
        printer.answer(&value::formatted(result, outputs, printer.columns()));
    }
    for one in &ended.warnings {
        printer.note(&warning(one));
    }
    if let Err(failure) = &ended.result {
        printer.note(&stop(failure));
    }
    // What it took to find out that another engine is needed is of no interest.
    let is_elsewhere = matches!(&ended.result, Err(stop) if stop.exit() == Exit::Unavailable);
    if let Some(spent) = ended.usage.as_ref().filter(|_| !is_elsewhere) {
        let line = usage(&ended.known, spent);
        if ended.result.is_ok() { printer.answer(&line) } else { printer.note(&line) }
    }
}

/// Why there is no result, and where.
pub fn stop(stop: &Stop) -> String {
    let failure = &stop.failure;
    let mut text = String::new();
    if let Some(traceback) = &failure.traceback {
        let _ = writeln!(text, "{DIM}{}{DIM:#}", clean(traceback.trim_end()));
    }
    let _ = write!(text, "{ERROR}error[{}]{ERROR:#}", failure.kind.as_str());
    match stop.problems.as_slice() {
        [only] => {
            let _ = write!(text, " {}", problem(only));
        }
        problems => {
            let _ = write!(text, " {BOLD}{}{BOLD:#}", clean(&failure.message));
            for one in problems {
                let _ = write!(text, "\n  {}", problem(one));
            }
        }
    }
    text.push_str(&violations(&failure.violations));
    if let Some(help) = &stop.help {
        let _ = write!(text, "\n    {HELP}help{HELP:#} {}", clean(help));
    }
    text
}

fn problem(problem: &Problem) -> String {
    let mut text = String::new();
    if !problem.file.is_empty() {
        let place = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
        let column = problem.line.and(problem.column);
        let _ =
            write!(text, "{}{}{}: ", clean_line(&problem.file), place(problem.line), place(column));
    }
    let _ = write!(text, "{BOLD}{}{BOLD:#}", clean(&problem.message));
    if let Some(help) = &problem.help {
        let _ = write!(text, "\n    {HELP}help{HELP:#} {}", clean(help));
    }
    text
}

fn violations(found: &[Violation]) -> String {
    let mut text = String::new();
    for one in found.iter().take(SHOWN_VIOLATIONS) {
        let place = if one.pointer.is_empty() { "(whole)" } else { &one.pointer };
        let _ = write!(
            text,
            "\n  {BOLD}{}{BOLD:#}  {} {DIM}({}){DIM:#}",
            clean_line(place),
            clean(&one.message),
            clean_line(&one.rule)
        );
    }
    if found.len() > SHOWN_VIOLATIONS {
        let _ = write!(text, "\n  … and {} more", found.len() - SHOWN_VIOLATIONS);
    }
    text
}

fn warning(warning: &Warning) -> String {
    let list = violations(&warning.violations);
    format!("{YELLOW}warning{YELLOW:#} {}{list}", clean(&warning.message))
}

/// `sandbox · 1.3 ms · 21 MiB · 1,921,916 instructions · 1.2.3-a3f2b8c1d4e5`
fn usage(known: &Known, usage: &Usage) -> String {
    let mut parts = Vec::new();
    if let Some(engine) = known.engine {
        parts.push(engine.to_string());
    }
    parts.push(milliseconds(usage.wall_ms));
    parts.push(mebibytes(usage.peak_memory_bytes));
    if let Some(fuel) = usage.fuel {
        parts.push(format!("{} instructions", grouped(fuel)));
    }
    if let Some(version) = &known.version {
        parts.push(version.to_string());
    }
    format!("{DIM}{}{DIM:#}", parts.join(" · "))
}

pub fn milliseconds(ms: f64) -> String {
    match ms {
        _ if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        _ if ms >= 1_000.0 => format!("{:.2} s", ms / 1e3),
        _ if ms >= 99.95 => format!("{ms:.0} ms"),
        _ if ms >= 0.1 => format!("{ms:.1} ms"),
        _ => format!("{:.0} µs", ms * 1e3),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(model::limits::MIB))
}

pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A line that a call logged or printed.
pub fn log(entry: &LogEntry) -> String {
    let (style, name) = match entry.level {
        LogLevel::Debug => (DIM, "debug"),
        LogLevel::Info => (DIM, "info"),
        LogLevel::Warning => (YELLOW, "warning"),
        LogLevel::Error => (RED, "error"),
        LogLevel::Stdout => (DIM, "print"),
        LogLevel::Stderr => (DIM, "stderr"),
    };
    let message = clean(&entry.message).replace('\n', "\n        ");
    format!("{style}{name:>7}{style:#} {message}")
}

/// Text of a package for a terminal: control characters are shown, not obeyed.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' => {}
            // Also those that turn the direction of writing.
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(clean, "{}", c.escape_default());
            }
            c => clean.push(c),
        }
    }
    clean
}

pub fn clean_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use model::{Engine, ErrorKind, Failure};
    use package::{PackageError, problem::Step};
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn the_last_line() {
        let known = Known {
            engine: Some(Engine::Sandbox),
            version: Some("1.2.3-a3f2b8c1d4e5".parse().unwrap()),
            ..Known::default()
        };
        let spent = Usage {
            fuel: Some(1_921_916),
            wall_ms: 1.3456,
            peak_memory_bytes: 21 * model::limits::MIB,
            ..Usage::default()
        };
        assert_eq!(
            plain(&usage(&known, &spent)),
            "sandbox · 1.3 ms · 21 MiB · 1,921,916 instructions · 1.2.3-a3f2b8c1d4e5"
        );
        let times = [0.0421, 0.1, 99.94, 99.96, 1_234.0, 61_500.0].map(milliseconds);
        assert_eq!(times, ["42 µs", "0.1 ms", "99.9 ms", "100 ms", "1.23 s", "61.5 s"]);
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }

    #[test]
    fn problems_with_their_places() {
        let at = |line, column| {
            Problem::new(Step::Manifest, "unknown key `timout`")
                .in_file("mecapy.yaml")
                .at(line, column)
                .help("did you mean `timeout`?")
        };
        let one = Stop::from(PackageError::from(at(12, 3)));
        insta::assert_snapshot!(plain(&stop(&one)), @r"
        error[invalid_package] mecapy.yaml:12:3: unknown key `timout`
            help did you mean `timeout`?
        ");
        let two = Stop::from(PackageError::from(vec![
            at(12, 3),
            Problem::new(Step::Archive, "it is empty"),
        ]));
        insta::assert_snapshot!(plain(&stop(&two)), @r"
        error[invalid_package] the package has 2 problems
          mecapy.yaml:12:3: unknown key `timout`
            help did you mean `timeout`?
          it is empty
        ");
    }

    #[test]
    fn violations_and_tracebacks() {
        let violation = |pointer: &str, rule: &str, message: &str| Violation {
            pointer: pointer.to_owned(),
            rule: rule.to_owned(),
            message: message.to_owned(),
            value: json!(null),
        };
        let invalid = crate::inputs::invalid(vec![
            violation("/force", "minimum", "`force` must be at least 0, got -5"),
            violation("", "required", "`section` is missing"),
        ]);
        insta::assert_snapshot!(plain(&stop(&invalid)), @r"
        error[invalid_inputs] the inputs break 2 rules
          /force  `force` must be at least 0, got -5 (minimum)
          (whole)  `section` is missing (required)
        ");
        let raised = Stop::from(Failure {
            traceback: Some(
                "Traceback (most recent call last):\n  File \"handler.py\", line 2\n".to_owned(),
            ),
            ..Failure::new(ErrorKind::Exception, "ValueError: \u{1b}[2Jno")
        });
        insta::assert_snapshot!(plain(&stop(&raised)), @r#"
        Traceback (most recent call last):
          File "handler.py", line 2
        error[exception] ValueError: \u{1b}[2Jno
        "#);
    }

    #[test]
    fn logs_are_lines_with_levels() {
        let entry =
            |level, message: &str| LogEntry { at_ms: 1.0, level, message: message.to_owned() };
        assert_eq!(plain(&log(&entry(LogLevel::Warning, "a\nb"))), "warning a\n        b");
        assert_eq!(
            plain(&log(&entry(LogLevel::Stdout, "\u{1b}]0;title\u{7}x\r"))),
            "  print \\u{1b}]0;title\\u{7}x"
        );
    }
}
