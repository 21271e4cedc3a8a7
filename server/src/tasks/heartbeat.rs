//! What has to be done again and again: leases renewed, lost tasks found, old things
//! forgotten.

use std::sync::Arc;
use std::time::Duration;

use model::task::TaskState;

use super::dispatch::Dispatcher;
use super::running::{chance, count};
use crate::store::Retention;

/// How often what is older than its retention is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Rows of each kind that are forgotten at a time, so that nobody waits for long.
const FORGET_AT_ONCE: usize = 1_000;

impl Dispatcher {
    /// Renews the leases of this worker and stops what was cancelled elsewhere; finds tasks
    /// whose worker is gone.
    pub async fn keep_leases(self: Arc<Self>) {
        let every = self.config.worker.lease / 3;
        loop {
            let until = self.clock.now().after(self.config.worker.lease);
            let held = self.held();
            match self.store.renew(&self.worker, &held, until).await {
                Ok(cancelled) => {
                    self.stop_runs(&cancelled);
                    // Not if our own were not renewed: they would seem lost.
                    self.find_lost(false).await;
                }
                Err(error) => tracing::warn!(%error, "leases were not renewed"),
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Queues again, or fails, the tasks of workers that are gone. `all`: every running task
    /// is one, since this process has just started and no other is there.
    pub async fn find_lost(&self, all: bool) {
        loop {
            match self.store.expire(self.clock.now(), all, chance()).await {
                Ok(lost) if lost.is_empty() => return,
                Ok(lost) => {
                    tracing::warn!(tasks = lost.len(), "tasks of a worker that is gone");
                    for task in &lost {
                        self.signals.ring(task.id);
                        match task.life.state {
                            TaskState::Queued => self.queue.offer(task.class),
                            _ => count(task),
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "lost tasks were not looked for");
                    return;
                }
            }
        }
    }

    /// Forgets what is older than its retention.
    pub async fn forget_old(self: Arc<Self>) {
        loop {
            self.forget_once().await;
            tokio::time::sleep(FORGET_EVERY).await;
        }
    }

    pub async fn forget_once(&self) -> u64 {
        let keep = &self.config.retention;
        let now = self.clock.now();
        let before = Retention {
            answers: now.before(keep.idempotency),
            cached_results: now.before(keep.result_cache),
            deployments: now.before(keep.deployments),
            deliveries: now.before(keep.deployments),
        };
        let mut forgotten = 0;
        loop {
            match self.store.forget(&before, FORGET_AT_ONCE).await {
                Ok(0) => return forgotten,
                Ok(count) => forgotten += count,
                Err(error) => {
                    tracing::warn!(%error, "what is old was not forgotten");
                    return forgotten;
                }
            }
        }
    }
}
