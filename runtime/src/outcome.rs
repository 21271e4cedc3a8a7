//! From how a guest stopped to what its caller is told.

use host_api::{GuestFailure, GuestFailureKind, HostStop};
use model::guest;
use model::outcome::MissingModule;
use model::{ErrorKind, ExecutorError, Failure, Limits};
use wasmtime::Trap;

use crate::limiter::Limiter;

/// Tells a guest's own failure.
pub fn from_guest(failure: GuestFailure, limiter: &Limiter, limits: &Limits) -> Failure {
    let kind = match failure.kind {
        GuestFailureKind::Raised => guest::GuestFailureKind::Raised,
        GuestFailureKind::InvalidInputs => guest::GuestFailureKind::InvalidInputs,
        GuestFailureKind::InvalidOutputs => guest::GuestFailureKind::InvalidOutputs,
        GuestFailureKind::OutputTooLarge => guest::GuestFailureKind::OutputTooLarge,
        GuestFailureKind::NoHandler => guest::GuestFailureKind::NoHandler,
    };
    let failure = guest::GuestFailure {
        kind,
        class: failure.class,
        message: failure.message,
        traceback: failure.traceback,
        violations: failure.violations,
        missing: failure.missing.map(|missing| MissingModule {
            name: missing.name,
            file: missing.file,
            line: missing.line,
        }),
    };
    guest::told(failure, limiter.was_denied(), limits)
}

/// Tells a trap. What a guest cannot have caused is an error of ours.
pub fn from_trap(
    error: &wasmtime::Error,
    limiter: &Limiter,
    limits: &Limits,
) -> Result<Failure, ExecutorError> {
    if let Some(stop) = error.downcast_ref::<HostStop>() {
        return Ok(match stop {
            HostStop::Timeout => guest::timeout(limits),
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
        _ if limiter.was_denied() => guest::memory_exceeded(limits),
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
