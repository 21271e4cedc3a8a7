//! Whether calls that begin in a snapshot give what calls without it give.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    Executor, ExecutorError, Failure, Job, NoSnapshot, Operation, SnapshotJob, SnapshotRef,
};
use serde_json::{Map, Value};

/// How long cases are compared, after the first: each has to import the handler.
const COMPARING: Duration = Duration::from_secs(2);

/// Compares on the job's cases.
pub fn compare(
    executor: &dyn Executor,
    job: &SnapshotJob,
    snapshot: &SnapshotRef,
) -> Result<Result<(), NoSnapshot>, ExecutorError> {
    let began = Instant::now();
    for (index, inputs) in job.cases.iter().enumerate() {
        if index > 0 && began.elapsed() > COMPARING {
            break;
        }
        let call = |snapshot, deterministic| call(executor, job, inputs, snapshot, deterministic);
        let with = || Some(snapshot.clone());
        if call(with(), job.deterministic)? == call(None, job.deterministic)? {
            continue;
        }
        // What draws random numbers or tells the time differs in any two calls.
        if !job.deterministic && call(with(), true)? == call(None, true)? {
            continue;
        }
        return Ok(Err(NoSnapshot::Unfit(format!(
            "test case {} gives another result where the handler was imported before the call",
            index + 1
        ))));
    }
    Ok(Ok(()))
}

/// What a caller sees of a call, as text.
fn call(
    executor: &dyn Executor,
    job: &SnapshotJob,
    inputs: &Map<String, Value>,
    snapshot: Option<SnapshotRef>,
    deterministic: bool,
) -> Result<String, ExecutorError> {
    let operation = Operation::Call { handler: job.handler.clone(), inputs: inputs.clone() };
    let outcome = executor.run(&Job {
        // A snapshot is nobody's call, and only the sandbox takes any.
        tenant: Default::default(),
        bundle: job.bundle.clone(),
        operation,
        snapshot,
        limits: job.case_limits.clone(),
        deterministic,
        files: Arc::new(()),
        events: Arc::new(()),
        cancel: job.cancel.clone(),
    })?;
    Ok(match outcome.result {
        Ok(value) => value.to_string(),
        Err(Failure { kind, message, .. }) => format!("{}: {message}", kind.as_str()),
    })
}
