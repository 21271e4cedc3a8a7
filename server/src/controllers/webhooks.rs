//! `/api/webhooks`: deliveries, and the tenant's signing secret.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::controllers::{Trail, audit};
use crate::delivery;
use crate::http::{List, Listed, Path, Query, page};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Delivery, DeliveryAttempt, DeliveryState, Scope};

/// A message about the end of a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// As in the header `webhook-id`.
    pub id: Uuid,
    pub task_id: Uuid,
    pub url: String,
    pub state: DeliveryState,
    pub created_at: Time,
    pub next_attempt_at: Option<Time>,
    pub attempts: Vec<DeliveryAttempt>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            task_id: delivery.task,
            url: delivery.url,
            state: delivery.state,
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at,
            attempts: delivery.attempts,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesQuery {
    /// Of one task.
    task_id: Option<Uuid>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the answer before this one ended: its `next_cursor`.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// Deliveries with their attempts, newest first.
#[utoipa::path(get, path = "/api/webhooks/deliveries", tag = "webhooks",
    operation_id = "list_deliveries", params(DeliveriesQuery),
    responses((status = 200, description = "deliveries", body = List<DeliveryView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Listed<DeliveryView>, Problem> {
    caller.may(Scope::Execute)?;
    let page = page(query.limit, query.cursor.as_deref())?;
    if let Some(task) = query.task_id {
        app.store.task(caller.tenant(), caller.viewer(), task).await.named("task")?;
    } else {
        // Of all tasks, private ones too.
        caller.may(Scope::Admin)?;
    }
    let found = app.store.deliveries(caller.tenant(), query.task_id, page).await?;
    Ok(axum::Json(List::of(found, DeliveryView::from)))
}

/// Sends a message that was delivered or given up once more.
#[utoipa::path(post, path = "/api/webhooks/deliveries/{id}/redeliver", tag = "webhooks",
    operation_id = "redeliver", params(("id" = Uuid, Path, description = "the delivery")),
    responses((status = 202, description = "to be sent again", body = DeliveryView)))]
pub async fn redeliver(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, axum::Json<DeliveryView>), Problem> {
    caller.may(Scope::Execute)?;
    let delivery = app.store.delivery(caller.tenant(), id).await.named("delivery")?;
    app.store.task(caller.tenant(), caller.viewer(), delivery.task).await.named("delivery")?;
    app.store.redeliver(caller.tenant(), id, app.clock.now()).await.named("delivery")?;
    let delivery = app.store.delivery(caller.tenant(), id).await.named("delivery")?;
    Ok((StatusCode::ACCEPTED, axum::Json(delivery.into())))
}

/// What signs the tenant's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretView {
    /// `whsec_...`
    pub secret: String,
}

/// The secret that the tenant's webhooks are signed with; made when first asked for.
#[utoipa::path(get, path = "/api/webhooks/secret", tag = "webhooks",
    operation_id = "get_webhook_secret",
    responses((status = 200, description = "the secret", body = SecretView)))]
pub async fn secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
) -> Result<axum::Json<SecretView>, Problem> {
    caller.may(Scope::Admin)?;
    let secret = delivery::tenant_secret(&app, caller.tenant()).await?;
    audit(&app, &caller, &trail, "webhook.secret.read", caller.tenant()).await;
    Ok(axum::Json(SecretView { secret: secret.reveal() }))
}

/// Makes a new secret; the old one signs nothing any more.
#[utoipa::path(post, path = "/api/webhooks/secret", tag = "webhooks",
    operation_id = "replace_webhook_secret",
    responses((status = 201, description = "the new secret", body = SecretView)))]
pub async fn replace_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
) -> Result<(StatusCode, axum::Json<SecretView>), Problem> {
    caller.may(Scope::Admin)?;
    let secret = crate::webhook::Secret::generate();
    let sealed = app.sealing.seal(delivery::PURPOSE, secret.reveal().as_bytes());
    app.store.replace_webhook_secret(caller.tenant(), sealed).await?;
    audit(&app, &caller, &trail, "webhook.secret.replace", caller.tenant()).await;
    Ok((StatusCode::CREATED, axum::Json(SecretView { secret: secret.reveal() })))
}
