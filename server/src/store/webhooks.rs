//! Messages to be sent, and what came of sending them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Page, PageRequest, Result};
use crate::clock::Time;

/// Where to tell of a task's end; made with the task, waiting until it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDelivery {
    pub id: Uuid,
    pub url: String,
    /// The caller's own secret, sealed; none: the tenant's.
    pub sealed_secret: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The task has not ended.
    Waiting,
    /// To be sent, now or later.
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

/// One attempt to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryAttempt {
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
    /// What the target answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    pub duration_ms: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub id: Uuid,
    pub tenant: String,
    pub task: Uuid,
    pub url: String,
    pub sealed_secret: Option<Vec<u8>>,
    pub state: DeliveryState,
    pub created_at: Time,
    pub next_attempt_at: Option<Time>,
    pub attempts: Vec<DeliveryAttempt>,
}

#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Pending ones whose time has come, oldest first; until `hold_until` no other asker is
    /// given them.
    async fn due_deliveries(
        &self,
        now: Time,
        hold_until: Time,
        limit: usize,
    ) -> Result<Vec<Delivery>>;
    /// Appends an attempt and says what is next: `Pending` with a time, `Delivered` or
    /// `Failed`.
    async fn record_attempt(
        &self,
        id: Uuid,
        attempt: DeliveryAttempt,
        state: DeliveryState,
        next_attempt_at: Option<Time>,
    ) -> Result<()>;
    /// Newest first; of one task, or all of the tenant.
    async fn deliveries(
        &self,
        tenant: &str,
        task: Option<Uuid>,
        page: PageRequest,
    ) -> Result<Page<Delivery>>;
    async fn delivery(&self, tenant: &str, id: Uuid) -> Result<Delivery>;
    /// Makes an ended delivery pending again.
    async fn redeliver(&self, tenant: &str, id: Uuid, now: Time) -> Result<()>;

    /// The tenant's own signing secret, sealed; the given one is kept if there is none.
    async fn webhook_secret(&self, tenant: &str, or_else: Vec<u8>) -> Result<Vec<u8>>;
    async fn replace_webhook_secret(&self, tenant: &str, sealed: Vec<u8>) -> Result<()>;
}
