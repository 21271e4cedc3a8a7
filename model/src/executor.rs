//! The seam between what runs Python and everything else.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::image::{Base, ImageError, Platform, Recipe};
use crate::{
    CancelToken, Engine, Failure, HandlerRef, Limits, LogEntry, Outcome, SnapshotId, SnapshotRef,
    Tree,
};

/// What an engine needs of a package to run its functions.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The package's own files.
    pub app: Arc<Tree>,
    /// Its dependencies, laid out like `site-packages`.
    pub deps: Arc<Tree>,
    /// Imports of the package's own code that are left out: the engine has no such
    /// module, and the code never uses the name.
    pub left_out: Vec<ImportRef>,
    /// What its image is made of, for an engine that runs images; the dependencies are in it.
    pub image: Option<Arc<Recipe>>,
}

/// One import statement of a package's own code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRef {
    /// Dotted name as imported, such as `numpy.linalg`.
    pub module: String,
    /// Relative to the package's root.
    pub file: String,
    pub line: u32,
}

/// What to do in a fresh, isolated interpreter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// Call a handler; the result is its value.
    Call { handler: HandlerRef, inputs: Map<String, Value> },
    /// Import a handler and read its signature; the result is a `Description`.
    Describe { handler: HandlerRef },
    /// Read the syntax of the package's own code without running it; the result is an
    /// `Inspection`.
    Inspect { policy: ImportPolicy },
    /// Run the package's `tests/` folder; the result is a `TestReport`.
    Test,
}

/// Which imports and calls a package's own code may not contain.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ImportPolicy {
    /// Top-level modules that are refused; every other is allowed.
    pub blocked_modules: Vec<String>,
    /// When given, only these top-level modules, and the package's own, are allowed.
    pub allowed_modules: Option<Vec<String>>,
    /// Built-in functions that may not be called.
    pub blocked_calls: Vec<String>,
}

impl ImportPolicy {
    /// Syntax alone is checked.
    pub fn anything() -> Self {
        Self { blocked_modules: Vec::new(), allowed_modules: None, blocked_calls: Vec::new() }
    }
}

impl Default for ImportPolicy {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            blocked_modules: list(&[
                "os",
                "subprocess",
                "sys",
                "socket",
                "ctypes",
                "multiprocessing",
            ]),
            allowed_modules: None,
            blocked_calls: list(&["eval", "exec", "compile", "__import__"]),
        }
    }
}

/// What static inspection found in the package's own code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Syntax errors and broken policy, in the order of files and lines.
    pub problems: Vec<CodeProblem>,
    pub imports: Vec<FoundImport>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeProblem {
    /// `syntax`, `import` or `call`.
    pub rule: String,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundImport {
    #[serde(flatten)]
    pub at: ImportRef,
    /// Whether any name that the statement binds is used in its file.
    pub used: bool,
    /// Whether the engine finds such a module, in the package, its dependencies or the
    /// standard library.
    pub available: bool,
    /// Whether failing to import it is handled, by `try` or by `TYPE_CHECKING`.
    pub guarded: bool,
}

/// What a handler says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    pub inputs_schema: Value,
    pub outputs_schema: Option<Value>,
    pub description: Option<String>,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What pytest reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
    pub tests: Vec<TestResult>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// `tests/test_handler.py::test_name`.
    pub name: String,
    /// `passed`, `failed`, `error` or `skipped`.
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One run: everything that it may see, use and report to.
pub struct Job {
    /// Whose call it is: tenants share no container. Empty where there are none.
    pub tenant: Arc<str>,
    pub bundle: Arc<Bundle>,
    pub operation: Operation,
    /// Where a call or a description begins, instead of importing the handler. An engine
    /// that cannot use it imports the handler.
    pub snapshot: Option<SnapshotRef>,
    pub limits: Limits,
    /// Fixed clock, seeded randomness, canonical NaNs, metered: the same inputs give
    /// bit-identical outputs and the same fuel on any machine.
    pub deterministic: bool,
    pub files: Arc<dyn CallFiles>,
    pub events: Arc<dyn Events>,
    pub cancel: CancelToken,
}

/// What a snapshot is made of.
#[derive(Clone)]
pub struct SnapshotJob {
    pub bundle: Arc<Bundle>,
    pub handler: HandlerRef,
    /// Inputs that the handler is called with before its state is taken.
    pub warmup: Vec<Map<String, Value>>,
    /// For loading, and for each call that warms up.
    pub limits: Limits,
    /// Inputs of calls that have to give the same with the snapshot and without, within
    /// limits of their own; as many as there is time for, but the first.
    pub cases: Vec<Map<String, Value>>,
    pub case_limits: Limits,
    /// Whether the function's calls are deterministic anyway.
    pub deterministic: bool,
    pub cancel: CancelToken,
}

/// Why a function has no snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum NoSnapshot {
    /// Loading the handler failed, or a call that was to warm it up, by its index.
    Failed { warmup: Option<usize>, failure: Failure },
    /// Its calls would not be what they are without, for this reason.
    Unfit(String),
}

/// Hears a run as it goes. Called on the thread that runs it: must be quick, must not block.
pub trait Events: Send + Sync {
    fn log(&self, entry: &LogEntry);
    /// `fraction` lies within 0 and 1.
    fn progress(&self, fraction: f64, message: &str);

    /// Asked every few milliseconds of a run that computes, on its thread: may wait, so that
    /// others have the processor. Answers how long it waited, which is not the run's time.
    fn give_way(&self) -> Duration {
        Duration::ZERO
    }

    /// The run sleeps and needs no processor, until `wake`.
    fn rest(&self) {}

    /// The run goes on: may wait for the processor, and answers for how long, as `give_way`.
    fn wake(&self) -> Duration {
        Duration::ZERO
    }
}

/// Hears nothing.
impl Events for () {
    fn log(&self, _entry: &LogEntry) {}
    fn progress(&self, _fraction: f64, _message: &str) {}
}

/// Why a call's file could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("there is no file `{0}` among the call's files")]
    NotFound(String),
    #[error("`{0}` is not a file key: it is empty, absolute, or has `..` in it")]
    InvalidKey(String),
    #[error("{0}")]
    Unavailable(String),
}

/// A call's input and output files, by key.
pub trait CallFiles: Send + Sync {
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError>;
    /// The file appears under its key when the sink is finished.
    fn create(&self, key: &str) -> Result<Box<dyn FileSink>, FileError>;
}

/// Where an output file is written.
pub trait FileSink: Write + Send {
    /// Publishes the file. Dropped without it, nothing is kept.
    fn finish(self: Box<Self>) -> Result<(), FileError>;
}

/// A call without files.
impl CallFiles for () {
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError> {
        Err(FileError::NotFound(key.to_owned()))
    }

    fn create(&self, _key: &str) -> Result<Box<dyn FileSink>, FileError> {
        Err(FileError::Unavailable("this call has no place for output files".to_owned()))
    }
}

/// The engine itself failed. What the function did wrong is an `Outcome`.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The engine is not there, now or at all.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Internal(String),
}

/// Runs jobs, each in an interpreter that no other has touched.
///
/// Blocking: the caller chooses the thread. A job's deadline, cap and cancellation hold
/// whatever its code does.
pub trait Executor: Send + Sync {
    fn engine(&self) -> Engine;

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError>;

    /// As `run`, but tells the outcome as soon as it is known, and returns when what the
    /// run leaves behind is put in order for the next.
    fn run_then(&self, job: &Job, tell: &mut dyn FnMut(Outcome)) -> Result<(), ExecutorError> {
        self.run(job).map(tell)
    }

    /// Loads a handler and takes the state in which its calls can begin.
    fn snapshot(
        &self,
        _job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        Ok(Err(NoSnapshot::Unfit("this engine takes none".to_owned())))
    }

    /// A snapshot that was taken earlier, if the engine still has it.
    fn snapshot_at_hand(&self, _id: &SnapshotId) -> Option<SnapshotRef> {
        None
    }
    /// The Python that would run functions of a base, for an engine whose functions need
    /// images.
    fn platform(&self, _base: &Base) -> Result<Platform, ExecutorError> {
        Err(ExecutorError::Unavailable("this engine makes no images".to_owned()))
    }

    /// Makes sure that an image is there; `log` hears what building it says.
    fn make_ready(
        &self,
        _recipe: &Recipe,
        _log: &dyn Fn(&str),
        _cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        Err(ImageError::Unavailable("this engine makes no images".to_owned()))
    }

    /// Whether the engine can run something now.
    fn check(&self) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// Numbers about what it keeps, for metrics: names with units, and values.
    fn measures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Lets go of what it keeps ready beyond its calls. It can be used again afterwards.
    fn close(&self) {}
}
