//! From a guest's own words about its failure to what its caller is told.

use serde::Deserialize;
use serde_json::Value;

use crate::json::cut;
use crate::outcome::MissingModule;
use crate::{ErrorKind, Failure, Limits, Violation};

/// What is kept of the guest's own words: the shim cuts them too, but it is the guest.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
const MAX_TRACEBACK_BYTES: usize = 128 * 1024;
const MAX_NAME_BYTES: usize = 1024;
const MAX_VIOLATIONS_BYTES: usize = 1024 * 1024;
const MAX_VIOLATIONS: usize = 100;

/// How a guest says that it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestFailureKind {
    /// The handler raised.
    Raised,
    InvalidInputs,
    InvalidOutputs,
    OutputTooLarge,
    /// The handler is not where the manifest says, or is not callable.
    NoHandler,
}

/// What a guest says of its failure: a stranger's words.
#[derive(Clone, Debug, Deserialize)]
pub struct GuestFailure {
    pub kind: GuestFailureKind,
    /// The exception's class, such as `ZeroDivisionError`.
    #[serde(default)]
    pub class: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub traceback: Option<String>,
    /// A JSON array of violations, as text.
    #[serde(default)]
    pub violations: Option<String>,
    #[serde(default)]
    pub missing: Option<MissingModule>,
}

/// Tells a guest's failure. `was_denied` says whether it had asked for more memory than it
/// may have.
pub fn told(failure: GuestFailure, was_denied: bool, limits: &Limits) -> Failure {
    let kind = match failure.kind {
        // Python refuses what could never fit without asking for memory: its own
        // MemoryError has no message.
        GuestFailureKind::Raised
            if failure.class == "MemoryError" && (was_denied || failure.message.is_empty()) =>
        {
            let traceback = failure.traceback.map(|text| cut(&text, MAX_TRACEBACK_BYTES));
            return Failure { traceback, ..memory_exceeded(limits) };
        }
        GuestFailureKind::Raised => ErrorKind::Exception,
        GuestFailureKind::InvalidInputs => ErrorKind::InvalidInputs,
        GuestFailureKind::InvalidOutputs => ErrorKind::InvalidOutputs,
        GuestFailureKind::OutputTooLarge => ErrorKind::OutputTooLarge,
        GuestFailureKind::NoHandler => ErrorKind::InvalidPackage,
    };
    let violations = failure.violations.as_deref().map(parse_violations).unwrap_or_default();
    let class = cut(&failure.class, MAX_NAME_BYTES);
    let message = match failure.kind {
        GuestFailureKind::Raised if failure.message.is_empty() => class,
        GuestFailureKind::Raised => {
            format!("{class}: {}", cut(&failure.message, MAX_MESSAGE_BYTES))
        }
        _ => cut(&failure.message, MAX_MESSAGE_BYTES),
    };
    Failure {
        kind,
        message,
        traceback: failure.traceback.map(|text| cut(&text, MAX_TRACEBACK_BYTES)),
        violations,
        missing_module: failure.missing.map(|missing| MissingModule {
            name: cut(&missing.name, MAX_NAME_BYTES),
            file: missing.file.map(|file| cut(&file, MAX_NAME_BYTES)),
            line: missing.line,
        }),
    }
}

/// A handler can forge them: what is not violations is no violations.
fn parse_violations(text: &str) -> Vec<Violation> {
    if text.len() > MAX_VIOLATIONS_BYTES {
        return Vec::new();
    }
    let Ok(Value::Array(list)) = crate::json::parse(text) else { return Vec::new() };
    let one = |value: Value| serde_json::from_value::<Violation>(value).ok();
    list.into_iter().filter_map(one).take(MAX_VIOLATIONS).collect()
}

pub fn timeout(limits: &Limits) -> Failure {
    let message = format!("the call did not end within {} s", limits.timeout.as_secs_f64());
    Failure::new(ErrorKind::Timeout, message)
}

pub fn memory_exceeded(limits: &Limits) -> Failure {
    let mib = limits.memory_bytes / crate::limits::MIB;
    let message = format!("the call needs more memory than its limit of {mib} MiB");
    Failure::new(ErrorKind::MemoryExceeded, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(violations: &str) -> Vec<Violation> {
        let failure = GuestFailure {
            kind: GuestFailureKind::InvalidInputs,
            class: String::new(),
            message: String::new(),
            traceback: None,
            violations: Some(violations.to_owned()),
            missing: None,
        };
        told(failure, false, &Limits::default()).violations
    }

    #[test]
    fn a_violation_without_a_value_is_one_and_what_is_none_is_left_out() {
        let found = failure(
            r#"[{"pointer": "/a", "rule": "required", "message": "is missing"}, 3,
                {"pointer": "/b", "rule": "type", "message": "x", "value": 1}]"#,
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].value.clone(), found[1].pointer.as_str()), (Value::Null, "/b"));
        assert!(failure("nonsense").is_empty());
        assert!(failure("{}").is_empty());
    }
}
