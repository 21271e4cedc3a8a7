//! `POST /api/functions`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, ROOM_UNIT};
use crate::controllers::{Trail, audit};
use crate::deploy::git::GitRequest;
use crate::deploy::{Code, MAX_REQUIREMENTS_BYTES, Order, Source};
use crate::http::{Key, RawBody, Wait, is_json, once, parsed, read_bounded};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Deployment, DeploymentState, FunctionName, Scope, VersionQuery, Visibility};
use crate::tasks::MAX_CODE_BYTES;
use crate::views::{DeploymentView, FunctionView};

/// How long a caller waits who does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// How often a deployment is looked at while it is waited for, whoever rings.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A git repository, or inline code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"name": "area", "code": "def calculate(width: float, height: float) -> dict:\n    return {\"area\": width * height}\n"}))]
pub enum DeployBody {
    Git(GitBody),
    Code(CodeBody),
}

/// A package in a git repository.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GitBody {
    /// `https://`, `ssh://` or `git@host:path`.
    #[schema(max_length = 2048, min_length = 1)]
    pub git_url: String,
    /// Branch, tag or full commit id; the default branch if not given.
    #[serde(default)]
    #[schema(max_length = 255, nullable = true)]
    pub r#ref: Option<String>,
    /// The package's folder in the repository.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub subdir: Option<String>,
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// A function as the text of its `handler.py`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "area", "code": "def calculate(width: float, height: float) -> dict:\n    return {\"area\": width * height}\n"}))]
pub struct CodeBody {
    /// The function's id.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length = 63, min_length = 1)]
    pub name: String,
    /// Python with a function `calculate`.
    #[schema(max_length = 1048576)]
    pub code: String,
    /// As in a requirements file, one a line or one an item.
    #[serde(default)]
    pub requirements: Option<Requirements>,
    #[serde(default)]
    #[schema(max_length = 10000)]
    pub description: Option<String>,
    /// A semantic version; `0.0.0` if not given.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub version: Option<String>,
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Requirements {
    Lines(String),
    Items(Vec<String>),
}

/// A package as an uploaded file.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct ArchiveForm {
    /// A ZIP of the package, or a single `.py` file.
    #[schema(value_type = String, format = Binary)]
    archive: Vec<u8>,
    visibility: Option<Visibility>,
}

/// What was deployed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deployed {
    /// The function's id, if the package has just one.
    pub id: Option<String>,
    pub package: String,
    pub version: String,
    pub deployment_id: Uuid,
    pub functions: Vec<FunctionView>,
}

/// Deploys a package: a ZIP or `.py` file as `multipart/form-data`, a git repository or inline
/// code as JSON. Waits as `Prefer: wait=N` says, 60 seconds if it says nothing.
#[utoipa::path(post, path = "/api/functions", tag = "functions",
    operation_id = "deploy_function",
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and body are \
            answered as the first time"),
    ),
    request_body(content(
        (DeployBody = "application/json"),
        (ArchiveForm = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "deployed", body = Deployed,
            headers(("location" = String, description = "the function"))),
        (status = 202, description = "under way", body = DeploymentView,
            headers(("location" = String, description = "the deployment"))),
    ))]
pub async fn deploy(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Wait(wait): Wait,
    key: Key,
    request: Request,
) -> Result<Response, Problem> {
    caller.may(Scope::Deploy)?;
    let (source, visibility, fingerprint) = read(&app, request).await?;
    let described = source.describe().to_string();
    let shown = format!("{visibility:?}");
    let (app, caller) = (&app, &caller);
    once(app, caller, key, &[b"deploy", &fingerprint, shown.as_bytes()], |id| {
        async move {
            let order = Order {
                id,
                tenant: caller.tenant().to_owned(),
                account: caller.id(),
                is_admin: caller.is_admin(),
                source,
                visibility,
            };
            app.deploys.begin(order).await?;
            audit(app, caller, &trail, "function.deploy", &described).await;
            answer(app, caller, id, wait.unwrap_or(DEFAULT_WAIT)).await
        }
        .boxed()
    })
    .await
}

async fn answer(
    app: &Arc<App>,
    caller: &Caller,
    id: Uuid,
    wait: Duration,
) -> Result<Response, Problem> {
    let deployment = wait_for(app, caller.tenant(), id, wait).await?;
    match deployment.state {
        DeploymentState::Succeeded => {
            let deployed = deployed(app, caller, deployment).await?;
            let location = match &deployed.id {
                Some(id) => format!("/api/functions/{id}"),
                None => format!("/api/functions?package={}", deployed.package),
            };
            let headers = [(header::LOCATION, location)];
            Ok((StatusCode::CREATED, headers, axum::Json(deployed)).into_response())
        }
        DeploymentState::Failed => Err(failed(&deployment)),
        _ => {
            let headers = [
                (header::LOCATION, format!("/api/deployments/{id}")),
                (header::RETRY_AFTER, "1".to_owned()),
            ];
            let view = DeploymentView::from(deployment);
            Ok((StatusCode::ACCEPTED, headers, axum::Json(view)).into_response())
        }
    }
}

/// Waits until a deployment has ended, at most so long.
async fn wait_for(
    app: &Arc<App>,
    tenant: &str,
    id: Uuid,
    wait: Duration,
) -> Result<Deployment, Problem> {
    let until = tokio::time::Instant::now() + wait;
    let mut ear = app.signals.listen(id);
    loop {
        let deployment = app.store.deployment(tenant, id).await?;
        let now = tokio::time::Instant::now();
        if deployment.state.is_final() || now >= until || app.dispatcher.is_stopping() {
            return Ok(deployment);
        }
        let _ = tokio::time::timeout_at(until.min(now + LOOK_AGAIN), ear.rung()).await;
    }
}

async fn deployed(app: &App, caller: &Caller, deployment: Deployment) -> Result<Deployed, Problem> {
    let id = deployment.id;
    let view = DeploymentView::from(deployment);
    let (package, version) = (view.package.unwrap_or_default(), view.version.unwrap_or_default());
    let exact = version.parse().map_err(|_| Problem::internal(&"a version is not one"))?;
    let query = VersionQuery::Exact(exact);
    let mut functions = Vec::new();
    for function in view.functions.unwrap_or_default() {
        let name = FunctionName { tenant: caller.tenant().to_owned(), id: function };
        // One that was deleted in this very moment is not shown.
        if let Some(found) = app.store.function(&name, &query).await? {
            functions.push(FunctionView::new(caller, &found));
        }
    }
    let only = match functions.as_slice() {
        [only] => Some(only.id.clone()),
        _ => None,
    };
    Ok(Deployed { id: only, package, version, deployment_id: id, functions })
}

/// A failed deployment as the problem that it is.
fn failed(deployment: &Deployment) -> Problem {
    let error = &deployment.document["error"];
    let detail = error["detail"].as_str().unwrap_or("the deploy failed").to_owned();
    let problem = match error["slug"].as_str() {
        Some("conflict") => Problem::conflict(detail),
        Some("storage-full") => Problem::full(),
        Some("unavailable" | "interrupted") => Problem::unavailable(detail),
        Some("internal") => Problem::internal(&"a deploy failed"),
        Some("engine-unavailable") => Problem::invalid("engine-unavailable", detail),
        Some("invalid-source") => Problem::invalid("invalid-source", detail),
        _ => Problem::invalid("invalid-package", detail),
    };
    let mut problem = problem.member("deployment_id", deployment.id);
    // Nothing of a failed deploy is there: the same request again is another deploy.
    problem.nothing_made = true;
    for name in ["problems", "report"] {
        if !error[name].is_null() {
            problem = problem.member(name, error[name].clone());
        }
    }
    problem
}

async fn read(
    app: &Arc<App>,
    request: Request,
) -> Result<(Source, Option<Visibility>, [u8; 32]), Problem> {
    let given = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let essence = given.unwrap_or_default().split(|byte| *byte == b';').next().unwrap_or_default();
    if essence.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
        return multipart(app, request).await;
    }
    let raw = RawBody::from_request(request, app).await?;
    if is_json(&raw.content_type) {
        let (bytes, _room) = read_bounded(app, raw.body, app.config.limits.body_bytes).await?;
        let fingerprint = crate::hash::sha256(&[b"json", &bytes]);
        let (source, visibility) = of_json(&bytes)?;
        return Ok((source, visibility, fingerprint));
    }
    Err(Problem::unsupported_media_type(
        "the body has to be `multipart/form-data` with an `archive`, or `application/json`",
    ))
}

fn of_json(bytes: &[u8]) -> Result<(Source, Option<Visibility>), Problem> {
    let value: serde_json::Value = parsed(bytes)?;
    // By what it has, so that a mistake in it is told of the right one.
    if value.get("git_url").is_some() {
        let body: GitBody = crate::http::typed(value)?;
        let request =
            GitRequest { url: body.git_url, reference: body.r#ref, subfolder: body.subdir };
        return Ok((Source::Git(request), body.visibility));
    }
    if value.get("code").is_none() && value.get("name").is_none() {
        return Err(Problem::at(
            "",
            "required",
            "the body has to have `git_url`, or `name` and `code`",
        ));
    }
    let body: CodeBody = crate::http::typed(value)?;
    if body.code.len() > MAX_CODE_BYTES {
        return Err(Problem::too_large(format!("the code is larger than {MAX_CODE_BYTES} bytes")));
    }
    if let Err(error) = body.name.parse::<model::FunctionId>() {
        return Err(Problem::at("/name", "pattern", error.to_string()));
    }
    if let Some(version) = &body.version
        && let Err(error) = semver::Version::parse(version)
    {
        let message =
            format!("`{}` is not a semantic version: {error}", model::json::cut(version, 100));
        return Err(Problem::at("/version", "format", message));
    }
    let requirements = match body.requirements {
        None => Vec::new(),
        Some(Requirements::Items(items)) => items,
        Some(Requirements::Lines(text)) => text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect(),
    };
    if requirements.iter().map(String::len).sum::<usize>() > MAX_REQUIREMENTS_BYTES {
        return Err(Problem::too_large(format!(
            "the requirements are larger than {MAX_REQUIREMENTS_BYTES} bytes"
        )));
    }
    let code = Code {
        name: body.name,
        code: body.code,
        description: body.description,
        version: body.version,
        requirements,
    };
    Ok((Source::Code(code), body.visibility))
}

async fn multipart(
    app: &Arc<App>,
    request: Request,
) -> Result<(Source, Option<Visibility>, [u8; 32]), Problem> {
    let limits = &app.config.limits;
    let mut form = axum::extract::Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::bad_request(error.body_text()))?;
    let broken = |error: axum::extract::multipart::MultipartError| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Problem::bad_request(format!("the form is not valid: {}", error.body_text()))
    };
    let mut archive: Option<(String, Bytes)> = None;
    let mut room: Option<tokio::sync::OwnedSemaphorePermit> = None;
    let mut visibility = None;
    let most = usize::try_from(limits.archive_bytes).unwrap_or(usize::MAX);
    loop {
        let field = tokio::time::timeout(limits.body_timeout, form.next_field()).await;
        let Some(mut field) = field.map_err(|_| crate::http::slow())?.map_err(broken)? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().unwrap_or("package.zip").to_owned();
        let most = if name == "archive" { most } else { 1_024 };
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let part = tokio::time::timeout(limits.body_timeout, field.chunk()).await;
            let Some(part) = part.map_err(|_| crate::http::slow())?.map_err(broken)? else { break };
            if bytes.len() + part.len() > most {
                return Err(Problem::too_large(format!(
                    "`{}` is larger than {most} bytes",
                    model::json::cut(&name, 100)
                )));
            }
            let needed =
                (bytes.len() + part.len()).div_ceil(ROOM_UNIT) - bytes.len().div_ceil(ROOM_UNIT);
            match app.archive_room.clone().try_acquire_many_owned(needed as u32) {
                Ok(more) => match &mut room {
                    Some(room) => room.merge(more),
                    None => room = Some(more),
                },
                Err(_) => {
                    let detail = "too many packages are being uploaded; try again";
                    return Err(Problem::unavailable(detail).retry_after(5));
                }
            }
            bytes.extend_from_slice(&part);
        }
        match name.as_str() {
            "archive" if archive.is_none() => archive = Some((file_name, bytes.into())),
            "visibility" => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let wrong = |mut problem: Problem| {
                    problem.violations.iter_mut().for_each(|violation| {
                        violation.pointer = "/visibility".to_owned();
                    });
                    problem
                };
                visibility = Some(crate::http::typed(text.into()).map_err(wrong)?);
            }
            "archive" => return Err(Problem::at("/archive", "maxItems", "there are two archives")),
            other => {
                let message = format!("unknown field `{}`", model::json::cut(other, 100));
                return Err(Problem::at("", "additionalProperties", message));
            }
        }
    }
    let Some((name, bytes)) = archive else {
        return Err(Problem::at("", "required", "the form has no `archive`"));
    };
    let fingerprint = crate::hash::sha256(&[b"archive", &bytes]);
    let name = model::json::cut(&name, 200);
    Ok((Source::Archive { name, bytes, room }, visibility, fingerprint))
}
