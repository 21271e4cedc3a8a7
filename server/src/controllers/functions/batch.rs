//! `POST /api/functions/{id}/batch`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::execute::timeout;
use crate::app::App;
use crate::http::{Json, Key, Path, once};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Class, PageRequest, Scope, TaskFilter};
use crate::tasks::{Options, Target};

/// Most calls of one batch.
pub const MAX_CALLS: usize = 10_000;

/// Many calls of one function.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"inputs": [{"width": 2.5, "height": 4.0}, {"width": 1.0, "height": 1.0}]}))]
pub struct BatchBody {
    /// Inputs of each call.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 10000)]
    pub inputs: Vec<Map<String, Value>>,
    /// As for `execute`.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub version: Option<String>,
    #[serde(default)]
    pub priority: Option<Class>,
    #[serde(default)]
    pub cache: Option<bool>,
    #[serde(default)]
    pub deterministic: Option<bool>,
    /// Seconds of each call; at most the function's own.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 600)]
    pub timeout: Option<f64>,
}

/// Tasks that were made together.
#[derive(Debug, Serialize, ToSchema)]
pub struct Batch {
    /// The tasks' `parent`.
    pub id: Uuid,
    /// In the order of the inputs.
    pub tasks: Vec<Uuid>,
    /// Lists the tasks.
    pub tasks_url: String,
}

/// Queues many calls of a function: all of them, or, if the inputs of one are not valid, none.
#[utoipa::path(post, path = "/api/functions/{id}/batch", tag = "functions",
    operation_id = "execute_batch",
    params(
        ("id" = String, Path, description = "`function-id`, or `tenant/function-id`",
            example = "area"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and body are \
            answered as the first time"),
    ),
    request_body = BatchBody,
    responses((status = 202, description = "queued", body = Batch,
        headers(("location" = String, description = "the list of the tasks")))))]
pub async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    key: Key,
    Json { value: body, fingerprint, room: _room }: Json<BatchBody>,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    let count = body.inputs.len();
    if !(1..=MAX_CALLS).contains(&count) {
        return Err(Problem::at("/inputs", "items", format!("a batch has 1 to {MAX_CALLS} calls")));
    }
    let function = app.catalog.visible(&caller, &id, body.version.as_deref()).await?;
    let callable = app.catalog.callable(&function).await?;
    let target = Target::Function(function, callable);
    let (app, caller, named) = (&app, &caller, id.clone());
    once(app, caller, key, &[b"batch", named.as_bytes(), &fingerprint], |batch| {
        async move {
            let filter = TaskFilter { parent: Some(batch), ..TaskFilter::default() };
            let one = PageRequest { limit: 1, after: None };
            let made = app.store.tasks(caller.tenant(), None, &filter, one).await?;
            // One batch, one transaction: if one task of it is there, all are.
            if made.items.is_empty() {
                make(app, caller, &target, body, batch).await?;
            }
            answer(app, caller, batch, count).await
        }
        .boxed()
    })
    .await
}

async fn make(
    app: &Arc<App>,
    caller: &Caller,
    target: &Target,
    body: BatchBody,
    batch: Uuid,
) -> Result<(), Problem> {
    let options = Options {
        class: body.priority,
        cache: body.cache,
        deterministic: body.deterministic,
        timeout: timeout(body.timeout)?,
        parent: Some(batch),
        ..Options::default()
    };
    let mut submissions = Vec::new();
    for (i, inputs) in body.inputs.into_iter().enumerate() {
        let base = format!("/inputs/{i}");
        let task = crate::store::new_id();
        let options = options.clone();
        submissions
            .push(app.dispatcher.prepare(caller, target, inputs, options, task, &base).await?);
    }
    let calls = u32::try_from(submissions.len()).unwrap_or(u32::MAX);
    app.meter.begin(&*app.store, caller, calls, false, app.clock.now()).await?;
    app.dispatcher.enqueue(submissions).await
}

async fn answer(
    app: &App,
    caller: &Caller,
    batch: Uuid,
    count: usize,
) -> Result<Response, Problem> {
    let filter = TaskFilter { parent: Some(batch), ..TaskFilter::default() };
    let all = PageRequest { limit: count, after: None };
    let page = app.store.tasks(caller.tenant(), None, &filter, all).await?;
    // Newest first, and made in the order of the inputs.
    let tasks = page.items.iter().rev().map(|task| task.id).collect();
    let tasks_url = format!("/api/tasks?parent={batch}");
    let headers = [(header::LOCATION, tasks_url.clone())];
    let body = Batch { id: batch, tasks, tasks_url };
    Ok((StatusCode::ACCEPTED, headers, axum::Json(body)).into_response())
}
