//! What each route does: who may, within what limits, one call of the domain, an answer.

pub mod accounts;
pub mod deployments;
pub mod files;
pub mod functions;
pub mod health;
pub mod tasks;
pub mod webhooks;

use crate::app::App;
use crate::clock::Time;
use crate::http::{Address, RequestId};
use crate::identity::Caller;
use crate::store::{AuditEntry, StoreError, new_id};

/// Who did it, for the audit log.
pub struct Trail {
    pub request: RequestId,
    pub address: Address,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Trail {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            request: RequestId::from_request_parts(parts, state).await?,
            address: Address::from_request_parts(parts, state).await?,
        })
    }
}

/// Tries again on a full disk, each time with whatever space has come back since.
const TRIES_WHEN_FULL: usize = 3;

/// A change that makes room, or ends what takes some: on a full disk it has what is held back.
pub async fn making_room<T, F>(app: &App, change: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..TRIES_WHEN_FULL {
        match change().await {
            Err(StoreError::Full) => {
                let reserve = app.reserve.clone();
                let _ = tokio::task::spawn_blocking(move || reserve.give_up()).await;
            }
            done => return done,
        }
    }
    change().await
}

/// Notes what was done. That it cannot be noted undoes nothing, and is loud in the log.
pub async fn audit(app: &App, caller: &Caller, trail: &Trail, action: &str, target: &str) {
    let at: Time = app.clock.now();
    let entry = AuditEntry {
        id: new_id(),
        at,
        tenant: caller.tenant().to_owned(),
        account: Some(caller.id()),
        action: action.to_owned(),
        target: target.to_owned(),
        request_id: trail.request.0.clone(),
        address: trail.address.0.map(|address| address.ip().to_string()),
    };
    if let Err(error) = app.store.audit(vec![entry]).await {
        tracing::error!(%action, %target, account = %caller.id(), %error,
            "the audit log could not be written");
    }
}
