//! `POST /api/functions/{id}/execute`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::http::{Json, Key, Path, Wait, object, once};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Class, Scope, Task};
use crate::tasks::{Options, Progress, Submission, Target, Webhook};
use crate::views::TaskView;
use crate::webhook;

/// A call.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"inputs": {"width": 2.5, "height": 4.0}}))]
pub struct ExecuteBody {
    /// As the function's inputs schema says.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub inputs: Map<String, Value>,
    /// `latest`, `1`, `1.0`, `1.0.0` or a full version like `1.0.0-a3f2b8c1d4e5`.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub version: Option<String>,
    /// The queue, if it waits; as the function's history says if not given.
    #[serde(default)]
    pub priority: Option<Class>,
    /// `false`: a result of the same inputs is not answered again, nor kept for that.
    #[serde(default)]
    pub cache: Option<bool>,
    /// Fixed clock, seeded randomness, instructions counted.
    #[serde(default)]
    pub deterministic: Option<bool>,
    /// Told when the task has ended.
    #[serde(default)]
    pub webhook: Option<WebhookBody>,
    /// Seconds; at most the function's own.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 600)]
    pub timeout: Option<f64>,
}

/// Where to tell, as Standard Webhooks says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum WebhookBody {
    /// Signed with the tenant's secret.
    Url(String),
    Full(#[serde(deserialize_with = "object")] WebhookTarget),
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    #[schema(max_length = 2048)]
    pub url: String,
    /// `whsec_...`: signs instead of the tenant's.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub secret: Option<String>,
}

/// Calls a function. With `Prefer: wait=N` the answer is the finished task, if it finishes
/// within N seconds; otherwise it is a task that goes on.
#[utoipa::path(post, path = "/api/functions/{id}/execute", tag = "functions",
    operation_id = "execute_function",
    params(
        ("id" = String, Path, description = "`function-id`, or `tenant/function-id`",
            example = "area"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and body are \
            answered as the first time"),
    ),
    request_body = ExecuteBody,
    responses(
        (status = 200, description = "the task has ended", body = TaskView),
        (status = 202, description = "the task goes on", body = TaskView,
            headers(("location" = String, description = "the task"))),
    ))]
pub async fn execute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Wait(wait): Wait,
    key: Key,
    Json { value: body, fingerprint, room: _room }: Json<ExecuteBody>,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    let function = app.catalog.visible(&caller, &id, body.version.as_deref()).await?;
    let callable = app.catalog.callable(&function).await?;
    let target = Target::Function(function, callable);
    let (app, caller, named) = (&app, &caller, id.clone());
    once(app, caller, key, &[b"execute", named.as_bytes(), &fingerprint], |task| {
        async move {
            if let Some(known) = made_before(app, caller, task).await? {
                return Ok(known);
            }
            let inputs = body.inputs;
            let options = Options {
                class: body.priority,
                cache: body.cache,
                deterministic: body.deterministic,
                timeout: timeout(body.timeout)?,
                webhook: body.webhook.map(|webhook| hook(app, webhook)).transpose()?,
                ..Options::default()
            };
            let submission =
                app.dispatcher.prepare(caller, &target, inputs, options, task, "/inputs").await?;
            run(app, caller, submission, wait).await
        }
        .boxed()
    })
    .await
}

/// Runs a call, or queues it, as the caller waits or not.
pub async fn run(
    app: &Arc<App>,
    caller: &Caller,
    submission: Submission,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    let wait = wait.unwrap_or(Duration::ZERO);
    let waits = wait > Duration::ZERO;
    let now = app.clock.now();
    let held = app.meter.begin(&*app.store, caller, 1, waits, now).await?;
    if !waits {
        let id = submission.new.task.id;
        app.dispatcher.enqueue(vec![submission]).await?;
        let task = app.store.task(caller.tenant(), None, id).await?;
        return Ok(under_way(&task));
    }
    Ok(progress(app.dispatcher.run(submission, wait, held).await?))
}

/// A task that ended, or one that goes on.
pub fn progress(progress: Progress) -> Response {
    match progress {
        Progress::Ended(ended) => {
            (StatusCode::OK, axum::Json(TaskView::ended(*ended))).into_response()
        }
        Progress::UnderWay(task) => under_way(&task),
    }
}

pub fn under_way(task: &Task) -> Response {
    let headers = [
        (header::LOCATION, format!("/api/tasks/{}", task.id)),
        (header::RETRY_AFTER, "1".to_owned()),
    ];
    (StatusCode::ACCEPTED, headers, axum::Json(TaskView::new(task, None))).into_response()
}

/// What a request before, whose answer was lost with its server, has made already.
pub async fn made_before(
    app: &Arc<App>,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Response>, Problem> {
    let found = loop {
        let found = app.store.task(caller.tenant(), None, id).await;
        // It runs, for a caller who hung up, and has a row in a moment.
        if found.is_ok() || !app.dispatcher.is_live(id) {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    match found {
        Ok(task) if task.life.state.is_final() => {
            let ended = app.dispatcher.shown(task).await?;
            Ok(Some(progress(Progress::Ended(ended))))
        }
        Ok(task) => Ok(Some(under_way(&task))),
        Err(crate::store::StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub fn timeout(seconds: Option<f64>) -> Result<Option<Duration>, Problem> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(seconds > 0.0 && seconds <= 600.0) {
        return Err(Problem::at("/timeout", "range", "a timeout is above 0 and at most 600 s"));
    }
    Ok(Some(Duration::from_secs_f64(seconds).max(Duration::from_millis(1))))
}

/// Checks where to tell, and seals the caller's secret.
pub fn hook(app: &App, body: WebhookBody) -> Result<Webhook, Problem> {
    let (url, secret) = match body {
        WebhookBody::Url(url) => (url, None),
        WebhookBody::Full(target) => (target.url, target.secret),
    };
    let policy = webhook::TargetPolicy { allow_private: app.config.webhooks.allow_private_targets };
    let target = webhook::Target::parse(&url, &policy)
        .map_err(|error| Problem::at("/webhook/url", "target", error.to_string()))?;
    let sealed_secret = match secret {
        None => None,
        Some(text) => {
            let secret = webhook::Secret::parse(&text)
                .map_err(|error| Problem::at("/webhook/secret", "format", error.to_string()))?;
            Some(app.sealing.seal(crate::delivery::PURPOSE, secret.reveal().as_bytes()))
        }
    };
    Ok(Webhook { url: target.url().to_string(), sealed_secret })
}
