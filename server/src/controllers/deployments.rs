//! `/api/deployments`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::app::App;
use crate::http::sse::{self, SseEvent};
use crate::http::{List, ListQuery, Listed, Path, Query};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Deployment, Event, Scope, StoreError};
use crate::views::DeploymentView;

/// The caller's deploys, newest first; an administrator sees the tenant's.
#[utoipa::path(get, path = "/api/deployments", tag = "deployments",
    operation_id = "list_deployments", params(ListQuery),
    responses((status = 200, description = "deploys", body = List<DeploymentView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Listed<DeploymentView>, Problem> {
    caller.may(Scope::Deploy)?;
    let page = app.store.deployments(caller.tenant(), caller.viewer(), query.page()?).await?;
    Ok(axum::Json(List::of(page, DeploymentView::from)))
}

/// A deploy: its steps, and how it ended.
#[utoipa::path(get, path = "/api/deployments/{id}", tag = "deployments",
    operation_id = "get_deployment",
    params(("id" = Uuid, Path, description = "the deployment")),
    responses((status = 200, description = "the deploy", body = DeploymentView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<DeploymentView>, Problem> {
    caller.may(Scope::Deploy)?;
    Ok(axum::Json(find(&app, &caller, id).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// As the header `Last-Event-ID`, for those who cannot send one.
    #[param(minimum = 0)]
    pub last_event_id: Option<u64>,
}

/// Follows a deploy: `status`, `step` and `log` events.
#[utoipa::path(get, path = "/api/deployments/{id}/events", tag = "deployments",
    operation_id = "follow_deployment",
    params(("id" = Uuid, Path, description = "the deployment"), EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "go on after this one")),
    responses((status = 200, description = "server-sent events", body = SseEvent,
        content_type = "text/event-stream")))]
pub async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Deploy)?;
    find(&app, &caller, id).await?;
    let after = sse::last_event_id(&headers, query.last_event_id)?;
    let subject = Followed { tenant: caller.tenant().to_owned(), id };
    sse::follow(app, id, after, subject)
}

/// The caller's own, or, for an administrator, any of the tenant: what is deployed may be
/// private.
async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Deployment, Problem> {
    let deployment = app.store.deployment(caller.tenant(), id).await.named("deployment")?;
    if caller.viewer().is_some_and(|viewer| viewer != deployment.account) {
        return Err(Problem::not_found("deployment"));
    }
    Ok(deployment)
}

struct Followed {
    tenant: String,
    id: Uuid,
}

#[async_trait]
impl sse::Subject for Followed {
    async fn is_over(&self, app: &App) -> Result<bool, StoreError> {
        Ok(app.store.deployment(&self.tenant, self.id).await?.state.is_final())
    }

    async fn data(&self, _: &App, event: &Event) -> serde_json::Value {
        event.data.clone()
    }
}
