//! What happened to a task or a deployment, in its order, for whoever follows it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Result;
use crate::clock::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Status,
    Step,
    Progress,
    Log,
    Result,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Step => "step",
            Self::Progress => "progress",
            Self::Log => "log",
            Self::Result => "result",
        }
    }
}

/// One that has no number yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    #[serde(rename = "k")]
    pub kind: EventKind,
    #[serde(rename = "t")]
    pub at: Time,
    #[serde(rename = "d")]
    pub data: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// From 1, without gaps within its subject.
    pub number: u64,
    pub kind: EventKind,
    pub at: Time,
    pub data: Value,
}

#[async_trait]
pub trait EventStore: Send + Sync {
    /// Those of a task or deployment with numbers above `after`, in order; at least one if
    /// there is one, and about `limit`. The subject's tenant is the caller's to check.
    async fn events(&self, subject: Uuid, after: u64, limit: usize) -> Result<Vec<Event>>;

    /// Appends to a running task, if the lease is still held.
    async fn append_events(&self, task: Uuid, fence: u64, events: Vec<NewEvent>) -> Result<()>;
}
