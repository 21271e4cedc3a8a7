//! How a command ended: what is known of it, and the exit status that says so.

use model::{Engine, ErrorKind, ExecutorError, Failure, Logs, PackageVersion, Usage, Warning};
use package::{PackageError, PrepareError, Problem};
use serde_json::Value;

/// The exit status of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Completed = 0,
    /// The handler raised or returned what is not valid, or a test failed.
    Failed = 1,
    /// Usage, or the package or the inputs are invalid.
    Invalid = 2,
    Limit = 3,
    Unavailable = 4,
    Internal = 5,
    /// As a shell says that SIGINT ended a command.
    Interrupted = 130,
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Exception | ErrorKind::InvalidOutputs => Self::Failed,
            ErrorKind::InvalidPackage | ErrorKind::InvalidInputs => Self::Invalid,
            ErrorKind::Timeout
            | ErrorKind::FuelExhausted
            | ErrorKind::MemoryExceeded
            | ErrorKind::OutputTooLarge => Self::Limit,
            ErrorKind::EngineUnavailable => Self::Unavailable,
            ErrorKind::Internal => Self::Internal,
            ErrorKind::Cancelled => Self::Interrupted,
        }
    }
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub failure: Box<Failure>,
    /// Of the package, each with its place.
    pub problems: Vec<Problem>,
    /// What to do, where neither the message nor a problem says it.
    pub help: Option<String>,
}

impl Stop {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Failure::new(kind, message).into()
    }

    /// What the command line gave is not right.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInputs, message)
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn exit(&self) -> Exit {
        self.failure.kind.into()
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { failure: Box::new(failure), problems: Vec::new(), help: None }
    }
}

impl From<PackageError> for Stop {
    fn from(error: PackageError) -> Self {
        let message = match error.problems.as_slice() {
            [only] => only.to_string(),
            several => format!("the package has {} problems", several.len()),
        };
        Self { problems: error.problems, ..Self::new(ErrorKind::InvalidPackage, message) }
    }
}

impl From<ExecutorError> for Stop {
    fn from(error: ExecutorError) -> Self {
        let kind = match error {
            ExecutorError::Unavailable(_) => ErrorKind::EngineUnavailable,
            ExecutorError::Internal(_) => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<PrepareError> for Stop {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Package(error) => error.into(),
            PrepareError::Executor(error) => error.into(),
            PrepareError::NoResolver(message) | PrepareError::Unavailable(message) => {
                Self::new(ErrorKind::EngineUnavailable, message)
            }
            PrepareError::Cancelled => Self::new(ErrorKind::Cancelled, "cancelled"),
        }
    }
}

/// What is known of the function so far; nothing is, of a package that cannot be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    pub function_id: Option<String>,
    pub version: Option<PackageVersion>,
    pub engine: Option<Engine>,
    pub engine_reason: Option<String>,
}

/// How a call, or the attempt at one, ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub known: Known,
    pub result: Result<Value, Stop>,
    pub logs: Logs,
    pub warnings: Vec<Warning>,
    /// Of the call, if there was one.
    pub usage: Option<Usage>,
}

impl Ended {
    /// Before there was a call.
    pub fn early(known: Known, stop: Stop) -> Self {
        Self { known, result: Err(stop), logs: Logs::default(), warnings: Vec::new(), usage: None }
    }

    pub fn exit(&self) -> Exit {
        self.result.as_ref().map_or_else(Stop::exit, |_| Exit::Completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_status() {
        for (kind, status) in [
            (ErrorKind::Exception, 1),
            (ErrorKind::InvalidOutputs, 1),
            (ErrorKind::InvalidPackage, 2),
            (ErrorKind::InvalidInputs, 2),
            (ErrorKind::Timeout, 3),
            (ErrorKind::FuelExhausted, 3),
            (ErrorKind::MemoryExceeded, 3),
            (ErrorKind::OutputTooLarge, 3),
            (ErrorKind::EngineUnavailable, 4),
            (ErrorKind::Internal, 5),
            (ErrorKind::Cancelled, 130),
        ] {
            assert_eq!(Exit::from(kind) as i32, status, "{kind:?}");
        }
    }
}
