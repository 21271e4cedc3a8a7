//! A manifest held against the published schema, and the list of what is wrong with it.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use model::FunctionId;
use serde_json::{Value, json};

use super::SCHEMA;
use super::document::{Content, Node};
use super::meaning::completed;
use crate::problem::{Problem, Step};
use crate::schema::{Explained, Schema, explain};

/// The forms that the published schema defines.
const FORMS: [&str; 3] = ["single", "several", "pyproject"];

/// Problems of one manifest, as they are found.
pub struct Problems<'a> {
    file: &'a str,
    document: &'a Node,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub fn new(file: &'a str, document: &'a Node) -> Self {
        Self { file, document, found: Vec::new() }
    }

    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Adds a problem with the value at a pointer.
    pub fn value(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        let at = self.document.position(pointer);
        self.push(at.line, at.column, message.into(), Some(help.into()));
    }

    /// Adds a problem with the key at a pointer.
    pub fn key(&mut self, pointer: &str, message: impl Into<String>, help: Option<String>) {
        let at = self.document.key_position(pointer);
        self.push(at.line, at.column, message.into(), help);
    }

    fn push(&mut self, line: u32, column: u32, message: String, help: Option<String>) {
        let mut problem = Problem::new(Step::Manifest, message).in_file(self.file).at(line, column);
        problem.help = help.or_else(|| Some("correct it, or remove it".to_owned()));
        self.found.push(problem);
    }

    /// In the order of lines, each once.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        self.found.dedup();
        self.found
    }

    /// Holds what is at `base` against one form of the published schema.
    pub fn check_form(&mut self, form: &'static str, base: &str) {
        let (schema, validator) = &forms()[form];
        let Some(node) = self.document.pointer(base) else {
            return;
        };
        let value = node.to_value();
        let said: Vec<Explained> =
            validator.iter_errors(&value).flat_map(|error| explain(Some(schema), &error)).collect();
        let mistyped: Vec<String> =
            said.iter().filter(|one| one.rule == "type").map(|one| one.pointer.clone()).collect();
        for one in said {
            // Of another type it breaks every other rule too.
            if one.rule == "type" || !mistyped.contains(&one.pointer) {
                self.violation(form, base, one);
            }
        }
    }

    fn violation(&mut self, form: &str, base: &str, said: Explained) {
        let pointer = format!("{base}{}", said.pointer);
        let name = said
            .pointer
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace("~1", "/")
            .replace("~0", "~");
        match said.rule.as_str() {
            "additionalProperties" => {
                self.key(&pointer, format!("unknown key `{name}`"), said.help)
            }
            "required" => {
                let key = said.message.split('`').nth(1).unwrap_or_default().to_owned();
                self.key(&pointer, said.message, Some(format!("add `{key}`")));
            }
            _ => {
                let trap = self.trap(form, &pointer, &name, &said);
                let help = trap.or(said.help).or_else(|| default_help(&said.rule, &name));
                let message = reworded(&said.rule, &name, &said.value).unwrap_or(said.message);
                let at = self.document.position(&pointer);
                self.push(at.line, at.column, message, help);
            }
        }
    }

    /// Mistakes that the notation lays: `3.10` is a number, `yes` is text.
    fn trap(&self, form: &str, pointer: &str, name: &str, said: &Explained) -> Option<String> {
        let node = self.document.pointer(pointer)?;
        let Content::Scalar { value, plain } = &node.content else {
            return None;
        };
        match (said.rule.as_str(), value, plain) {
            ("type", Value::Number(_), Some(text)) if said.message.contains("must be text") => {
                let separator = if self.file.ends_with(".toml") { " = " } else { ": " };
                let is_semantic = pointer == "/versioning/version"
                    || (form == "several" && pointer == "/version");
                let full = if is_semantic { completed(text) } else { text.clone() };
                Some(format!(
                    "without quotes {text} is a number: write {name}{separator}\"{full}\""
                ))
            }
            ("type", Value::String(text), Some(_)) if said.message.contains("true or false") => {
                match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" => Some("write true".to_owned()),
                    "no" | "off" | "n" => Some("write false".to_owned()),
                    _ => None,
                }
            }
            ("type", Value::Null, _) => Some("give it a value, or remove the key".to_owned()),
            ("pattern" | "maxLength", Value::String(text), _) if name == "name" => {
                let rule = "a name has lower-case letters, digits and hyphens, at most 63";
                Some(match FunctionId::suggest(text) {
                    Some(id) => format!("{rule}: write `{id}`"),
                    None => rule.to_owned(),
                })
            }
            ("pattern", Value::String(_), _) if name == "python_version" => {
                Some("write a version like \"3.12\", \"3.9\" or later".to_owned())
            }
            _ => None,
        }
    }

    /// Checks a schema that the manifest gives.
    pub fn check_given_schema(&mut self, pointer: &str, schema: &Value) {
        if let Err(mistakes) = Schema::compile(schema.clone()) {
            for mistake in mistakes {
                self.key(&format!("{pointer}{}", mistake.pointer), mistake.message, mistake.help);
            }
        }
    }
}

/// What a pattern means, in place of the pattern.
fn reworded(rule: &str, name: &str, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|_| matches!(rule, "pattern" | "maxLength"))?;
    match name {
        "name" => Some(format!("`{text}` is not a name for a function or package")),
        "python_version" => Some(format!("`{text}` is not a Python version that can be asked for")),
        _ => None,
    }
}

fn default_help(rule: &str, name: &str) -> Option<String> {
    match rule {
        "minimum" | "maximum" => Some(format!("change `{name}`")),
        "minProperties" => Some("add one".to_owned()),
        "type" | "enum" | "format" => Some("correct it, or remove the key".to_owned()),
        _ => None,
    }
}

/// Each form's schema, made the root of the published document, and compiled.
fn forms() -> &'static HashMap<&'static str, (Value, Validator)> {
    static CHECKED: OnceLock<HashMap<&'static str, (Value, Validator)>> = OnceLock::new();
    CHECKED.get_or_init(|| {
        let published: Value = serde_json::from_str(SCHEMA).expect("the published schema is JSON");
        let compiled = |form| {
            let schema = json!({"$ref": format!("#/$defs/{form}"), "$defs": published["$defs"]});
            let validator = jsonschema::draft202012::options()
                .offline()
                .should_validate_formats(true)
                .build(&schema)
                .expect("the published schema compiles");
            (form, (schema, validator))
        };
        FORMS.into_iter().map(compiled).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_one() {
        let published: Value = serde_json::from_str(SCHEMA).unwrap();
        Schema::compile(published).unwrap();
        assert_eq!(forms().len(), FORMS.len());
    }
}
