//! Answers to requests that carried an idempotency key.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Result;
use crate::clock::Time;

/// The first answer, to be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    /// Those that matter: `content-type`, `location`, `etag`.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is new: this request has it now, and makes what it makes under this id.
    Begun { resource: Uuid },
    /// A request with the same body began with it and has not been answered, in process
    /// `holder`; what that makes, it makes under `resource`.
    UnderWay { resource: Uuid, holder: Uuid },
    /// It was answered.
    Answered(Answer),
    /// It was used with another body or for another route.
    Different,
}

#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Looks a key of an account up, or takes it. `fingerprint` is of route and body.
    async fn begin_key(
        &self,
        account: Uuid,
        key: &str,
        fingerprint: [u8; 32],
        resource: Uuid,
        holder: Uuid,
        now: Time,
    ) -> Result<KeyState>;
    /// Takes a key over from a process that is gone; false if another did so before.
    async fn take_over_key(
        &self,
        account: Uuid,
        key: &str,
        from: Uuid,
        holder: Uuid,
    ) -> Result<bool>;
    async fn answer_key(&self, account: Uuid, key: &str, answer: Answer) -> Result<()>;
    /// Nothing was made: the key may be used again.
    async fn release_key(&self, account: Uuid, key: &str) -> Result<()>;
}
