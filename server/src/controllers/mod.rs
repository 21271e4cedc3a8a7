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
use crate::store::{AuditEntry, new_id};

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
