//! A call whose caller waits: run here, answered from the cache, or queued.

use std::sync::Arc;
use std::time::Duration;

use model::task::{Event as TaskEvent, TaskState};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dispatch::{Dispatcher, Entered, Live, Progress};
use super::running::lost;
use super::single::{Flight, Leader, over};
use super::submission::Submission;
use super::wait::Ended;
use crate::identity::Held;
use crate::problem::Problem;
use crate::store::{NewTask, StoreError, Task};
use crate::worker::Ran;
use crate::worker::sink::Sink;

/// A call that ends sooner is written once, when it has ended.
const EARLY: Duration = Duration::from_millis(20);
/// How long a caller waits for a place before its call is queued.
const IN_LINE: Duration = Duration::from_millis(250);

/// What a call is among those that are the same.
enum Turn {
    /// One before it has ended: this is the result.
    Known(Box<Ended>),
    /// The one that runs.
    First(Leader),
    /// Another runs still, and its caller waits no longer.
    Waited,
}

enum Carried {
    Ended(Box<Ended>),
    /// It waits for a worker.
    Queued,
}

impl Dispatcher {
    /// Runs a call while its caller waits: right here if there is a place, else through the
    /// queue. The call goes on when the caller stops waiting.
    pub async fn run(
        self: &Arc<Self>,
        submission: Submission,
        wait: Duration,
        held: Option<Held>,
    ) -> Result<Progress, Problem> {
        let (id, tenant) = (submission.new.task.id, submission.new.task.tenant.clone());
        let entered = self.enter(id);
        // Looked at after it is entered: a stop waits for all that are.
        self.check_running()?;
        let until = Instant::now() + wait;
        let (stored, was_stored) = oneshot::channel();
        // A task of its own, which nothing stops when the caller goes.
        let carried = tokio::spawn(self.clone().carry(submission, until, held, stored, entered));
        let lost = |error: tokio::task::JoinError| Problem::internal(&error);
        tokio::pin!(carried);
        let carried = match tokio::time::timeout_at(until, &mut carried).await {
            Ok(carried) => carried.map_err(lost)??,
            // What is answered with an id has to be there when it is asked for.
            Err(_) => match was_stored.await {
                Ok(task) => return Ok(Progress::UnderWay(task)),
                Err(_) => (&mut carried).await.map_err(lost)??,
            },
        };
        match carried {
            Carried::Ended(ended) => Ok(Progress::Ended(ended)),
            Carried::Queued => {
                let left = until.saturating_duration_since(Instant::now());
                self.wait_for(&tenant, id, left).await
            }
        }
    }

    async fn carry(
        self: Arc<Self>,
        mut submission: Submission,
        until: Instant,
        held: Option<Held>,
        stored: oneshot::Sender<Box<Task>>,
        entered: Entered,
    ) -> Result<Carried, Problem> {
        let _leader = match submission.new.task.cache_key {
            None => None,
            Some(key) => {
                match self.cached_or_first(&submission.new.task.tenant, key, until).await? {
                    Turn::Known(ended) => {
                        return Ok(Carried::Ended(self.record_cached(submission, ended).await?));
                    }
                    Turn::First(leader) => Some(leader),
                    Turn::Waited => {
                        drop(held);
                        return self.queue_up(submission.new, stored).await;
                    }
                }
            }
        };
        let Some(place) = self.places.take_in_line(IN_LINE).await else {
            drop(held);
            return self.queue_up(submission.new, stored).await;
        };
        let task = &mut submission.new.task;
        let id = task.id;
        let now = self.clock.now();
        let until = now.after(self.config.worker.lease);
        let start = TaskEvent::Start { worker: self.worker.clone(), until: until.into() };
        task.life = task
            .life
            .after(&start, now.into())
            .map_err(|refused| Problem::conflict(refused.to_string()))?;
        task.started_at = Some(now);
        task.worker = Some(self.worker.clone());
        let fence = task.life.fence;

        let live = &entered.live;
        let sink = Arc::new(Sink::new(self.clock.clone()));
        let files = submission.new.payload.files.clone();
        let mut ran = self.begin(
            place,
            task,
            submission.callable.clone(),
            submission.inputs,
            files,
            live.cancel.clone(),
            sink.clone(),
        );
        let early = tokio::time::timeout(EARLY, &mut ran).await;
        if let Ok(ran) = early {
            let ran = ran.unwrap_or_else(|_| lost());
            return match self.record_at_once(&submission.new, &ran, &sink, live).await {
                Ok(Some(ended)) => Ok(Carried::Ended(ended)),
                // To be tried again: it gets a row first.
                Ok(None) => self.record_later(submission.new, ran, &sink, live).await,
                Err(problem) => Err(problem),
            };
        }
        let running = submission.new.task.clone();
        self.store_running(submission.new, live).await?;
        let _ = stored.send(Box::new(running.clone()));
        let ran = self.follow(ran, id, fence, &sink).await;
        self.carried(running, ran, &sink, live).await
    }

    /// Leaves a call to the queue. It counts as under way again when it is taken up.
    async fn queue_up(
        &self,
        new: NewTask,
        stored: oneshot::Sender<Box<Task>>,
    ) -> Result<Carried, Problem> {
        let new = self.queued(new)?;
        let (task, class) = (new.task.clone(), new.task.class);
        self.store_queued(vec![new]).await?;
        self.queue.offer(class);
        let _ = stored.send(Box::new(task));
        Ok(Carried::Queued)
    }

    async fn record_later(
        &self,
        new: NewTask,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Result<Carried, Problem> {
        let running = new.task.clone();
        self.store_running(new, live).await?;
        self.carried(running, ran, sink, live).await
    }

    async fn carried(
        &self,
        running: Task,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Result<Carried, Problem> {
        let (id, fence) = (running.id, running.life.fence);
        match self.finish(id, fence, ran, sink, live).await {
            Some(task) if task.life.state.is_final() => Ok(Carried::Ended(self.shown(task).await?)),
            // It is tried again, or another has it.
            _ => Ok(Carried::Queued),
        }
    }

    /// Stores the row of a task that runs already; if that fails, the run is stopped.
    async fn store_running(&self, new: NewTask, live: &Live) -> Result<(), Problem> {
        let stored = self.store.create_tasks(vec![new], u64::MAX).await;
        if stored.is_err() {
            live.cancel.cancel();
        }
        Ok(stored?)
    }

    /// What a call is among those that are the same. Waits for another that runs, but not
    /// longer than `until`.
    async fn cached_or_first(
        &self,
        tenant: &str,
        key: [u8; 32],
        until: Instant,
    ) -> Result<Turn, StoreError> {
        loop {
            if let Some(found) = self.cached(tenant, &key).await? {
                return Ok(Turn::Known(found));
            }
            match self.flights.join(tenant, key) {
                Flight::First(leader) => {
                    // Between the look and the joining the one before may have ended.
                    return Ok(match self.cached(tenant, &key).await? {
                        Some(found) => Turn::Known(found),
                        None => Turn::First(leader),
                    });
                }
                Flight::Later(first) => {
                    if tokio::time::timeout_at(until, over(first)).await.is_err() {
                        return Ok(Turn::Waited);
                    }
                }
            }
        }
    }

    pub(super) async fn cached(
        &self,
        tenant: &str,
        key: &[u8; 32],
    ) -> Result<Option<Box<Ended>>, StoreError> {
        let Some(id) = self.store.cached(tenant, key).await? else { return Ok(None) };
        let task = match self.store.task(tenant, None, id).await {
            Ok(task) => task,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.shown(task).await {
            Ok(ended) if ended.task.life.state == TaskState::Completed => {
                Ok(self.is_there(&ended).await.then_some(ended))
            }
            _ => Ok(None),
        }
    }

    /// Whether all that a result is in can be referred to by another task.
    async fn is_there(&self, ended: &Ended) -> bool {
        self.blobs.renew(&ended.ended.objects()).await.unwrap_or_else(|error| {
            tracing::warn!(id = %ended.task.id, %error, "a result is not answered again");
            false
        })
    }
}
