//! `GET /api/tasks/{id}` and `/status`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::http::{Path, has_etag};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Scope, Task};
use crate::views::{SHOWN_RESULT_BYTES, State as TaskStateView, TaskView};

/// A task; with its result, if that is not larger than 64 KiB.
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "tasks", operation_id = "get_task",
    params(("id" = Uuid, Path, description = "the task")),
    responses(
        (status = 200, description = "the task", body = TaskView,
            headers(("etag" = String, description = "changes with the task"))),
        (status = 304, description = "the caller has it already (`If-None-Match`)"),
    ))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let task = find(&app, &caller, id).await?;
    if let Some(known) = unchanged(&task, &headers) {
        return Ok(known);
    }
    let is_shown = task.result_bytes.is_some_and(|bytes| bytes <= SHOWN_RESULT_BYTES);
    let etag = etag(&task);
    let view = if is_shown && task.life.state.is_final() {
        TaskView::ended(*app.dispatcher.shown(task).await?)
    } else {
        TaskView::new(&task, None)
    };
    Ok((cacheable(etag), axum::Json(view)).into_response())
}

/// What changes of a task while it goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskStatus {
    pub id: Uuid,
    pub state: TaskStateView,
    pub attempt: u32,
    pub cancel_requested: bool,
    /// The failure's kind, if it failed.
    pub error_kind: Option<String>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
}

/// A task's state: small, for those who ask often, with an `ETag`.
#[utoipa::path(get, path = "/api/tasks/{id}/status", tag = "tasks",
    operation_id = "get_task_status",
    params(("id" = Uuid, Path, description = "the task")),
    responses(
        (status = 200, description = "its state", body = TaskStatus,
            headers(("etag" = String, description = "changes with the task"))),
        (status = 304, description = "the caller has it already (`If-None-Match`)"),
    ))]
pub async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let task = find(&app, &caller, id).await?;
    if let Some(known) = unchanged(&task, &headers) {
        return Ok(known);
    }
    let status = TaskStatus {
        id,
        state: task.life.state.into(),
        attempt: task.life.attempt,
        cancel_requested: task.life.cancel_requested,
        error_kind: task.error.as_ref().map(|error| error.kind.as_str().to_owned()),
        created_at: task.created_at,
        started_at: task.started_at,
        finished_at: task.finished_at,
    };
    Ok((cacheable(etag(&task)), axum::Json(status)).into_response())
}

pub async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Task, Problem> {
    app.store.task(caller.tenant(), caller.viewer(), id).await.named("task")
}

/// Grows with every change of the task.
fn etag(task: &Task) -> String {
    format!("\"{}-{}\"", task.life.revision, task.life.state.as_str())
}

fn cacheable(etag: String) -> [(header::HeaderName, String); 2] {
    [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())]
}

fn unchanged(task: &Task, headers: &HeaderMap) -> Option<Response> {
    let etag = etag(task);
    has_etag(headers, &etag).then(|| (StatusCode::NOT_MODIFIED, cacheable(etag)).into_response())
}
