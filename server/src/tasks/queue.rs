//! The queue's seam: which task a worker takes up next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::{SharedClock, Time};
use crate::store::{Class, PassedOver, Result, Store, Task};

/// How long a worker waits at most before it looks again, whoever rang.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// And at least.
const LOOK_SOONEST: Duration = Duration::from_millis(20);

/// Tasks in the order in which they are to be run. The database stays the truth: a queue
/// that loses everything loses no task.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Something was queued: called after it is in the database.
    fn offer(&self, class: Class);

    /// Takes up the next task of a class, tenants in turn; it is running and leased then.
    /// What `without` says is passed over.
    async fn take(
        &self,
        class: Class,
        without: &PassedOver,
        worker: &str,
        until: Time,
    ) -> Result<Option<Task>>;

    /// Returns when there may be something to take.
    async fn wait(&self);
}

/// The queue in the database itself.
pub struct DatabaseQueue {
    store: Arc<dyn Store>,
    clock: SharedClock,
    /// Whose turn it was last, of each class.
    last: Mutex<HashMap<Class, String>>,
    offered: Notify,
}

impl DatabaseQueue {
    pub fn new(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        Self { store, clock, last: Mutex::default(), offered: Notify::new() }
    }
}

#[async_trait]
impl Queue for DatabaseQueue {
    fn offer(&self, _class: Class) {
        self.offered.notify_one();
    }

    async fn take(
        &self,
        class: Class,
        without: &PassedOver,
        worker: &str,
        until: Time,
    ) -> Result<Option<Task>> {
        let last = self.last.lock().get(&class).cloned();
        let now = self.clock.now();
        let task = self.store.claim(class, last.as_deref(), without, worker, until, now).await?;
        if let Some(task) = &task {
            self.last.lock().insert(class, task.tenant.clone());
        }
        Ok(task)
    }

    async fn wait(&self) {
        let wait = match self.store.next_start().await {
            Ok(Some(next)) => next.since(self.clock.now()).min(LOOK_AGAIN),
            _ => LOOK_AGAIN,
        };
        // A task whose time has come may be of a class that has no place for it now.
        let wait = wait.max(LOOK_SOONEST);
        let _ = tokio::time::timeout(wait, self.offered.notified()).await;
    }
}
