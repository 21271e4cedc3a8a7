//! How a call ended, and what it said on the way.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Usage;

/// Why a call or a package failed. Stable names: they are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The package's archive, manifest, code or dependencies are wrong.
    InvalidPackage,
    /// The inputs do not satisfy the inputs schema.
    InvalidInputs,
    /// The result has no JSON form, or breaks a strict outputs schema.
    InvalidOutputs,
    /// The handler raised.
    Exception,
    Timeout,
    FuelExhausted,
    MemoryExceeded,
    OutputTooLarge,
    /// The engine that the function needs is not there.
    EngineUnavailable,
    Cancelled,
    /// We failed, not the function.
    Internal,
}

impl ErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPackage => "invalid_package",
            Self::InvalidInputs => "invalid_inputs",
            Self::InvalidOutputs => "invalid_outputs",
            Self::Exception => "exception",
            Self::Timeout => "timeout",
            Self::FuelExhausted => "fuel_exhausted",
            Self::MemoryExceeded => "memory_exceeded",
            Self::OutputTooLarge => "output_too_large",
            Self::EngineUnavailable => "engine_unavailable",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// One broken rule of a schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// JSON Pointer into the document, empty for the whole of it.
    pub pointer: String,
    /// The schema keyword that was broken, such as `minimum`.
    pub rule: String,
    pub message: String,
    /// The value seen; cut when it is large, null where there is none.
    #[serde(default)]
    pub value: Value,
}

/// A call that ended without a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: ErrorKind,
    pub message: String,
    /// The author's frames, innermost last, as Python prints them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The module whose absence from the sandbox ended the call.
    #[serde(default, skip)]
    pub missing_module: Option<MissingModule>,
}

/// An import that the sandbox could not satisfy, and the line that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingModule {
    pub name: String,
    /// Relative to the package's root, or below `deps/` for a dependency.
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub line: Option<u32>,
}

impl Failure {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            traceback: None,
            violations: Vec::new(),
            missing_module: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
    /// Printed on standard output.
    Stdout,
    /// Printed on standard error.
    Stderr,
}

/// One line that a call logged or printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Milliseconds since the call began.
    pub at_ms: f64,
    pub level: LogLevel,
    pub message: String,
}

/// What a call logged, up to its quota.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    pub entries: Vec<LogEntry>,
    /// Whether lines were dropped because the quota was used up.
    pub truncated: bool,
}

/// Something that did not fail the call but that its caller should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
}

/// How a run ended. A limit crossed or an exception raised is an outcome, not an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub result: Result<Value, Failure>,
    pub logs: Logs,
    pub warnings: Vec<Warning>,
    pub usage: Usage,
}
