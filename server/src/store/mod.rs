//! What the platform remembers: the seam between the server and its database.
//!
//! One method per intention, each atomic and durable when it returns. Every method takes
//! the tenant that asks: what is another's is not found. `sqlite` is the embedded
//! implementation; `conformance` is what every implementation has to pass.

mod deployments;
mod events;
mod files;
mod functions;
mod idempotency;
mod identity;
mod page;
mod tasks;
mod webhooks;

#[cfg(test)]
mod conformance;
pub mod sqlite;

use async_trait::async_trait;
use uuid::Uuid;

pub use deployments::{Deployment, DeploymentState, DeploymentStore, Published};
pub use events::{Event, EventKind, EventStore, NewEvent};
pub use files::{File, FileStore};
pub use functions::{
    Function, FunctionFilter, FunctionName, FunctionRelease, FunctionStore, Package, Publication,
    Release, VersionQuery, Visibility,
};
pub use idempotency::{Answer, IdempotencyStore, KeyState};
pub use identity::{
    Account, AuditEntry, IdentityStore, Quotas, Role, Scope, Scopes, Tenant, Token,
};
pub use page::{Page, PageRequest};
pub use tasks::{
    Attempt, Class, Document, Ended, Finished, NewTask, PassedOver, Payload, QueueDepth, Task,
    TaskFilter, TaskStore,
};
pub use webhooks::{Delivery, DeliveryAttempt, DeliveryState, NewDelivery, WebhookStore};

use crate::blobs::BlobKey;
use crate::clock::Time;

/// Why something could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is none, or it is another tenant's.
    #[error("not found")]
    NotFound,
    /// What is there forbids it; says what.
    #[error("{0}")]
    Conflict(String),
    /// The task's own rules forbid it.
    #[error(transparent)]
    Refused(#[from] model::task::Refused),
    /// No space is left where the database is. Nothing was written.
    #[error("no space is left for the database")]
    Full,
    /// Try again: the database is busy or gone.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be what was written.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// All that the server remembers.
#[async_trait]
pub trait Store:
    IdentityStore
    + FunctionStore
    + DeploymentStore
    + TaskStore
    + EventStore
    + FileStore
    + IdempotencyStore
    + WebhookStore
{
    /// Whether the database answers and can be written to.
    async fn check(&self) -> Result<()>;

    /// Of these keys, those that something still refers to: a release, a task or a file.
    async fn referenced(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>>;

    /// All keys that something refers to, at most `limit`, in their order, from the first one
    /// after `after`.
    async fn references(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<BlobKey>>;

    /// Forgets what is older than its retention: answers to idempotency keys, cached results,
    /// finished deployments with their events, finished webhook deliveries. At most `limit`
    /// rows of each; says how many went.
    async fn forget(&self, before: &Retention, limit: usize) -> Result<u64>;

    /// A copy of the whole database, consistent, in a new file.
    async fn copy_to(&self, path: &std::path::Path) -> Result<()>;
}

/// What is older than this is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub answers: Time,
    pub cached_results: Time,
    pub deployments: Time,
    pub deliveries: Time,
}

/// A new id: in the order of time.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
