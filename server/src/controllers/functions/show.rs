//! `GET /api/functions/{id}`, and changing who may see it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::controllers::{Trail, audit};
use crate::http::{Json, Path, has_etag};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Scope, Visibility};
use crate::views::FunctionView;

/// How many calls of this tenant ended in each way.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Stats {
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// 95th percentile of the wall time of recent calls, if there were any.
    pub recent_p95_ms: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FunctionDetails {
    #[serde(flatten)]
    pub function: FunctionView,
    pub stats: Stats,
}

/// A function with its latest version.
#[utoipa::path(get, path = "/api/functions/{id}", tag = "functions",
    operation_id = "get_function",
    params(("id" = String, Path, description = "`function-id`, or `tenant/function-id`")),
    responses(
        (status = 200, description = "the function", body = FunctionDetails,
            headers(("etag" = String, description = "changes with the latest version"))),
        (status = 304, description = "the caller has it already (`If-None-Match`)"),
    ))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let found = app.catalog.visible(&caller, &id, None).await?;
    let etag = format!(
        "\"{}-{}-{:?}\"",
        found.release.version,
        found.deployed_at.micros(),
        found.visibility
    );
    if has_etag(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let mut stats = Stats::default();
    for (state, count) in app.store.function_stats(caller.tenant(), &found.name).await? {
        match state {
            model::task::TaskState::Completed => stats.completed = count,
            model::task::TaskState::Failed => stats.failed = count,
            model::task::TaskState::Cancelled => stats.cancelled = count,
            _ => {}
        }
    }
    // What others' calls took is theirs.
    let (p95, runs) = app.store.recent_wall_ms(caller.tenant(), &found.name).await?;
    stats.recent_p95_ms = (runs > 0).then_some(p95);
    let details = FunctionDetails { function: FunctionView::new(&caller, &found), stats };
    let headers = [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    Ok((headers, axum::Json(details)).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"visibility": "company"}))]
pub struct FunctionChange {
    pub visibility: Visibility,
}

/// Changes who may see and call a function: its owner's and administrators' to decide.
#[utoipa::path(patch, path = "/api/functions/{id}", tag = "functions",
    operation_id = "update_function",
    params(("id" = String, Path, description = "the function's id")),
    request_body = FunctionChange,
    responses((status = 200, description = "the function", body = FunctionView)))]
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<String>,
    Json { value: body, .. }: Json<FunctionChange>,
) -> Result<axum::Json<FunctionView>, Problem> {
    caller.may(Scope::Deploy)?;
    let found = app.catalog.visible(&caller, &id, None).await?;
    if found.name.tenant != caller.tenant() {
        return Err(Problem::forbidden("the function is another tenant's"));
    }
    if !caller.is_admin() && found.owner != caller.id() {
        return Err(Problem::forbidden("only its owner or an administrator may change that"));
    }
    app.store.set_visibility(&found.name, body.visibility).await.named("function")?;
    app.catalog.forget();
    audit(&app, &caller, &trail, "function.visibility", &found.name.id).await;
    let found = app.catalog.visible(&caller, &id, None).await?;
    Ok(axum::Json(FunctionView::new(&caller, &found)))
}
