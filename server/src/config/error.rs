//! Why a configuration is refused, in words for the operator.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::Origin;

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("the configuration file {} cannot be read: {source}", .file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    /// The message never quotes the file's text, which may hold secrets.
    #[error("{}, line {line}: not TOML: {message}", .file.display())]
    NotToml { file: PathBuf, line: usize, message: String },
    #[error("{variable}: not UTF-8")]
    NotText { variable: String },
    /// At least one problem, each on a line of its own.
    #[error("{}", lines(.0))]
    Refused(Vec<Problem>),
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No such key or, where the origin is a variable, no such variable.
    Unknown { origin: Origin, name: String, suggestion: Option<String> },
    /// A section's name where a key's belongs.
    NotASection { origin: Origin, section: String },
    /// `allowed` completes "must be"; `value` is left out where it may hold a secret.
    BadValue { origin: Origin, key: String, value: Option<String>, allowed: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { origin, name, suggestion } => {
                match origin {
                    Origin::Variable(_) => write!(f, "{origin}: there is no such variable")?,
                    _ => write!(f, "{origin}: there is no key `{}`", name.escape_debug())?,
                }
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
                    None => Ok(()),
                }
            }
            Self::NotASection { origin, section } => {
                write!(f, "{origin}: `{section}` is a section, not a value")
            }
            Self::BadValue { origin, key, value: Some(value), allowed } => {
                write!(f, "{origin}: `{key}` is {value}; it must be {allowed}")
            }
            Self::BadValue { origin, key, value: None, allowed } => {
                write!(f, "{origin}: `{key}` must be {allowed}")
            }
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
