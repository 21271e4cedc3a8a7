//! From how a guest stopped to what its caller is told.

use host_api::{GuestFailure, GuestFailureKind, HostStop};
use model::json::cut;
use model::outcome::MissingModule;
use model::{ErrorKind, ExecutorError, Failure, Limits, Violation};
use wasmtime::Trap;

use crate::limiter::Limiter;

/// What is kept of the guest's own words: the shim cuts them too, but it is the guest.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
const MAX_TRACEBACK_BYTES: usize = 128 * 1024;
const MAX_NAME_BYTES: usize = 1024;
const MAX_VIOLATIONS_BYTES: usize = 1024 * 1024;
const MAX_VIOLATIONS: usize = 100;

/// Tells a guest's own failure.
pub fn from_guest(failure: GuestFailure, limiter: &Limiter, limits: &Limits) -> Failure {
    let kind = match failure.kind {
        // Python refuses what could never fit without asking for memory: its own
        // MemoryError has no message.
        GuestFailureKind::Raised
            if failure.class == "MemoryError"
                && (limiter.was_denied() || failure.message.is_empty()) =>
        {
            return memory_exceeded(limits, failure.traceback);
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
    let parsed = model::json::parse(text).ok().and_then(|value| serde_json::from_value(value).ok());
    let mut violations: Vec<Violation> = parsed.unwrap_or_default();
    violations.truncate(MAX_VIOLATIONS);
    violations
}

/// Tells a trap. What a guest cannot have caused is an error of ours.
pub fn from_trap(
    error: &wasmtime::Error,
    limiter: &Limiter,
    limits: &Limits,
) -> Result<Failure, ExecutorError> {
    if let Some(stop) = error.downcast_ref::<HostStop>() {
        return Ok(match stop {
            HostStop::Timeout => timeout(limits),
            HostStop::Cancelled => Failure::new(ErrorKind::Cancelled, "the call was cancelled"),
            HostStop::Exit(status) => Failure::new(
                ErrorKind::Exception,
                format!(
                    "the handler ended the interpreter with status {status} instead of returning"
                ),
            ),
        });
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return from_host_call(error);
    };
    Ok(match trap {
        Trap::OutOfFuel => Failure::new(
            ErrorKind::FuelExhausted,
            format!("the budget of {} instructions is used up", limits.fuel.unwrap_or(u64::MAX)),
        ),
        Trap::StackOverflow => {
            Failure::new(ErrorKind::Exception, "RecursionError: the sandbox's stack is used up")
        }
        _ if limiter.was_denied() => memory_exceeded(limits, None),
        Trap::UnreachableCodeReached => Failure::new(
            ErrorKind::Exception,
            "the interpreter was aborted (os.abort, or a fatal error of its own)",
        ),
        trap => Failure::new(ErrorKind::Exception, format!("the interpreter crashed: {trap}")),
    })
}

/// A refusal of the host's side: too many resources, too much data in one call.
fn from_host_call(error: &wasmtime::Error) -> Result<Failure, ExecutorError> {
    let reason = error.root_cause().to_string();
    Ok(Failure::new(ErrorKind::Exception, format!("the sandbox refused a request: {reason}")))
}

fn timeout(limits: &Limits) -> Failure {
    let message = format!("the call did not end within {} s", limits.timeout.as_secs_f64());
    Failure::new(ErrorKind::Timeout, message)
}

fn memory_exceeded(limits: &Limits, traceback: Option<String>) -> Failure {
    let mib = limits.memory_bytes / model::limits::MIB;
    let message = format!("the call needs more memory than its limit of {mib} MiB");
    Failure { traceback, ..Failure::new(ErrorKind::MemoryExceeded, message) }
}
