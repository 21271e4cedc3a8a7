//! JSON Schemas (2020-12) of inputs and outputs: compiled once, then asked.
//!
//! Schemas come from strangers, in manifests and out of the sandbox: nothing is ever
//! fetched for one, patterns run in linear time, and a schema or a value that would take
//! without bound to check is refused.

mod compare;
mod complexity;
mod defaults;
mod explain;
mod files;
mod keywords;
mod words;

use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use model::Violation;
use serde_json::{Map, Value};

pub use compare::{Mismatch, compare};
pub use complexity::{MAX_IN_PLACE, MAX_STEPS};
pub(crate) use explain::{Explained, explain};
pub use files::{file_keys, resolved};

/// Most violations reported of one value.
pub const MAX_VIOLATIONS: usize = 1_000;
/// Largest compiled pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Largest schema, in values.
pub const MAX_SCHEMA_NODES: usize = 20_000;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What is wrong with a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaMistake {
    /// JSON Pointer into the schema.
    pub pointer: String,
    pub message: String,
    pub help: Option<String>,
}

impl SchemaMistake {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A compiled schema. Clones share it.
#[derive(Clone, Debug)]
pub struct Schema {
    value: Arc<Value>,
    validator: Arc<Validator>,
    /// Whether the work of checking a value has to be counted before.
    guarded: bool,
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Schema {
    /// Checks and compiles a schema; answers with everything wrong with it.
    pub fn compile(value: Value) -> Result<Self, Vec<SchemaMistake>> {
        let mistakes = keywords::check(&value);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let guarded = complexity::check(&value).map_err(|mistake| vec![mistake])?;
        let validator = jsonschema::draft202012::options()
            .offline()
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_PATTERN_BYTES)
                    .dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .should_validate_formats(true)
            .build(&value)
            .map_err(|error| vec![keywords::uncompilable(&value, &error)])?;
        Ok(Self { value: Arc::new(value), validator: Arc::new(validator), guarded })
    }

    /// A schema that everything satisfies.
    pub fn anything() -> Self {
        Self::compile(Value::Object(Map::new())).expect("the empty schema compiles")
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Adds the schema's defaults where the inputs give nothing: of properties, at any
    /// depth, through `$ref` and `allOf` where they agree. What is given is never changed.
    pub fn apply_defaults(&self, inputs: Map<String, Value>) -> Map<String, Value> {
        let mut value = Value::Object(inputs);
        defaults::apply(&self.value, &mut value);
        match value {
            Value::Object(inputs) => inputs,
            _ => unreachable!("defaults keep an object an object"),
        }
    }

    /// Every rule that a value breaks, in the order of the schema; at most
    /// `MAX_VIOLATIONS`.
    pub fn validate(&self, value: &Value) -> Vec<Violation> {
        if self.guarded && complexity::is_too_much(&self.value, value) {
            return vec![Violation {
                pointer: String::new(),
                rule: "complexity".to_owned(),
                message: "the value is nested too deeply for its schema to be checked".to_owned(),
                value: Value::Null,
            }];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let mut violations = Vec::new();
        for error in self.validator.iter_errors(value) {
            violations.extend(explain(Some(&self.value), &error).into_iter().map(Violation::from));
            if violations.len() >= MAX_VIOLATIONS {
                break;
            }
        }
        violations.truncate(MAX_VIOLATIONS);
        violations.dedup();
        violations
    }

    /// Applies the defaults, then validates.
    pub fn accept(&self, inputs: Map<String, Value>) -> Result<Map<String, Value>, Vec<Violation>> {
        let inputs = Value::Object(self.apply_defaults(inputs));
        let violations = self.validate(&inputs);
        match inputs {
            Value::Object(inputs) if violations.is_empty() => Ok(inputs),
            _ => Err(violations),
        }
    }
}

/// The value at a local reference such as `#/$defs/bolt` or `#bolt`.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let fragment = reference.strip_prefix('#')?;
    if fragment.is_empty() {
        return Some(root);
    }
    let fragment = percent_decoded(fragment)?;
    if fragment.starts_with('/') {
        return root.pointer(&fragment);
    }
    keywords::anchored(root, &fragment)
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = text.get(at + 1..at + 3)?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

/// A property's name as a part of a JSON Pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
