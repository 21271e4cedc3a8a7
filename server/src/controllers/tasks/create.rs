//! `POST /api/tasks`, `POST /api/tasks/{id}/execute` and `/retry`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::controllers::functions::execute::{
    WebhookBody, hook, made_before, progress, run, timeout,
};
use crate::http::{Json, Key, Path, Wait, once};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Class, Scope, Task};
use crate::tasks::{MAX_CODE_BYTES, Options, Target, read_document};
use crate::views::TaskView;

/// A call that is made and not yet run: of a function, or of inline code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"name": "area", "code": "def calculate(width: float, height: float) -> dict:\n    return {\"area\": width * height}\n", "inputs": {"width": 2.5, "height": 4.0}}))]
pub enum TaskBody {
    Function(FunctionTask),
    Inline(InlineTask),
}

/// A call of a function.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"function_id": "area", "inputs": {"width": 2.5, "height": 4.0}}))]
pub struct FunctionTask {
    #[schema(min_length = 1, max_length = 127)]
    pub function_id: String,
    #[serde(default)]
    #[schema(max_length = 128)]
    pub version: Option<String>,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub inputs: Map<String, Value>,
    #[serde(default)]
    pub priority: Option<Class>,
    #[serde(default)]
    pub cache: Option<bool>,
    #[serde(default)]
    pub deterministic: Option<bool>,
    #[serde(default)]
    pub webhook: Option<WebhookBody>,
    /// Seconds; at most the function's own.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 600)]
    pub timeout: Option<f64>,
}

/// A call of code that comes with it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "area", "code": "def calculate(width: float, height: float) -> dict:\n    return {\"area\": width * height}\n", "inputs": {"width": 2.5, "height": 4.0}}))]
pub struct InlineTask {
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", min_length = 1, max_length = 63)]
    pub name: String,
    /// Python with a function `calculate`; the standard library is all that it has.
    #[schema(max_length = 1048576)]
    pub code: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub inputs: Map<String, Value>,
    #[serde(default)]
    pub priority: Option<Class>,
    #[serde(default)]
    pub deterministic: Option<bool>,
    #[serde(default)]
    pub webhook: Option<WebhookBody>,
    /// Seconds.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 600)]
    pub timeout: Option<f64>,
}

/// Makes a task of a function or of inline code; `POST /api/tasks/{id}/execute` runs it.
#[utoipa::path(post, path = "/api/tasks", tag = "tasks", operation_id = "create_task",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same key and body \
        are answered as the first time")),
    request_body = TaskBody,
    responses((status = 201, description = "made", body = TaskView,
        headers(("location" = String, description = "the task")))))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    key: Key,
    Json { value, fingerprint, room: _room }: Json<Value>,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    let (app, caller) = (&app, &caller);
    once(app, caller, key, &[b"task", &fingerprint], |id| {
        async move {
            if let Ok(task) = app.store.task(caller.tenant(), None, id).await {
                return Ok(created(&task));
            }
            let (target, inputs, options) = read(app, caller, value).await?;
            let submission =
                app.dispatcher.prepare(caller, &target, inputs, options, id, "/inputs").await?;
            Ok(created(&app.dispatcher.create(submission).await?))
        }
        .boxed()
    })
    .await
}

fn created(task: &Task) -> Response {
    let headers = [(header::LOCATION, format!("/api/tasks/{}", task.id))];
    (StatusCode::CREATED, headers, axum::Json(TaskView::new(task, None))).into_response()
}

async fn read(
    app: &Arc<App>,
    caller: &Caller,
    value: Value,
) -> Result<(Target, Map<String, Value>, Options), Problem> {
    // By what it has, so that a mistake in it is told of the right one.
    if value.get("function_id").is_some() {
        let body: FunctionTask = crate::http::typed(value)?;
        let function =
            app.catalog.visible(caller, &body.function_id, body.version.as_deref()).await?;
        let callable = app.catalog.callable(&function).await?;
        let options = Options {
            class: body.priority,
            cache: body.cache,
            deterministic: body.deterministic,
            timeout: timeout(body.timeout)?,
            webhook: body.webhook.map(|webhook| hook(app, webhook)).transpose()?,
            ..Options::default()
        };
        return Ok((Target::Function(function, callable), body.inputs, options));
    }
    if value.get("code").is_none() && value.get("name").is_none() {
        return Err(Problem::at(
            "",
            "required",
            "the body has to have `function_id`, or `name` and `code`",
        ));
    }
    let body: InlineTask = crate::http::typed(value)?;
    if body.code.len() > MAX_CODE_BYTES {
        return Err(Problem::too_large(format!("the code is larger than {MAX_CODE_BYTES} bytes")));
    }
    if let Err(error) = body.name.parse::<model::FunctionId>() {
        return Err(Problem::at("/name", "pattern", error.to_string()));
    }
    // Checking it runs it: that counts as a call.
    app.meter.begin(&*app.store, caller, 1, false, app.clock.now()).await?;
    let inline = app.dispatcher.inline(&body.name, &body.code).await?;
    let options = Options {
        class: body.priority,
        deterministic: body.deterministic,
        timeout: timeout(body.timeout)?,
        webhook: body.webhook.map(|webhook| hook(app, webhook)).transpose()?,
        ..Options::default()
    };
    Ok((Target::Inline(inline), body.inputs, options))
}

/// Runs a task that was made: at once if there is a place, and answers as `execute` of a
/// function does. A task that runs or has ended is answered as it is.
#[utoipa::path(post, path = "/api/tasks/{id}/execute", tag = "tasks",
    operation_id = "execute_task",
    params(("id" = Uuid, Path, description = "the task"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait")),
    responses(
        (status = 200, description = "the task has ended", body = TaskView),
        (status = 202, description = "the task goes on", body = TaskView,
            headers(("location" = String, description = "the task"))),
    ))]
pub async fn execute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Wait(wait): Wait,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    let task = app.store.task(caller.tenant(), caller.viewer(), id).await.named("task")?;
    let wait = wait.unwrap_or_default();
    if task.life.state == model::task::TaskState::Created {
        // It may have been deleted or made private since.
        if let Some(name) = &task.function {
            app.catalog.visible(&caller, &name.to_string(), Some(&task.version)).await?;
        }
        app.meter.begin(&*app.store, &caller, 1, false, app.clock.now()).await?;
        match app.dispatcher.enqueue_created(caller.tenant(), id).await {
            // Somebody else was as quick.
            Ok(_) | Err(crate::store::StoreError::Refused(_)) => {}
            Err(crate::store::StoreError::Conflict(message)) => {
                return Err(Problem::too_many(message, 5));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(progress(app.dispatcher.wait_for(caller.tenant(), id, wait).await?))
}

/// Makes a new task of the same version and inputs, and runs it.
#[utoipa::path(post, path = "/api/tasks/{id}/retry", tag = "tasks", operation_id = "retry_task",
    params(("id" = Uuid, Path, description = "the task to repeat"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key is answered \
            as the first time")),
    responses(
        (status = 200, description = "the new task has ended", body = TaskView),
        (status = 202, description = "the new task goes on", body = TaskView,
            headers(("location" = String, description = "the new task"))),
    ))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Wait(wait): Wait,
    key: Key,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    let task = app.store.task(caller.tenant(), caller.viewer(), id).await.named("task")?;
    if !task.life.state.is_final() {
        return Err(Problem::conflict(format!(
            "the task has not ended: it is {}",
            task.life.state.as_str()
        )));
    }
    let (app, caller) = (&app, &caller);
    once(app, caller, key, &[b"retry", id.as_bytes()], |new| {
        async move {
            if let Some(known) = made_before(app, caller, new).await? {
                return Ok(known);
            }
            let target = app.dispatcher.target_of(&task).await?;
            // What it may call now, not what it might then.
            if let Target::Function(function, _) = &target {
                let id = function.name.to_string();
                app.catalog.visible(caller, &id, Some(&task.version)).await?;
            }
            let payload = app.store.payload(task.id).await?;
            let text = read_document(&app.blobs, payload.inputs).await?;
            let Ok(Value::Object(inputs)) = model::json::parse(&text) else {
                return Err(Problem::internal(&"stored inputs are not an object"));
            };
            let options = Options {
                class: Some(task.class),
                cache: Some(false),
                deterministic: Some(task.deterministic),
                timeout: Some(std::time::Duration::from_millis(task.timeout_ms)),
                retry_of: Some(task.id),
                parent: task.parent,
                ..Options::default()
            };
            let submission =
                app.dispatcher.prepare(caller, &target, inputs, options, new, "/inputs").await?;
            run(app, caller, submission, wait).await
        }
        .boxed()
    })
    .await
}
