//! Webhooks: messages about tasks that have ended, sent until they are delivered or given up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::problem::Problem;
use crate::store::{Delivery, DeliveryAttempt, DeliveryState, StoreError};
use crate::tasks::chance;
use crate::views::{SHOWN_RESULT_BYTES, TaskView};
use crate::webhook::{self, Secret, schedule};

/// What webhook secrets are sealed for.
pub const PURPOSE: &str = "webhook secrets";
/// How often deliveries that are due are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a delivery is left to who took it: longer than an attempt takes.
const HOLD: Duration = Duration::from_secs(60);

/// The secret that signs a tenant's webhooks; made if there is none.
pub async fn tenant_secret(app: &App, tenant: &str) -> Result<Secret, Problem> {
    let fresh = Secret::generate();
    let sealed = app.sealing.seal(PURPOSE, fresh.reveal().as_bytes());
    let sealed = app.store.webhook_secret(tenant, sealed).await?;
    opened(app, &sealed).ok_or_else(|| Problem::internal(&"a webhook secret cannot be opened"))
}

fn opened(app: &App, sealed: &[u8]) -> Option<Secret> {
    let bytes = app.sealing.open(PURPOSE, sealed).ok()?;
    Secret::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// Sends what is due, for as long as the server runs.
pub async fn deliver(app: Arc<App>) {
    let places = Arc::new(Semaphore::new(app.config.webhooks.parallel));
    loop {
        if app.dispatcher.is_stopping() {
            return;
        }
        let free = places.available_permits();
        let now = app.clock.now();
        let due = match free {
            0 => Vec::new(),
            free => match app.store.due_deliveries(now, now.after(HOLD), free).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, "webhooks that are due were not looked for");
                    Vec::new()
                }
            },
        };
        if due.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        for delivery in due {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let app = app.clone();
            tokio::spawn(async move {
                attempt(&app, delivery).await;
                drop(place);
            });
        }
    }
}

async fn attempt(app: &Arc<App>, delivery: Delivery) {
    let id = delivery.id;
    match send(app, &delivery).await {
        Ok((attempt, state, next)) => {
            metrics::counter!("mecapy_webhook_attempts_total",
                "outcome" => if state == DeliveryState::Delivered { "delivered" } else { "failed" })
            .increment(1);
            if let Err(error) = app.store.record_attempt(id, attempt, state, next).await {
                tracing::warn!(%id, %error, "an attempt to send a webhook was not recorded");
            }
        }
        // It is due again when it is no longer held.
        Err(problem) => tracing::warn!(%id, detail = %problem.detail, "a webhook was not sent"),
    }
}

type Attempted = (DeliveryAttempt, DeliveryState, Option<crate::clock::Time>);

async fn send(app: &Arc<App>, delivery: &Delivery) -> Result<Attempted, Problem> {
    let task = match app.store.task(&delivery.tenant, None, delivery.task).await {
        Ok(task) => task,
        Err(StoreError::NotFound) => return Err(Problem::internal(&"a webhook without its task")),
        Err(error) => return Err(error.into()),
    };
    let secret = match &delivery.sealed_secret {
        Some(sealed) => opened(app, sealed)
            .ok_or_else(|| Problem::internal(&"a webhook's secret cannot be opened"))?,
        None => tenant_secret(app, &delivery.tenant).await?,
    };
    let kind = format!("task.{}", task.life.state.as_str());
    let at = task.finished_at.unwrap_or(delivery.created_at);
    let is_shown = task.result_bytes.is_some_and(|bytes| bytes <= SHOWN_RESULT_BYTES);
    let view = if is_shown {
        TaskView::ended(*app.dispatcher.shown(task).await?)
    } else {
        TaskView::new(&task, None)
    };
    let body = json!({"type": kind, "timestamp": at, "data": view}).to_string();
    let now = app.clock.now();
    let message = webhook::Delivery {
        id: &delivery.id.to_string(),
        url: &delivery.url,
        secrets: &[secret],
        body: body.as_bytes(),
        timestamp_seconds: now.seconds(),
    };
    let attempt = app.webhooks.send(&message).await;
    let made = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let wait = schedule::wait_after(made, chance());
    let (state, next) = if attempt.succeeded() {
        (DeliveryState::Delivered, None)
    } else {
        match wait {
            Some(wait) if !attempt.is_final() => {
                let wait = wait.max(attempt.retry_after.unwrap_or_default());
                (DeliveryState::Pending, Some(app.clock.now().after(wait)))
            }
            _ => (DeliveryState::Failed, None),
        }
    };
    let record = DeliveryAttempt {
        at: now,
        status: attempt.status,
        error: attempt.error,
        duration_ms: attempt.duration.as_secs_f64() * 1e3,
    };
    Ok((record, state, next))
}
