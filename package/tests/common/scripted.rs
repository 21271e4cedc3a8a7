//! An engine that answers as it is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use mecapy_package::prepare::{Engines, Options, PrepareError, Prepared, prepare};
use mecapy_package::{Archive, manifest};
use model::executor::{FoundImport, ImportRef, Inspection, TestReport};
use model::outcome::MissingModule;
use model::{
    Engine, ErrorKind, Executor, ExecutorError, Failure, Job, Logs, Operation, Outcome, Usage,
};
use serde_json::{Value, json};

use super::tree;

/// Answers as it is told, and remembers what it was asked.
#[derive(Default)]
pub struct Scripted {
    pub inspection: Inspection,
    /// By handler; `Ok` of anything that is not here.
    pub describe: HashMap<String, Result<Value, Failure>>,
    /// By handler: what a call gives, from its inputs.
    pub call: Option<fn(&serde_json::Map<String, Value>) -> Result<Value, Failure>>,
    pub tests: Option<TestReport>,
    pub asked: Mutex<Vec<String>>,
    pub left_out: Mutex<BTreeSet<String>>,
}

impl Executor for Scripted {
    fn engine(&self) -> Engine {
        Engine::Sandbox
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let (name, result) = match &job.operation {
            Operation::Inspect { .. } => {
                ("inspect".to_owned(), Ok(serde_json::to_value(&self.inspection).unwrap()))
            }
            Operation::Describe { handler } => {
                let answer = self.describe.get(&handler.to_string()).cloned();
                (
                    format!("describe {handler}"),
                    answer.unwrap_or_else(|| Ok(described(json!({"type": "object"})))),
                )
            }
            Operation::Call { handler, inputs } => (
                format!("call {handler} {}", Value::Object(inputs.clone())),
                self.call.map_or(Ok(Value::Null), |call| call(inputs)),
            ),
            Operation::Test => {
                assert!(job.bundle.deps.entry("pytest").is_some());
                ("test".to_owned(), Ok(serde_json::to_value(self.tests.as_ref().unwrap()).unwrap()))
            }
        };
        self.asked.lock().unwrap().push(name);
        self.left_out
            .lock()
            .unwrap()
            .extend(job.bundle.left_out.iter().map(|one| format!("{}:{}", one.file, one.line)));
        Ok(Outcome { result, logs: Logs::default(), warnings: Vec::new(), usage: Usage::default() })
    }
}

pub fn described(inputs: Value) -> Value {
    json!({"inputs_schema": inputs, "outputs_schema": null, "description": "Documentation."})
}

pub fn import(module: &str, file: &str, line: u32, used: bool, available: bool) -> FoundImport {
    let at = ImportRef { module: module.to_owned(), file: file.to_owned(), line };
    FoundImport { at, used, available, guarded: false }
}

pub fn missing(name: &str, file: &str, line: u32) -> Failure {
    let missing =
        MissingModule { name: name.to_owned(), file: Some(file.to_owned()), line: Some(line) };
    Failure {
        missing_module: Some(missing),
        ..Failure::new(ErrorKind::Exception, format!("No module named '{name}'"))
    }
}

pub fn run(executor: &Scripted, files: &[(&str, &str)]) -> Result<Prepared, PrepareError> {
    let archive = Archive { tree: tree(files), script: None };
    let source = manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"));
    prepare(&archive.tree, &source, &Engines::only(executor), &Options::default(), &|_, _| {})
}

pub const MANIFEST: &str = "version: \"1.0\"\nmetadata:\n  name: beam\nversioning:\n  version: \"1.2.3\"\nquality:\n  test_cases:\n    - inputs: {a: 1}\n      expected_outputs: {b: 2}\n";
pub const SOLVE: [(&str, &str); 2] = [
    ("mecapy.yaml", MANIFEST),
    ("handler.py", "import numpy\n\ndef calculate(inputs):\n    return {}\n"),
];

pub fn doubling(inputs: &serde_json::Map<String, Value>) -> Result<Value, Failure> {
    Ok(json!({"b": inputs["a"].as_f64().unwrap_or(0.0) * 2.0, "more": true}))
}
