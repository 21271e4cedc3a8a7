//! Tasks that have ended, as they are shown; and waiting until one has.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::ErrorKind;
use model::task::Event as TaskEvent;
use serde_json::Value;
use uuid::Uuid;

use super::dispatch::{Dispatcher, Live, Progress};
use super::recording::{ended, read_document};
use super::running::count;
use super::submission::Submission;
use crate::problem::Problem;
use crate::store::{self, Document, Finished, NewTask, StoreError, Task};
use crate::worker::Ran;
use crate::worker::sink::Sink;

/// How long a waiter waits at most before it looks again, whoever rang: another process may
/// have ended the task.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A task that has ended, and its result.
#[derive(Clone)]
pub struct Ended {
    pub task: Task,
    pub result: Option<Value>,
    pub ended: store::Ended,
}

impl Dispatcher {
    /// A task that has ended, with its result.
    pub async fn shown(&self, task: Task) -> Result<Box<Ended>, Problem> {
        let ended = self.store.ended(task.id).await?;
        let result = match &ended.result {
            None => None,
            Some(document) => Some(self.result(document.clone()).await?),
        };
        Ok(Box::new(Ended { task, result, ended }))
    }

    pub async fn result(&self, document: Document) -> Result<Value, Problem> {
        let text = read_document(&self.blobs, document).await?;
        model::json::parse(&text).map_err(|error| Problem::internal(&error))
    }

    /// Waits until a task has ended, at most so long.
    pub async fn wait_for(
        self: &Arc<Self>,
        tenant: &str,
        id: Uuid,
        wait: Duration,
    ) -> Result<Progress, Problem> {
        let until = tokio::time::Instant::now() + wait;
        let mut ear = self.signals.listen(id);
        loop {
            let task = self.store.task(tenant, None, id).await?;
            if task.life.state.is_final() {
                return Ok(Progress::Ended(self.shown(task).await?));
            }
            let now = tokio::time::Instant::now();
            if now >= until || self.is_stopping() {
                return Ok(Progress::UnderWay(Box::new(task)));
            }
            let look = until.min(now + LOOK_AGAIN);
            let _ = tokio::time::timeout_at(look, ear.rung()).await;
        }
    }

    /// Records a run whose task has no row yet, with its end. Nothing if it is to be tried
    /// again.
    pub(super) async fn record_at_once(
        &self,
        new: &NewTask,
        ran: &Ran,
        sink: &Sink,
        live: &Live,
    ) -> Result<Option<Box<Ended>>, Problem> {
        // Stopped by the server's own stop, it is another worker's.
        let was_stopped =
            matches!(&ran.result, Err(failure) if failure.kind == ErrorKind::Cancelled);
        if was_stopped && live.handed_back.load(Ordering::Acquire) {
            return Ok(None);
        }
        let now = self.clock.now();
        let failure = ran.result.as_ref().err().cloned();
        let finish = TaskEvent::Finish {
            fence: new.task.life.fence,
            failure: failure.as_ref().map(|failure| failure.kind),
            chance: 0.0,
        };
        let life = new
            .task
            .life
            .after(&finish, now.into())
            .map_err(|refused| Problem::internal(&refused))?;
        if !life.state.is_final() {
            return Ok(None);
        }
        let task = Task {
            life,
            finished_at: Some(now),
            usage: ran.usage.clone(),
            error: failure,
            warnings: ran.warnings.clone(),
            result_bytes: ran.result.as_ref().ok().map(|(_, text)| text.len() as u64),
            ..new.task.clone()
        };
        let ended = ended(&self.blobs, ran).await?;
        let result = ran.result.as_ref().ok().map(|(value, _)| value.clone());
        self.store_ended(new, task, ended, result, sink.take()).await.map(Some)
    }

    /// Records a call that was answered from the cache.
    pub(super) async fn record_cached(
        &self,
        submission: Submission,
        found: Box<Ended>,
    ) -> Result<Box<Ended>, Problem> {
        let new = submission.new;
        let now = self.clock.now();
        let broken = |refused: model::task::Refused| Problem::internal(&refused);
        let start = TaskEvent::Start { worker: self.worker.clone(), until: now.into() };
        let life = new.task.life.after(&start, now.into()).map_err(broken)?;
        let finish = TaskEvent::Finish { fence: life.fence, failure: None, chance: 0.0 };
        let task = Task {
            life: life.after(&finish, now.into()).map_err(broken)?,
            started_at: Some(now),
            finished_at: Some(now),
            worker: Some(self.worker.clone()),
            cached: true,
            warnings: found.task.warnings.clone(),
            result_bytes: found.task.result_bytes,
            ..new.task.clone()
        };
        self.store_ended(&new, task, found.ended, found.result, Vec::new()).await
    }

    async fn store_ended(
        &self,
        new: &NewTask,
        task: Task,
        ended: store::Ended,
        result: Option<Value>,
        events: Vec<store::NewEvent>,
    ) -> Result<Box<Ended>, Problem> {
        let whole = NewTask {
            task: task.clone(),
            payload: new.payload.clone(),
            delivery: new.delivery.clone(),
            events,
            ended: Some(ended.clone()),
        };
        self.store.create_tasks(vec![whole], u64::MAX).await?;
        count(&task);
        self.signals.ring(task.id);
        Ok(Box::new(Ended { task, result, ended }))
    }

    /// Ends a queued task with the result of the same call before.
    pub(super) async fn finish_cached(&self, task: &Task, found: Ended) {
        let finished = Finished {
            fence: task.life.fence,
            failure: None,
            usage: None,
            warnings: found.task.warnings,
            cached: true,
            ended: found.ended,
            events: Vec::new(),
            chance: 0.0,
            now: self.clock.now(),
        };
        let mut wait = Duration::from_millis(50);
        loop {
            match self.store.finish(task.id, finished.clone()).await {
                Ok(task) => break count(&task),
                Err(StoreError::Full | StoreError::Unavailable(_)) => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                Err(error) => {
                    tracing::warn!(id = %task.id, %error, "a cached result was not wanted");
                    break;
                }
            }
        }
        self.signals.ring(task.id);
    }
}
