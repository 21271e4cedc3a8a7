//! From how a guest stopped to what its caller is told.

use host_api::{GuestFailure, GuestFailureKind, HostStop};
use model::outcome::MissingModule;
use model::{ErrorKind, ExecutorError, Failure, Limits, Violation};
use wasmtime::Trap;

use crate::limiter::Limiter;

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
    let message = match failure.kind {
        GuestFailureKind::Raised if failure.message.is_empty() => failure.class,
        GuestFailureKind::Raised => format!("{}: {}", failure.class, failure.message),
        _ => failure.message,
    };
    Failure {
        kind,
        message,
        traceback: failure.traceback,
        violations,
        missing_module: failure.missing.map(|missing| MissingModule {
            name: missing.name,
            file: missing.file,
            line: missing.line,
        }),
    }
}

/// A handler can forge them: what is not violations is no violations.
fn parse_violations(text: &str) -> Vec<Violation> {
    serde_json::from_str(text).unwrap_or_default()
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
