//! What the runner may say, and what is said to it (PROTOCOL.md).
//!
//! A message is read into one flat shape first: numbers keep their text in this workspace's
//! JSON, which serde's tagged enums cannot pass on.

use model::guest::{GuestFailure, GuestFailureKind};
use model::outcome::MissingModule;
use model::{FileError, LogLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// To the runner.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Say<'a> {
    Prepare {
        preload: &'a [String],
        tmp_bytes: u64,
        tmp_nodes: usize,
        handler: Option<Handler<'a>>,
        left_out: Vec<LeftOut<'a>>,
    },
    Run {
        id: u64,
        operation: &'a str,
        deterministic: bool,
        output_bytes: u64,
        timeout_ms: u64,
        bytes: bool,
    },
    Stop,
    Ping,
    Opened {
        handle: u64,
    },
    Read {
        bytes: bool,
    },
    Done,
    Refused {
        kind: &'a str,
        message: String,
    },
}

#[derive(Debug, Serialize)]
pub struct Handler<'a> {
    pub path: &'a str,
    pub callable: &'a str,
    pub init: &'a [String],
}

#[derive(Debug, Serialize)]
pub struct LeftOut<'a> {
    pub name: &'a str,
    pub file: &'a str,
    pub line: u32,
}

/// How a file's failure is said.
pub fn refused(error: FileError) -> Say<'static> {
    let kind = match error {
        FileError::NotFound(_) => "not_found",
        FileError::InvalidKey(_) => "invalid_key",
        FileError::Unavailable(_) => "unavailable",
    };
    Say::Refused { kind, message: error.to_string() }
}

/// From the runner.
#[derive(Debug)]
pub enum Said {
    Ready { python: String, preloaded: Vec<String> },
    Log { level: LogLevel, message: String },
    Print { is_error: bool },
    Progress { fraction: f64, message: String },
    Request(Request),
    Result,
    Failed(GuestFailure),
    Ended { how: Ended, stopped: bool },
    Idle(Idle),
    Unclean { why: String },
    Pong,
}

/// What a call asks of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Open { key: String },
    Create { key: String },
    Read { handle: u64, length: u64 },
    Write { handle: u64 },
    Finish { handle: u64 },
    Drop { handle: u64 },
}

/// How a process ended that gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Status(i64),
    Signal(i64),
}

/// The container is clean and waits for its next call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    pub cpu_ms: f64,
    pub peak_memory_bytes: u64,
    pub load_ms: f64,
    pub swept: u64,
}

/// All fields of all messages.
#[derive(Debug, Deserialize)]
struct Flat {
    r#type: String,
    /// Whether bytes follow.
    #[serde(default)]
    bytes: bool,
    python: Option<String>,
    preloaded: Option<Vec<String>>,
    level: Option<String>,
    message: Option<String>,
    stream: Option<String>,
    fraction: Option<f64>,
    key: Option<String>,
    handle: Option<u64>,
    length: Option<u64>,
    ok: Option<bool>,
    failure: Option<FlatFailure>,
    ended: Option<FlatEnded>,
    #[serde(default)]
    stopped: bool,
    cpu_ms: Option<f64>,
    peak_memory_bytes: Option<u64>,
    load_ms: Option<f64>,
    swept: Option<u64>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FlatFailure {
    kind: GuestFailureKind,
    class: Option<String>,
    message: Option<String>,
    traceback: Option<String>,
    violations: Option<Value>,
    missing: Option<MissingModule>,
}

#[derive(Debug, Deserialize)]
struct FlatEnded {
    status: Option<i64>,
    signal: Option<i64>,
}

/// A message, and whether bytes that belong to it come next.
///
/// # Errors
/// If it is none that the protocol knows, and why.
pub fn read(body: &[u8]) -> Result<(Said, bool), String> {
    let flat: Flat = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let bytes = flat.bytes;
    let of_type = flat.r#type.clone();
    let said = understand(flat).ok_or_else(|| {
        format!("`{}` is no message, or lacks a field", model::json::cut(&of_type, 40))
    })?;
    let belong = matches!(said, Said::Print { .. } | Said::Result)
        || matches!(said, Said::Request(Request::Write { .. }));
    if bytes != belong {
        return Err(format!("`{of_type}` with bytes: {bytes}"));
    }
    Ok((said, bytes))
}

fn understand(flat: Flat) -> Option<Said> {
    let request = |request| Some(Said::Request(request));
    match flat.r#type.as_str() {
        "ready" => Some(Said::Ready {
            python: flat.python.unwrap_or_default(),
            preloaded: flat.preloaded.unwrap_or_default(),
        }),
        "log" => {
            let level = match flat.level?.as_str() {
                "debug" => LogLevel::Debug,
                "info" => LogLevel::Info,
                "warning" => LogLevel::Warning,
                "error" => LogLevel::Error,
                _ => return None,
            };
            Some(Said::Log { level, message: flat.message? })
        }
        "print" => match flat.stream?.as_str() {
            "stdout" => Some(Said::Print { is_error: false }),
            "stderr" => Some(Said::Print { is_error: true }),
            _ => None,
        },
        "progress" => Some(Said::Progress {
            fraction: flat.fraction?,
            message: flat.message.unwrap_or_default(),
        }),
        "open" => request(Request::Open { key: flat.key? }),
        "create" => request(Request::Create { key: flat.key? }),
        "read" => request(Request::Read { handle: flat.handle?, length: flat.length? }),
        "write" => request(Request::Write { handle: flat.handle? }),
        "finish" => request(Request::Finish { handle: flat.handle? }),
        "drop" => request(Request::Drop { handle: flat.handle? }),
        "outcome" if flat.ok? => Some(Said::Result),
        "outcome" => match (flat.failure, flat.ended) {
            (Some(failure), None) => Some(Said::Failed(failure.into())),
            (None, Some(FlatEnded { status: Some(status), signal: None })) => {
                Some(Said::Ended { how: Ended::Status(status), stopped: flat.stopped })
            }
            (None, Some(FlatEnded { status: None, signal: Some(signal) })) => {
                Some(Said::Ended { how: Ended::Signal(signal), stopped: flat.stopped })
            }
            _ => None,
        },
        "idle" => Some(Said::Idle(Idle {
            cpu_ms: flat.cpu_ms.unwrap_or_default(),
            peak_memory_bytes: flat.peak_memory_bytes.unwrap_or_default(),
            load_ms: flat.load_ms.unwrap_or_default(),
            swept: flat.swept.unwrap_or_default(),
        })),
        "unclean" => Some(Said::Unclean { why: flat.why.unwrap_or_default() }),
        "pong" => Some(Said::Pong),
        _ => None,
    }
}

impl From<FlatFailure> for GuestFailure {
    fn from(failure: FlatFailure) -> Self {
        let violations = match failure.violations {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(list) => Some(list.to_string()),
        };
        Self {
            kind: failure.kind,
            class: failure.class.unwrap_or_default(),
            message: failure.message.unwrap_or_default(),
            traceback: failure.traceback,
            violations,
            missing: failure.missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_lists_is_understood() {
        for (text, bytes) in [
            (r#"{"type":"ready","python":"3.11.2","preloaded":["numpy"]}"#, false),
            (r#"{"type":"log","level":"warning","message":"x"}"#, false),
            (r#"{"type":"print","stream":"stdout","bytes":true}"#, true),
            (r#"{"type":"progress","fraction":0.5,"message":""}"#, false),
            (r#"{"type":"open","key":"a"}"#, false),
            (r#"{"type":"read","handle":1,"length":10}"#, false),
            (r#"{"type":"write","handle":1,"bytes":true}"#, true),
            (r#"{"type":"outcome","ok":true,"bytes":true}"#, true),
            (r#"{"type":"outcome","ok":false,"ended":{"signal":9},"stopped":true}"#, false),
            (r#"{"type":"outcome","ok":false,"ended":{"status":3},"stopped":false}"#, false),
            (r#"{"type":"idle","cpu_ms":1.5,"peak_memory_bytes":10,"load_ms":2,"swept":0}"#, false),
            (r#"{"type":"unclean","why":"x"}"#, false),
            (r#"{"type":"pong"}"#, false),
        ] {
            assert_eq!(read(text.as_bytes()).expect(text).1, bytes);
        }
    }

    #[test]
    fn a_failure_keeps_its_violations_and_its_missing_module() {
        let text = r#"{"type":"outcome","ok":false,"failure":{"kind":"invalid_inputs",
            "class":"E","message":"m","violations":[{"pointer":"/a","rule":"type","message":"m",
            "value":12345678901234567890123}],"missing":{"name":"x","file":"a.py","line":3}}}"#;
        let (Said::Failed(failure), false) = read(text.as_bytes()).unwrap() else { panic!() };
        assert!(failure.violations.unwrap().contains("12345678901234567890123"));
        assert_eq!(failure.missing.unwrap().line, Some(3));
    }

    #[test]
    fn what_it_does_not_list_is_refused() {
        for text in [
            "[]",
            "{}",
            r#"{"type":"shutdown"}"#,
            r#"{"type":"log","level":"loud","message":"x"}"#,
            r#"{"type":"log","level":"info","level":"info","message":"x"}"#,
            r#"{"type":"progress","fraction":NaN}"#,
            r#"{"type":"read","handle":-1,"length":10}"#,
            r#"{"type":"outcome","ok":true}"#,
            r#"{"type":"outcome","ok":false}"#,
            r#"{"type":"outcome","ok":false,"ended":{"signal":9,"status":1}}"#,
            r#"{"type":"print","stream":"stdout"}"#,
            r#"{"type":"idle","bytes":true}"#,
            "\u{0}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
