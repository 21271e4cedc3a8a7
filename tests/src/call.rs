//! Calls of handlers that are given as text.

use std::sync::Arc;
use std::time::Duration;

use model::{
    Bundle, CallFiles, CancelToken, Events, Executor, HandlerRef, Job, Limits, Operation, Outcome,
    SnapshotJob, SnapshotRef, Tree,
};
use runtime::{Sandbox, SandboxConfig};
use serde_json::{Map, Value};

use crate::repository;

/// A sandbox of its own; compiled code is shared with all others of this checkout.
pub fn sandbox() -> Sandbox {
    sandbox_with(|_| {})
}

pub fn sandbox_with(change: impl FnOnce(&mut SandboxConfig)) -> Sandbox {
    let mut config = SandboxConfig::new(repository::cache());
    change(&mut config);
    Sandbox::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// A call of `calculate` in a package of one file; can be made any number of times.
#[derive(Clone)]
pub struct Call {
    pub tenant: Arc<str>,
    pub bundle: Arc<Bundle>,
    pub handler: HandlerRef,
    pub inputs: Map<String, Value>,
    pub limits: Limits,
    pub snapshot: Option<SnapshotRef>,
    pub deterministic: bool,
    pub cancel: CancelToken,
    pub files: Arc<dyn CallFiles>,
    pub events: Arc<dyn Events>,
}

impl Call {
    /// Of a module that defines `calculate(inputs)`.
    pub fn of(module: &str) -> Self {
        let mut app = Tree::new();
        app.insert("handler.py", module).expect("a path that an empty tree takes");
        Self {
            tenant: Arc::default(),
            bundle: Arc::new(Bundle { app: app.into(), ..Bundle::default() }),
            handler: HandlerRef::single(),
            inputs: Map::new(),
            limits: Limits { timeout: Duration::from_secs(20), ..Limits::default() },
            snapshot: None,
            deterministic: false,
            cancel: CancelToken::new(),
            files: Arc::new(()),
            events: Arc::new(()),
        }
    }

    /// Of a function whose body is given, unindented.
    pub fn body(lines: &str) -> Self {
        let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        Self::of(&format!("def calculate(inputs):\n{indented}"))
    }

    /// # Panics
    /// If it is not an object.
    pub fn inputs(mut self, inputs: Value) -> Self {
        let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
        self.inputs = inputs;
        self
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub fn deterministic(mut self) -> Self {
        self.deterministic = true;
        self
    }

    /// What a snapshot of its handler is made of.
    pub fn snapshot_job(&self, warmup: &[Value]) -> SnapshotJob {
        let object = |inputs: &Value| inputs.as_object().expect("inputs are an object").clone();
        SnapshotJob {
            bundle: self.bundle.clone(),
            handler: self.handler.clone(),
            warmup: warmup.iter().map(object).collect(),
            limits: self.limits.clone(),
            cases: Vec::new(),
            case_limits: self.limits.clone(),
            deterministic: self.deterministic,
            cancel: self.cancel.clone(),
        }
    }

    /// The same call, begun in a snapshot of its handler.
    ///
    /// # Panics
    /// If there can be none.
    pub fn from_snapshot(mut self, executor: &dyn Executor) -> Self {
        match executor.snapshot(&self.snapshot_job(&[])) {
            Ok(Ok(snapshot)) => self.snapshot = Some(snapshot),
            other => panic!("no snapshot: {other:?}"),
        }
        self
    }

    pub fn job(&self) -> Job {
        Job {
            tenant: self.tenant.clone(),
            bundle: self.bundle.clone(),
            operation: Operation::Call {
                handler: self.handler.clone(),
                inputs: self.inputs.clone(),
            },
            limits: self.limits.clone(),
            snapshot: self.snapshot.clone(),
            deterministic: self.deterministic,
            files: self.files.clone(),
            events: self.events.clone(),
            cancel: self.cancel.clone(),
        }
    }

    /// # Panics
    /// If the engine fails.
    pub fn run(&self, executor: &dyn Executor) -> Outcome {
        executor.run(&self.job()).unwrap_or_else(|error| panic!("the engine failed: {error}"))
    }

    /// The result of a call that has to complete.
    ///
    /// # Panics
    /// If it does not.
    pub fn value(&self, executor: &dyn Executor) -> Value {
        self.run(executor).result.unwrap_or_else(|failure| {
            let traceback = failure.traceback.unwrap_or_default();
            panic!("{}: {}\n{traceback}", failure.kind.as_str(), failure.message)
        })
    }
}

/// `completed`, or the failure's kind.
pub fn kind_of(outcome: &Outcome) -> &'static str {
    match &outcome.result {
        Ok(_) => "completed",
        Err(failure) => failure.kind.as_str(),
    }
}
