//! What a task gave: `/results`, `/logs`, `/files`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::task::TaskState;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::show::find;
use crate::app::App;
use crate::http::Path;
use crate::identity::Caller;
use crate::links;
use crate::problem::Problem;
use crate::store::{EventKind, Scope};
use crate::tasks::read_document;
use crate::views::{FailureView, State as TaskStateView, UsageView, WarningView};

/// How a task ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskResults {
    pub id: Uuid,
    pub state: TaskStateView,
    /// What the function returned; null if it failed.
    pub result: Value,
    pub error: Option<FailureView>,
    pub warnings: Vec<WarningView>,
    pub usage: Option<UsageView>,
    /// Files that it wrote.
    pub files: Vec<TaskFile>,
}

/// A file that a task wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskFile {
    pub key: String,
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Where it is; redirects to a signed, expiring address.
    pub url: String,
}

/// The result of a task that has ended; 409 before.
#[utoipa::path(get, path = "/api/tasks/{id}/results", tag = "tasks",
    operation_id = "get_task_results",
    params(("id" = Uuid, Path, description = "the task")),
    responses((status = 200, description = "how it ended", body = TaskResults)))]
pub async fn results(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<TaskResults>, Problem> {
    caller.may(Scope::Read)?;
    let task = find(&app, &caller, id).await?;
    if !task.life.state.is_final() {
        let detail = format!("the task has not ended: it is {}", task.life.state.as_str());
        return Err(Problem::conflict(detail).retry_after(1));
    }
    let ended = app.dispatcher.shown(task).await?;
    let (task, files) = (&ended.task, &ended.ended.files);
    Ok(axum::Json(TaskResults {
        id,
        state: task.life.state.into(),
        result: ended.result.unwrap_or_default(),
        error: FailureView::of(task),
        warnings: task.warnings.iter().map(WarningView::from).collect(),
        usage: task.usage.as_ref().map(UsageView::from),
        files: files.iter().map(|file| shown(id, file)).collect(),
    }))
}

fn shown(id: Uuid, (key, content, bytes): &(String, crate::blobs::BlobKey, u64)) -> TaskFile {
    TaskFile {
        url: format!("/api/tasks/{id}/files/{}", links::path(key)),
        key: key.clone(),
        bytes: *bytes,
        sha256: content.to_string(),
    }
}

/// A line that a task logged or printed.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLine {
    /// Milliseconds since the call began.
    pub at_ms: f64,
    /// `debug`, `info`, `warning`, `error`, `stdout` or `stderr`.
    pub level: String,
    pub message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskLogs {
    pub entries: Vec<LogLine>,
    /// Whether lines were dropped because the quota was used up.
    pub truncated: bool,
}

/// What a task logged and printed, so far or in all.
#[utoipa::path(get, path = "/api/tasks/{id}/logs", tag = "tasks", operation_id = "get_task_logs",
    params(("id" = Uuid, Path, description = "the task")),
    responses((status = 200, description = "its log", body = TaskLogs)))]
pub async fn logs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Value>, Problem> {
    caller.may(Scope::Read)?;
    let task = find(&app, &caller, id).await?;
    if task.life.state.is_final() {
        let logs = app.store.ended(id).await?.logs;
        return Ok(axum::Json(match logs {
            Some(document) => {
                let text = read_document(&app.blobs, document).await?;
                serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?
            }
            None => json!({"entries": [], "truncated": false}),
        }));
    }
    let mut entries = Vec::new();
    if task.life.state == TaskState::Running {
        let mut after = 0;
        loop {
            let events = app.store.events(id, after, 1_000).await?;
            let Some(last) = events.last() else { break };
            after = last.number;
            let lines = events.into_iter().filter(|event| event.kind == EventKind::Log);
            entries.extend(lines.map(|event| event.data));
        }
    }
    Ok(axum::Json(json!({"entries": entries, "truncated": false})))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskFiles {
    pub items: Vec<TaskFile>,
}

/// Files that a task wrote.
#[utoipa::path(get, path = "/api/tasks/{id}/files", tag = "tasks",
    operation_id = "list_task_files",
    params(("id" = Uuid, Path, description = "the task")),
    responses((status = 200, description = "its files", body = TaskFiles)))]
pub async fn files(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<TaskFiles>, Problem> {
    caller.may(Scope::Read)?;
    let task = find(&app, &caller, id).await?;
    let files = if task.life.state.is_final() { app.store.ended(id).await?.files } else { vec![] };
    Ok(axum::Json(TaskFiles { items: files.iter().map(|file| shown(id, file)).collect() }))
}

/// A file that a task wrote: redirects to a signed, expiring address.
#[utoipa::path(get, path = "/api/tasks/{id}/files/{key}", tag = "tasks",
    operation_id = "get_task_file",
    params(("id" = Uuid, Path, description = "the task"),
        ("key" = String, Path, description = "the file's key; may have slashes")),
    responses((status = 307, description = "where the content is",
        headers(("location" = String, description = "a signed address")))))]
pub async fn file(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, key)): Path<(Uuid, String)>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    find(&app, &caller, id).await?;
    let ended = app.store.ended(id).await?;
    let found = ended.files.iter().find(|(name, ..)| *name == key);
    let Some((name, content, _)) = found else { return Err(Problem::not_found("file")) };
    let url = links::download(&app, content, name, "application/octet-stream");
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response())
}
