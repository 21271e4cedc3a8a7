//! What a manifest means, whichever form it was written in.
//!
//! Reading the YAML or TOML, and saying where it is wrong, is `package`'s work.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{FunctionId, InvalidId, Limits};

/// Relative tolerance of numbers in test cases that name none.
pub const DEFAULT_TOLERANCE: f64 = 1e-9;

/// What runs a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Sandbox,
    Docker,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sandbox => "sandbox",
            Self::Docker => "docker",
        })
    }
}

/// What the author or the caller wants to run it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnginePreference {
    /// The sandbox where it can, Docker where it must.
    #[default]
    Auto,
    Sandbox,
    Docker,
}

/// Where a handler is: `module.path[.Class]:callable`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HandlerRef {
    /// Dotted path as written before the colon; its last part may be a class.
    pub path: String,
    pub callable: String,
    /// Inputs that go to the constructor, when the path names a class.
    #[serde(default)]
    pub init: Vec<String>,
}

impl HandlerRef {
    /// The handler of the single-function form.
    pub fn single() -> Self {
        Self { path: "handler".to_owned(), callable: "calculate".to_owned(), init: Vec::new() }
    }

    /// Parses `module.path[.Class]:callable`.
    pub fn parse(text: &str, init: Vec<String>) -> Result<Self, InvalidId> {
        let wrong = |why: &str| InvalidId(format!("`{text}` is not a handler: {why}"));
        let (path, callable) = text
            .split_once(':')
            .ok_or_else(|| wrong("write it as module.path:function or module.path.Class:method"))?;
        if !path.split('.').all(is_identifier) {
            return Err(wrong("what stands before the colon is not a dotted module path"));
        }
        if !is_identifier(callable) {
            return Err(wrong("what stands after the colon is not a function's name"));
        }
        Ok(Self { path: path.to_owned(), callable: callable.to_owned(), init })
    }
}

impl fmt::Display for HandlerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.callable)
    }
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Author {
    pub name: Option<String>,
    pub email: Option<String>,
}

/// A `major.minor` Python version, ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PythonVersion {
    pub major: u8,
    pub minor: u8,
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How a function wants to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeSpec {
    /// Lowest version that the code needs.
    pub python_version: Option<PythonVersion>,
    /// Image of the Docker fallback.
    pub base_image: String,
    pub timeout: Duration,
    pub memory_bytes: u64,
    /// Cores, for the Docker fallback; a sandbox call runs on one thread.
    pub cpu_limit: f64,
    pub engine: EnginePreference,
    pub fuel: Option<u64>,
    /// Inputs run once before a snapshot is taken.
    pub warmup: Vec<Map<String, Value>>,
    /// The same inputs always give the same outputs.
    pub deterministic: bool,
    /// Results may be answered from the cache.
    pub cache: bool,
    /// Exceptions are worth another attempt.
    pub retry: bool,
}

impl Default for RuntimeSpec {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            python_version: None,
            base_image: "python-base".to_owned(),
            timeout: limits.timeout,
            memory_bytes: limits.memory_bytes,
            cpu_limit: limits.cpus,
            engine: EnginePreference::Auto,
            fuel: None,
            warmup: Vec::new(),
            deterministic: false,
            cache: false,
            retry: false,
        }
    }
}

impl RuntimeSpec {
    pub fn limits(&self) -> Limits {
        Limits {
            timeout: self.timeout,
            memory_bytes: self.memory_bytes,
            fuel: self.fuel,
            cpus: self.cpu_limit,
            ..Limits::default()
        }
    }
}

/// An example that a deploy runs: inputs, and the outputs that they must give.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    pub name: Option<String>,
    pub inputs: Map<String, Value>,
    /// A subset of the outputs; anything else in them is not looked at.
    pub expected_outputs: Option<Value>,
    /// Relative, of numbers.
    pub tolerance: f64,
    /// Where it stands in the manifest, 1-based.
    pub line: u32,
}

/// One function of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSpec {
    pub id: FunctionId,
    pub handler: HandlerRef,
    pub description: Option<String>,
    pub runtime: RuntimeSpec,
    pub inputs_schema: Option<Value>,
    pub outputs_schema: Option<Value>,
    /// An output that breaks its schema fails the call, instead of warning.
    pub strict_outputs: bool,
    pub test_cases: Vec<TestCase>,
}

/// What the manifest says the package depends on, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// A requirements file of the package.
    pub file: Option<String>,
    /// Requirements, one a string, as in a requirements file.
    pub packages: Vec<String>,
}

/// A whole manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The manifest's own path in the package; empty for a bare `.py` file.
    pub file: String,
    pub name: String,
    pub version: semver::Version,
    pub description: Option<String>,
    pub authors: Vec<Author>,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub changelog: Option<String>,
    pub dependencies: Dependencies,
    /// At least one, in the manifest's order.
    pub functions: Vec<FunctionSpec>,
}

impl Manifest {
    pub fn function(&self, id: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.id.as_str() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers() {
        let handler = HandlerRef::parse("analysis.bolt.Bolt:calculate", vec![]).unwrap();
        assert_eq!(
            (handler.path.as_str(), handler.callable.as_str()),
            ("analysis.bolt.Bolt", "calculate")
        );
        for bad in ["", "a", "a:", ":b", "a.:b", "a:b.c", "a b:c", "1a:b", "a:b:c", "../a:b"] {
            assert!(HandlerRef::parse(bad, vec![]).is_err(), "{bad}");
        }
    }
}
