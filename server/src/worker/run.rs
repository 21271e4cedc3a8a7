//! One run of a function on a thread of the pool, as a future.

use std::sync::Arc;
use std::time::Duration;

use model::{
    CancelToken, Engine, ErrorKind, ExecutorError, Failure, Job, Logs, Operation, Outcome, Usage,
    Warning,
};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::call_files::TaskFiles;
use super::gate::Gate;
use super::places::Place;
use super::pool::Pool;
use super::sink::Sink;
use crate::app::Engines;
use crate::blobs::{BlobKey, Blobs};
use crate::callable::Callable;

/// What a run needs.
pub struct Run {
    pub tenant: Arc<str>,
    pub callable: Arc<Callable>,
    pub inputs: Map<String, Value>,
    pub files: Vec<(String, BlobKey)>,
    pub timeout: Duration,
    pub deterministic: bool,
    pub cancel: CancelToken,
    pub sink: Arc<Sink>,
}

/// How it went.
#[derive(Debug)]
pub struct Ran {
    /// The result, and as text.
    pub result: Result<(Value, String), Failure>,
    pub logs: Logs,
    pub warnings: Vec<Warning>,
    pub usage: Option<Usage>,
    pub files: Vec<(String, BlobKey, u64)>,
}

impl Ran {
    pub fn failed(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            result: Err(Failure::new(kind, message)),
            logs: Logs::default(),
            warnings: Vec::new(),
            usage: None,
            files: Vec::new(),
        }
    }
}

/// Starts a run in its place; the receiver hears how it ended, or is closed if it never did.
pub fn start(
    pool: &Pool,
    gate: &Arc<Gate>,
    engines: &Engines,
    blobs: Arc<dyn Blobs>,
    place: Place,
    run: Run,
) -> oneshot::Receiver<Ran> {
    let (sender, receiver) = oneshot::channel();
    let (gate, engines) = (gate.clone(), engines.clone());
    pool.run(Box::new(move || {
        let mut sender = Some(sender);
        let files = Arc::new(TaskFiles::new(blobs.clone(), run.files.clone()));
        let sink = run.sink;
        sink.begin(gate.enter());
        let limits = model::Limits { timeout: run.timeout, ..run.callable.limits.clone() };
        let mut job = Job {
            tenant: run.tenant,
            bundle: run.callable.bundle.clone(),
            operation: Operation::Call {
                handler: run.callable.handler.clone(),
                inputs: run.inputs,
            },
            snapshot: run.callable.snapshot.clone(),
            limits,
            deterministic: run.deterministic,
            files: files.clone(),
            events: sink.clone(),
            cancel: run.cancel,
        };
        let mut tell = |ran: Ran| {
            // Who asked may be gone; what came of it is recorded by a task that is not.
            if let Some(sender) = sender.take() {
                let _ = sender.send(ran);
            }
        };
        let executor = match (run.callable.engine, &engines.docker) {
            (Engine::Docker, Some(docker)) => docker,
            _ => &engines.sandbox,
        };
        let again = engines.docker.as_ref().zip(run.callable.fallback.clone());
        let mut because = None;
        let mut ended = executor.run_then(&job, &mut |outcome| {
            let failure = outcome.result.as_ref().err().filter(|_| again.is_some());
            because = failure.and_then(|failure| run.callable.native_reason(failure));
            if because.is_none() {
                tell(judged(&run.callable, outcome, &files));
            }
        });
        if let (Some(because), Some((docker, bundle))) = (because, again) {
            let files = Arc::new(TaskFiles::new(blobs, run.files));
            (job.bundle, job.snapshot, job.files) = (bundle, None, files.clone());
            ended = docker.run_then(&job, &mut |mut outcome| {
                outcome.warnings.push(ran_again(&because));
                tell(judged(&run.callable, outcome, &files));
            });
        }
        if let Err(error) = ended {
            tell(not_run(error));
        }
        sink.end();
        drop(place);
    }));
    receiver
}

/// The caller is told that another engine answered, and why.
fn ran_again(because: &str) -> Warning {
    Warning {
        code: "engine".to_owned(),
        message: format!("the call was run again by Docker: {because}"),
        violations: Vec::new(),
    }
}

fn judged(callable: &Callable, outcome: Outcome, files: &TaskFiles) -> Ran {
    let mut warnings = outcome.warnings;
    let result = outcome.result.and_then(|value| {
        warnings.extend(callable.check_outputs(&value)?);
        let text = serde_json::to_string(&value).map_err(|error| {
            Failure::new(ErrorKind::Internal, format!("the result cannot be written: {error}"))
        })?;
        Ok((value, text))
    });
    let result = result.map_err(|failure| callable.explain(failure));
    let files = if result.is_ok() { files.written() } else { Vec::new() };
    Ran { result, logs: outcome.logs, warnings, usage: Some(outcome.usage), files }
}

fn not_run(error: ExecutorError) -> Ran {
    match error {
        ExecutorError::Unavailable(message) => Ran::failed(ErrorKind::EngineUnavailable, message),
        ExecutorError::Internal(message) => {
            tracing::error!(%message, "the engine failed");
            Ran::failed(ErrorKind::Internal, "the engine failed")
        }
    }
}
