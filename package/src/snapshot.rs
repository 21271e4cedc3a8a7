//! A function's snapshot.

use model::{Failure, NoSnapshot, SnapshotJob, SnapshotRef};
use serde_json::{Map, Value};

use crate::diagnosis::Package;
use crate::engine::loading_limits;
use crate::prepare::{PrepareError, Runner};
use crate::problem::Step;

/// What came of taking a snapshot.
#[derive(Debug)]
pub enum Taken {
    Snapshot(SnapshotRef),
    /// Importing the handler failed, as it would in a call.
    Failed(Failure),
    /// Calls import the handler, for this reason.
    Unfit(String),
}

impl Taken {
    pub fn snapshot(&self) -> Option<&SnapshotRef> {
        match self {
            Self::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        }
    }
}

/// Takes the snapshot of a function's handler, warmed up with inputs, and compared with
/// importing the handler on the function's test cases.
pub fn take(
    sandbox: &Runner<'_>,
    package: &Package<'_>,
    spec: &model::FunctionSpec,
    warmup: Vec<Map<String, Value>>,
) -> Result<Taken, PrepareError> {
    if sandbox.cancel.is_cancelled() {
        return Err(PrepareError::Cancelled);
    }
    let job = SnapshotJob {
        bundle: package.bundle.clone(),
        handler: spec.handler.clone(),
        warmup,
        limits: loading_limits(spec),
        cases: spec.test_cases.iter().map(|case| case.inputs.clone()).collect(),
        case_limits: spec.runtime.limits(),
        deterministic: spec.runtime.deterministic,
        cancel: sandbox.cancel.clone(),
    };
    Ok(match sandbox.executor.snapshot(&job)? {
        Ok(snapshot) => Taken::Snapshot(snapshot),
        Err(NoSnapshot::Unfit(reason)) => Taken::Unfit(reason),
        Err(NoSnapshot::Failed { failure, .. }) if failure.kind == model::ErrorKind::Cancelled => {
            return Err(PrepareError::Cancelled);
        }
        Err(NoSnapshot::Failed { warmup: None, failure }) => Taken::Failed(failure),
        Err(NoSnapshot::Failed { warmup: Some(index), failure }) => {
            let pointer =
                format!("{}/runtime/warmup/{index}", package.source.function_pointer(&spec.id));
            let message =
                format!("warm-up {} of `{}` fails: {}", index + 1, spec.id, failure.message);
            return Err(package
                .source
                .problem(Step::Tests, &pointer, message)
                .help("correct its inputs or the function")
                .into());
        }
    })
}
