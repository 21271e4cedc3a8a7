//! Tasks and the queue. `transitions` changes them, `create` makes them, `queue` says who comes
//! next, `list` lists, `counts` counts; `row` and `documents` are how they are stored.

mod counts;
mod create;
mod documents;
mod list;
mod queue;
mod row;
mod transitions;

use std::collections::HashSet;

use async_trait::async_trait;
use model::task::TaskState;
use uuid::Uuid;

pub(super) use self::row::stored;

use super::SqliteStore;
use crate::clock::Time;
use crate::store::{
    Class, Document, Ended, Finished, FunctionName, NewTask, Page, PageRequest, PassedOver,
    Payload, QueueDepth, Result, StoreError, Task, TaskFilter, TaskStore,
};

fn bytes_of(document: Option<&Document>) -> Option<u64> {
    document.map(|document| match document {
        Document::Inline(text) => text.len() as u64,
        Document::Object { bytes, .. } => *bytes,
    })
}

#[async_trait]
impl TaskStore for SqliteStore {
    async fn create_tasks(&self, tasks: Vec<NewTask>, most_queued: u64) -> Result<()> {
        let ready: Vec<_> = tasks.into_iter().map(create::Ready::of).collect::<Result<_>>()?;
        self.write(move |conn| create::create(conn, &ready, most_queued)).await
    }

    async fn task(&self, tenant: &str, viewer: Option<Uuid>, id: Uuid) -> Result<Task> {
        let tenant = tenant.to_owned();
        self.read(move |conn| {
            let task = row::stored_of_tenant(conn, &tenant, &id)?.task;
            let is_seen = !task.private || viewer.is_none_or(|viewer| viewer == task.owner);
            if is_seen { Ok(task) } else { Err(StoreError::NotFound) }
        })
        .await
    }

    async fn payload(&self, id: Uuid) -> Result<Payload> {
        self.read(move |conn| documents::payload(conn, &id)).await
    }

    async fn ended(&self, id: Uuid) -> Result<Ended> {
        self.read(move |conn| documents::ended(conn, &id)).await
    }

    async fn tasks(
        &self,
        tenant: &str,
        viewer: Option<Uuid>,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>> {
        let (tenant, filter) = (tenant.to_owned(), filter.clone());
        self.read(move |conn| list::tasks(conn, &tenant, viewer, &filter, &page)).await
    }

    async fn enqueue(&self, tenant: &str, id: Uuid, most_queued: u64, now: Time) -> Result<Task> {
        let tenant = tenant.to_owned();
        self.write(move |conn| transitions::enqueue(conn, &tenant, &id, most_queued, now)).await
    }

    async fn cancel(&self, tenant: &str, id: Uuid, now: Time) -> Result<Task> {
        let tenant = tenant.to_owned();
        self.write(move |conn| transitions::cancel(conn, &tenant, &id, now)).await
    }

    async fn claim(
        &self,
        class: Class,
        after: Option<&str>,
        without: &PassedOver,
        worker: &str,
        until: Time,
        now: Time,
    ) -> Result<Option<Task>> {
        let claim = queue::Claim {
            class,
            after: after.map(str::to_owned),
            without: without.clone(),
            worker: worker.to_owned(),
            until,
            now,
        };
        self.write(move |conn| queue::claim(conn, &claim)).await
    }

    async fn start(
        &self,
        tenant: &str,
        id: Uuid,
        worker: &str,
        until: Time,
        now: Time,
    ) -> Result<Task> {
        let (tenant, worker) = (tenant.to_owned(), worker.to_owned());
        self.write(move |conn| {
            let stored = row::stored_of_tenant(conn, &tenant, &id)?;
            transitions::start(conn, stored, &worker, until, now)
        })
        .await
    }

    async fn renew(&self, worker: &str, held: &[Uuid], until: Time) -> Result<Vec<Uuid>> {
        let (worker, kept) = (worker.to_owned(), HashSet::<Uuid>::from_iter(held.iter().copied()));
        self.write(move |conn| {
            let mut held = queue::held(conn, &worker)?;
            held.retain(|stored| kept.contains(&stored.task.id));
            transitions::renew(conn, held, until)
        })
        .await
    }

    async fn finish(&self, id: Uuid, finished: Finished) -> Result<Task> {
        self.write(move |conn| transitions::finish(conn, &id, finished)).await
    }

    async fn hand_back(&self, id: Uuid, fence: u64, now: Time) -> Result<Task> {
        self.write(move |conn| transitions::hand_back(conn, &id, fence, now)).await
    }

    async fn expire(&self, now: Time, all: bool, chance: f64) -> Result<Vec<Task>> {
        self.write(move |conn| {
            queue::expiring(conn, now, all)?
                .into_iter()
                .map(|stored| transitions::expire(conn, stored, now, all, chance))
                .collect()
        })
        .await
    }

    async fn queue_depths(&self) -> Result<Vec<QueueDepth>> {
        self.read(queue::depths).await
    }

    async fn next_start(&self) -> Result<Option<Time>> {
        self.read(queue::next_start).await
    }

    async fn cached(&self, tenant: &str, key: &[u8; 32]) -> Result<Option<Uuid>> {
        let (tenant, key) = (tenant.to_owned(), *key);
        self.read(move |conn| counts::cached(conn, &tenant, &key)).await
    }

    async fn recent_wall_ms(&self, tenant: &str, name: &FunctionName) -> Result<(f64, u32)> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.read(move |conn| counts::recent_wall_ms(conn, &tenant, &name)).await
    }

    async fn function_stats(
        &self,
        tenant: &str,
        name: &FunctionName,
    ) -> Result<Vec<(TaskState, u64)>> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.read(move |conn| counts::function_stats(conn, &tenant, &name)).await
    }

    async fn cpu_ms_of_day(&self, tenant: &str, account: Uuid, day: i64) -> Result<(f64, f64)> {
        let tenant = tenant.to_owned();
        self.read(move |conn| counts::cpu_ms_of_day(conn, &tenant, &account, day)).await
    }
}
