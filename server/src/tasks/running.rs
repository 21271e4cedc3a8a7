//! A run from its beginning to its recorded end, whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::task::TaskState;
use model::{CancelToken, ErrorKind};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::dispatch::{Dispatcher, Live};
use super::recording::{ended, read_document};
use super::submission::Target;
use crate::blobs::BlobKey;
use crate::callable::Callable;
use crate::problem::Problem;
use crate::store::{Finished, NewEvent, StoreError, Task, VersionQuery};
use crate::worker::places::Place;
use crate::worker::sink::Sink;
use crate::worker::{self, Ran, Run};

/// How often what a running call says is written.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

impl Dispatcher {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn begin(
        &self,
        place: Place,
        task: &Task,
        callable: Arc<Callable>,
        inputs: serde_json::Map<String, serde_json::Value>,
        files: Vec<(String, BlobKey)>,
        cancel: CancelToken,
        sink: Arc<Sink>,
    ) -> oneshot::Receiver<Ran> {
        let timeout = Duration::from_millis(task.timeout_ms);
        let deterministic = task.deterministic;
        let tenant = task.tenant.as_str().into();
        let run = Run { tenant, callable, inputs, files, timeout, deterministic, cancel, sink };
        worker::start(&self.pool, &self.gate, &self.engines, self.blobs.clone(), place, run)
    }

    /// Waits for a run, and writes what it says meanwhile.
    pub(super) async fn follow(
        &self,
        mut ran: oneshot::Receiver<Ran>,
        id: Uuid,
        fence: u64,
        sink: &Sink,
    ) -> Ran {
        loop {
            tokio::select! {
                ran = &mut ran => return ran.unwrap_or_else(|_| lost()),
                () = sink.changed.notified() => {}
            }
            if let Ok(ran) = tokio::time::timeout(FLUSH_EVERY, &mut ran).await {
                return ran.unwrap_or_else(|_| lost());
            }
            let events: Vec<NewEvent> = sink.take();
            if events.is_empty() {
                continue;
            }
            match self.store.append_events(id, fence, events.clone()).await {
                Ok(()) => self.signals.ring(id),
                Err(StoreError::Full | StoreError::Unavailable(_)) => sink.put_back(events),
                // The task is another's, or over: nobody is to hear of this run any more.
                Err(error) => tracing::debug!(%id, %error, "events of a run were dropped"),
            }
        }
    }

    /// Records how a run ended. Nothing if the task was no longer this worker's.
    ///
    /// What a database or an object store without space or answer refuses is tried again: a
    /// result is not thrown away while its lease is held.
    pub(super) async fn finish(
        &self,
        id: Uuid,
        fence: u64,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Option<Task> {
        let mut wait = Duration::from_millis(50);
        let events = sink.take();
        let finished = loop {
            match self.record(id, fence, &ran, events.clone(), live).await {
                Ok(task) => break Some(task),
                Err(error) if error.is_passing() => {
                    crate::gc::suspect();
                    tracing::warn!(%id, %error, "a result could not be stored; trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                Err(error) => {
                    crate::gc::suspect();
                    tracing::info!(%id, %error, "a run ended that was no longer wanted");
                    break None;
                }
            }
        };
        self.signals.ring(id);
        if let Some(task) = &finished {
            count(task);
            if task.life.state == TaskState::Queued {
                self.queue.offer(task.class);
            }
        }
        finished
    }

    async fn record(
        &self,
        id: Uuid,
        fence: u64,
        ran: &Ran,
        events: Vec<NewEvent>,
        live: &Live,
    ) -> Result<Task, RecordError> {
        let was_stopped =
            matches!(&ran.result, Err(failure) if failure.kind == ErrorKind::Cancelled);
        if was_stopped && live.handed_back.load(Ordering::Acquire) {
            return Ok(self.store.hand_back(id, fence, self.clock.now()).await?);
        }
        let finished = Finished {
            fence,
            failure: ran.result.as_ref().err().cloned(),
            usage: ran.usage.clone(),
            warnings: ran.warnings.clone(),
            cached: false,
            ended: ended(&self.blobs, ran).await?,
            events,
            chance: chance(),
            now: self.clock.now(),
        };
        Ok(self.store.finish(id, finished).await?)
    }

    /// What a queued task is to run.
    pub(super) async fn load(
        self: &Arc<Self>,
        task: &Task,
    ) -> Result<
        (Arc<Callable>, serde_json::Map<String, serde_json::Value>, Vec<(String, BlobKey)>),
        Ran,
    > {
        let ours = |error: &dyn std::fmt::Display| {
            tracing::error!(id = %task.id, %error, "a task could not be loaded");
            Ran::failed(ErrorKind::Internal, "the task could not be loaded")
        };
        let payload = self.store.payload(task.id).await.map_err(|error| ours(&error))?;
        let text =
            read_document(&self.blobs, payload.inputs).await.map_err(|error| ours(&error))?;
        let inputs = match model::json::parse(&text) {
            Ok(serde_json::Value::Object(inputs)) => inputs,
            _ => return Err(ours(&"its inputs are not an object")),
        };
        let callable = match (&task.function, payload.code) {
            (Some(name), _) => {
                let Ok(version) = task.version.parse() else {
                    return Err(ours(&"its version is not one"));
                };
                let found = self.catalog.find(name, &VersionQuery::Exact(version)).await;
                let Some(function) = found.map_err(|error| ours(&error))? else {
                    let message = format!("{} {} was deleted", name.id, task.version);
                    return Err(Ran::failed(ErrorKind::InvalidPackage, message));
                };
                self.catalog.callable(&function).await.map_err(|error| ours(&error))?
            }
            (None, Some(code)) => {
                let code = read_document(&self.blobs, code).await.map_err(|error| ours(&error))?;
                let name = task.name.as_deref().unwrap_or("inline");
                self.inline(name, &code).await.map_err(|error| ours(&error))?.callable.clone()
            }
            (None, None) => return Err(ours(&"it has neither function nor code")),
        };
        Ok((callable, inputs, payload.files))
    }

    /// The target that a stored task calls: its function in its very version, or its code.
    pub async fn target_of(self: &Arc<Self>, task: &Task) -> Result<Target, Problem> {
        match &task.function {
            Some(name) => {
                let version = task
                    .version
                    .parse()
                    .map_err(|_| Problem::internal(&"a task's version is not one"))?;
                let found = self.catalog.find(name, &VersionQuery::Exact(version)).await?;
                let gone = || Problem::gone(format!("{} {} was deleted", name.id, task.version));
                let function = found.ok_or_else(gone)?;
                let callable = self.catalog.callable(&function).await?;
                Ok(Target::Function(function, callable))
            }
            None => {
                let payload = self.store.payload(task.id).await?;
                let code = payload
                    .code
                    .ok_or_else(|| Problem::internal(&"a task has neither function nor code"))?;
                let code = read_document(&self.blobs, code).await?;
                let name = task.name.as_deref().unwrap_or("inline");
                Ok(Target::Inline(self.inline(name, &code).await?))
            }
        }
    }
}

/// Why a result could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] crate::blobs::BlobError),
}

impl RecordError {
    /// Whether it may be otherwise in a moment.
    fn is_passing(&self) -> bool {
        use crate::blobs::BlobError;
        matches!(
            self,
            Self::Store(StoreError::Full | StoreError::Unavailable(_))
                | Self::Blobs(BlobError::Full | BlobError::Unavailable(_))
        )
    }
}

/// A run whose thread is gone.
pub(super) fn lost() -> Ran {
    Ran::failed(ErrorKind::Internal, "the engine failed")
}

/// From 0 to 1.
pub fn chance() -> f64 {
    use rand_core::{OsRng, TryRngCore};
    f64::from(OsRng.try_next_u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

pub(super) fn count(task: &Task) {
    metrics::counter!("mecapy_tasks_total",
        "state" => task.life.state.as_str(), "engine" => task.engine.to_string(),
        "class" => task.class.as_str(), "cached" => if task.cached { "true" } else { "false" })
    .increment(1);
    if let Some(usage) = &task.usage {
        metrics::histogram!("mecapy_task_run_seconds", "engine" => task.engine.to_string())
            .record(usage.wall_ms / 1e3);
    }
    if let (Some(queued), Some(started)) = (task.queued_at, task.started_at) {
        metrics::histogram!("mecapy_task_queue_seconds", "class" => task.class.as_str())
            .record(started.since(queued).as_secs_f64());
    }
}
