//! Tasks: their rows, their payloads, and the queue in the database.

use async_trait::async_trait;
use model::task::{RetryPolicy, TaskState};
use model::{Engine, ErrorKind, Failure, Usage, Warning};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FunctionName, NewDelivery, NewEvent, Page, PageRequest, Result};
use crate::blobs::BlobKey;
use crate::clock::Time;

/// The queue that a task waits in.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Expected to take less than 5 seconds.
    HighPriority,
    /// Expected to take less than 5 minutes.
    Default,
    /// Has a fixed share of the workers' slots.
    LongRunning,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::HighPriority, Self::Default, Self::LongRunning];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::HighPriority => "high_priority",
            Self::Default => "default",
            Self::LongRunning => "long_running",
        }
    }
}

/// A text that is kept with the row if it is small, and as an object if not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    Inline(String),
    Object { key: BlobKey, bytes: u64 },
}

/// What a task was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// A JSON object.
    pub inputs: Document,
    /// Inline code, as the source of a `handler.py`.
    pub code: Option<Document>,
    /// The content of each file that the inputs name, as it was when the task was made.
    pub files: Vec<(String, BlobKey)>,
}

/// An attempt that did not end the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub worker: String,
    pub started_at: Time,
    pub ended_at: Time,
    /// Nothing if the worker was lost.
    pub kind: Option<ErrorKind>,
    pub message: String,
}

/// All of a task but its payload and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: Uuid,
    pub tenant: String,
    pub owner: Uuid,
    /// Nothing for inline code.
    pub function: Option<FunctionName>,
    /// Whether the function is private: then others than the owner do not see the task.
    pub private: bool,
    /// Inline code's name.
    pub name: Option<String>,
    /// The full version; of inline code, its checksum's.
    pub version: String,
    pub engine: Engine,
    pub class: Class,
    /// State, attempts, lease.
    pub life: model::task::Task,
    pub timeout_ms: u64,
    pub deterministic: bool,
    /// Names the call for the result cache, if its result may be taken from there.
    pub cache_key: Option<[u8; 32]>,
    /// Its result came from the cache.
    pub cached: bool,
    pub created_at: Time,
    pub queued_at: Option<Time>,
    /// Of the last attempt.
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// Who runs it, or ran it last.
    pub worker: Option<String>,
    pub usage: Option<Usage>,
    pub error: Option<Failure>,
    pub warnings: Vec<Warning>,
    pub history: Vec<Attempt>,
    /// What it belongs to, such as a batch.
    pub parent: Option<Uuid>,
    /// The task that it repeats.
    pub retry_of: Option<Uuid>,
    /// Bytes of the result as JSON.
    pub result_bytes: Option<u64>,
}

/// What a task left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// JSON; nothing if it failed.
    pub result: Option<Document>,
    /// A `model::Logs` as JSON.
    pub logs: Option<Document>,
    /// Files that it wrote: key, content, bytes.
    pub files: Vec<(String, BlobKey, u64)>,
}

impl Ended {
    /// The objects that it is in.
    pub fn objects(&self) -> Vec<BlobKey> {
        let documents = [&self.result, &self.logs].into_iter().flatten();
        let of_documents = documents.filter_map(|document| match document {
            Document::Object { key, .. } => Some(*key),
            Document::Inline(_) => None,
        });
        of_documents.chain(self.files.iter().map(|(_, key, _)| *key)).collect()
    }
}

/// A task to be made: created, queued, running here, or ended already.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    pub task: Task,
    pub payload: Payload,
    pub delivery: Option<NewDelivery>,
    pub events: Vec<NewEvent>,
    /// If it has ended.
    pub ended: Option<Ended>,
}

/// How a worker's run of a task ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The lease that it had.
    pub fence: u64,
    pub failure: Option<Failure>,
    pub usage: Option<Usage>,
    pub warnings: Vec<Warning>,
    pub cached: bool,
    pub ended: Ended,
    /// Those not appended yet; the store adds `status`, and `result` if it completed.
    pub events: Vec<NewEvent>,
    /// Spreads the next attempt, from 0 to 1.
    pub chance: f64,
    pub now: Time,
}

/// Which tasks are listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskFilter {
    pub state: Option<TaskState>,
    pub function: Option<FunctionName>,
    pub version: Option<String>,
    pub owner: Option<Uuid>,
    pub parent: Option<Uuid>,
    pub class: Option<Class>,
    pub dead_letter: Option<bool>,
    /// Created at or after.
    pub since: Option<Time>,
    /// Created before.
    pub until: Option<Time>,
}

/// What is passed over when a task is taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Tenants that have as many calls under way as may be.
    pub tenants: Vec<String>,
    /// Calls under way, by tenant and cache key, whose tasks may not be stored yet.
    pub calls: Vec<(String, [u8; 32])>,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    pub class: Class,
    pub tasks: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<Time>,
}

#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Makes tasks, all or none, with their events and deliveries. If there is one of that id
    /// and the tenant already, it is left as it is. `Conflict` if more than `most_queued`
    /// tasks of the tenant would be queued. A task that has ended makes its delivery pending,
    /// counts its usage and puts its result in the cache as `finish` does.
    async fn create_tasks(&self, tasks: Vec<NewTask>, most_queued: u64) -> Result<()>;

    /// `viewer`: who asks (`None`: an administrator); others' private tasks are not found.
    async fn task(&self, tenant: &str, viewer: Option<Uuid>, id: Uuid) -> Result<Task>;
    async fn payload(&self, id: Uuid) -> Result<Payload>;
    async fn ended(&self, id: Uuid) -> Result<Ended>;
    /// Newest first.
    async fn tasks(
        &self,
        tenant: &str,
        viewer: Option<Uuid>,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>>;

    /// `Event::Enqueue`.
    async fn enqueue(&self, tenant: &str, id: Uuid, most_queued: u64, now: Time) -> Result<Task>;
    /// `Event::Cancel`; a task that had not begun is cancelled then, a running one is asked to
    /// stop.
    async fn cancel(&self, tenant: &str, id: Uuid, now: Time) -> Result<Task>;

    /// Of the class's queued tasks whose time has come, the oldest of the first tenant after
    /// `after` (in the order of their names, and around) is started. Nothing if there is none.
    /// Passed over is what `without` says, and every task whose tenant has another with its
    /// `cache_key` running, and no result in the cache: that one's result will be its own.
    async fn claim(
        &self,
        class: Class,
        after: Option<&str>,
        without: &PassedOver,
        worker: &str,
        until: Time,
        now: Time,
    ) -> Result<Option<Task>>;
    /// `Event::Start` of one task.
    async fn start(
        &self,
        tenant: &str,
        id: Uuid,
        worker: &str,
        until: Time,
        now: Time,
    ) -> Result<Task>;
    /// Renews the leases of those of a worker's tasks that it still has; answers with those of
    /// them that were asked to stop. Others of its name are left to end: nobody runs them.
    async fn renew(&self, worker: &str, held: &[Uuid], until: Time) -> Result<Vec<Uuid>>;
    /// `Event::Finish`: the task ends, or is queued again. Usage is counted for the tenant, the
    /// account and the day, a completed result with a `cache_key` goes into the cache, the
    /// delivery becomes pending.
    async fn finish(&self, id: Uuid, finished: Finished) -> Result<Task>;
    /// `Event::HandBack`.
    async fn hand_back(&self, id: Uuid, fence: u64, now: Time) -> Result<Task>;
    /// `Event::Expire` of every task whose lease has ended at `now`, at most 1,000; with
    /// `all`, whatever the lease says, since no worker but the asker is left. Answers with how
    /// each is after.
    async fn expire(&self, now: Time, all: bool, chance: f64) -> Result<Vec<Task>>;

    async fn queue_depths(&self) -> Result<Vec<QueueDepth>>;
    /// When the next task that waits for a time can be started.
    async fn next_start(&self) -> Result<Option<Time>>;

    /// A completed task of the tenant with this cache key: its id.
    async fn cached(&self, tenant: &str, key: &[u8; 32]) -> Result<Option<Uuid>>;
    /// Wall time of the tenant's runs of a function that ended lately: the 95th percentile of at
    /// most 100, in milliseconds, and of how many.
    async fn recent_wall_ms(&self, tenant: &str, name: &FunctionName) -> Result<(f64, u32)>;
    /// Calls, failures and wall times of a function of this tenant's callers: counts by final
    /// state.
    async fn function_stats(
        &self,
        tenant: &str,
        name: &FunctionName,
    ) -> Result<Vec<(TaskState, u64)>>;
    /// Processor milliseconds of a day (days since 1970), of the tenant and of one account.
    async fn cpu_ms_of_day(&self, tenant: &str, account: Uuid, day: i64) -> Result<(f64, f64)>;
}

impl Task {
    /// A life for a task of these rules.
    pub fn new_life(retry: RetryPolicy) -> model::task::Task {
        model::task::Task::new(retry)
    }
}
