//! From how a call's process ended to what its caller is told: in the sandbox's words.

use model::guest::{self, GuestFailure};
use model::{ErrorKind, Failure, Limits};
use serde_json::Value;

use crate::containers::cgroup::Used;
use crate::containers::spec;
use crate::messages::Ended;
use crate::run::Stop;

/// Reads what a stranger answered.
pub fn read_answer(answer: &[u8], limits: &Limits) -> Result<Value, Failure> {
    if answer.len() as u64 > limits.output_bytes {
        return Err(output_too_large(limits));
    }
    let not_json = |error: &dyn std::fmt::Display| {
        Failure::new(ErrorKind::InvalidOutputs, format!("the answer is not JSON: {error}"))
    };
    let text = std::str::from_utf8(answer).map_err(|error| not_json(&error))?;
    model::json::parse(text).map_err(|error| not_json(&error))
}

pub fn output_too_large(limits: &Limits) -> Failure {
    let message = format!("the result is larger than {} bytes", limits.output_bytes);
    Failure::new(ErrorKind::OutputTooLarge, message)
}

pub fn stopped(stop: Stop, limits: &Limits) -> Failure {
    match stop {
        Stop::Deadline => guest::timeout(limits),
        Stop::Cancelled => cancelled(),
    }
}

pub fn cancelled() -> Failure {
    Failure::new(ErrorKind::Cancelled, "the call was cancelled")
}

/// Tells a guest's own failure.
pub fn failed(mut failure: GuestFailure, used: Option<&Used>, limits: &Limits) -> Failure {
    // numpy's own, under either name: the kernel has refused it memory that no call may have.
    let is_numpys = failure.class.ends_with("_ArrayMemoryError")
        || failure.class == "MemoryError" && failure.message.starts_with("Unable to allocate ");
    if is_numpys {
        failure.class = "MemoryError".to_owned();
    }
    let was_denied = is_numpys || used.is_some_and(|used| is_full(used, limits));
    guest::told(failure, was_denied, limits)
}

/// Tells the end of a process that gave no answer.
pub fn ended(how: Ended, used: Option<&Used>, limits: &Limits) -> Failure {
    let message = match how {
        Ended::Signal(9) if used.is_none_or(|used| used.was_killed || is_full(used, limits)) => {
            return guest::memory_exceeded(limits);
        }
        Ended::Signal(6) => {
            "the interpreter was aborted (os.abort, or a fatal error of its own)".to_owned()
        }
        Ended::Signal(signal) => {
            format!("the interpreter was ended by signal {}", signal_name(signal))
        }
        Ended::Status(status) => {
            format!("the handler ended the interpreter with status {status} instead of returning")
        }
    };
    Failure::new(ErrorKind::Exception, message)
}

/// Tells of a call whose runner did what no runner does, or ended.
pub fn broken(why: &str) -> Failure {
    let message = format!("the handler broke the container that it ran in: {why}");
    Failure::new(ErrorKind::Exception, message)
}

/// Whether a container came close to what it may have.
fn is_full(used: &Used, limits: &Limits) -> bool {
    used.peak_bytes >= spec::memory_bytes(limits) / 10 * 9
}

fn signal_name(signal: i64) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_process_is_out_of_memory_only_if_memory_was_short() {
        let limits = Limits::default();
        let killed = |used: Option<Used>| ended(Ended::Signal(9), used.as_ref(), &limits).kind;
        let full = Used { peak_bytes: spec::memory_bytes(&limits), ..Used::default() };
        assert_eq!(killed(Some(full)), ErrorKind::MemoryExceeded);
        let oom = Used { was_killed: true, ..Used::default() };
        assert_eq!(killed(Some(oom)), ErrorKind::MemoryExceeded);
        assert_eq!(killed(None), ErrorKind::MemoryExceeded);
        assert_eq!(killed(Some(Used::default())), ErrorKind::Exception);
        let crash = ended(Ended::Signal(11), None, &limits);
        assert_eq!(crash.message, "the interpreter was ended by signal SIGSEGV");
    }

    #[test]
    fn memory_that_was_refused_is_told_from_an_exception_of_that_name() {
        let kind = |class: &str, message: &str, peak_bytes| {
            let text = serde_json::json!({"kind": "raised", "class": class, "message": message});
            let failure = serde_json::from_value(text).unwrap();
            let used = Used { peak_bytes, ..Used::default() };
            failed(failure, Some(&used), &Limits::default()).kind
        };
        let numpys = "Unable to allocate 72.8 TiB for an array";
        assert_eq!(kind("MemoryError", numpys, 0), ErrorKind::MemoryExceeded);
        let older = "numpy.core._exceptions._ArrayMemoryError";
        assert_eq!(kind(older, numpys, 0), ErrorKind::MemoryExceeded);
        assert_eq!(kind("MemoryError", "", 0), ErrorKind::MemoryExceeded);
        assert_eq!(kind("MemoryError", "mine", u64::MAX), ErrorKind::MemoryExceeded);
        assert_eq!(kind("MemoryError", "mine", 0), ErrorKind::Exception);
        assert_eq!(kind("ValueError", "mine", u64::MAX), ErrorKind::Exception);
    }

    #[test]
    fn an_answer_is_a_strangers_text() {
        let limits = Limits { output_bytes: 10, ..Limits::default() };
        let kind = |answer: &[u8]| read_answer(answer, &limits).map_err(|failure| failure.kind);
        assert_eq!(kind(b"[1]"), Ok(serde_json::json!([1])));
        assert_eq!(kind(b"[1,1,1,1,1,1]"), Err(ErrorKind::OutputTooLarge));
        assert_eq!(kind(b"\xff"), Err(ErrorKind::InvalidOutputs));
        assert_eq!(kind(b"NaN"), Err(ErrorKind::InvalidOutputs));
        assert_eq!(kind(br#"{"a":1,"#), Err(ErrorKind::InvalidOutputs));
    }
}
