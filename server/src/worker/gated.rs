//! An executor whose runs take their turn: for what is run besides tasks, such as deploys.

use std::sync::Arc;
use std::time::Duration;

use model::image::{Base, ImageError, Platform, Recipe};
use model::{
    CancelToken, Engine, Events, Executor, ExecutorError, Job, LogEntry, NoSnapshot, Outcome,
    SnapshotId, SnapshotJob, SnapshotRef,
};

use super::gate::{Gate, Turn};

pub struct Gated {
    pub inner: Arc<dyn Executor>,
    pub gate: Arc<Gate>,
}

struct Taking {
    events: Arc<dyn Events>,
    turn: Turn,
}

impl Events for Taking {
    fn log(&self, entry: &LogEntry) {
        self.events.log(entry);
    }

    fn progress(&self, fraction: f64, message: &str) {
        self.events.progress(fraction, message);
    }

    fn give_way(&self) -> Duration {
        self.turn.give_way()
    }

    fn rest(&self) {
        self.turn.rest();
    }

    fn wake(&self) -> Duration {
        self.turn.wake()
    }
}

impl Executor for Gated {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let events = Taking { events: job.events.clone(), turn: self.gate.enter() };
        let job = Job {
            tenant: job.tenant.clone(),
            bundle: job.bundle.clone(),
            operation: job.operation.clone(),
            snapshot: job.snapshot.clone(),
            limits: job.limits.clone(),
            deterministic: job.deterministic,
            files: job.files.clone(),
            events: Arc::new(events),
            cancel: job.cancel.clone(),
        };
        self.inner.run(&job)
    }

    /// Not within a turn: it cannot give way, and takes seconds.
    fn snapshot(
        &self,
        job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        self.inner.snapshot(job)
    }

    fn snapshot_at_hand(&self, id: &SnapshotId) -> Option<SnapshotRef> {
        self.inner.snapshot_at_hand(id)
    }

    fn platform(&self, base: &Base) -> Result<Platform, ExecutorError> {
        self.inner.platform(base)
    }

    /// Not within a turn, for the same reasons.
    fn make_ready(
        &self,
        recipe: &Recipe,
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        self.inner.make_ready(recipe, log, cancel)
    }

    fn check(&self) -> Result<(), ExecutorError> {
        self.inner.check()
    }

    fn close(&self) {
        self.inner.close();
    }
}
