//! `POST /api/files`, and `PUT` to a signed upload address.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::blobs::BlobError;
use crate::clock::Time;
use crate::http::{Query, RawBody, bounded, cut_off, is_json, parsed, read_bounded, slow};
use crate::identity::Caller;
use crate::links;
use crate::problem::Problem;
use crate::store::{File, Scope, StoreError};
use crate::worker::call_files::is_key;

const DEFAULT_TYPE: &str = "application/octet-stream";

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    pub key: String,
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    pub content_type: String,
    pub created_at: Time,
    pub url: String,
}

impl From<&File> for FileView {
    fn from(file: &File) -> Self {
        Self {
            key: file.key.clone(),
            bytes: file.bytes,
            sha256: file.content.to_string(),
            content_type: file.content_type.clone(),
            created_at: file.created_at,
            url: format!("/api/files/{}", links::path(&file.key)),
        }
    }
}

/// A place to upload to, without a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadLink {
    /// `PUT` the content here.
    pub upload_url: String,
    pub expires_at: Time,
}

/// Asks for a place to upload to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "meshes/model-123.msh"}))]
pub struct UploadBody {
    #[schema(min_length = 1, max_length = 512)]
    pub key: String,
    #[serde(default)]
    #[schema(max_length = 255)]
    pub content_type: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UploadQuery {
    /// The file's key, such as `meshes/model-123.msh`, where the body is its content.
    #[param(max_length = 512)]
    key: Option<String>,
}

/// Stores a file: the body is its content, of any content type but JSON, and `?key=` its key.
/// Or, with a JSON body `{"key": ...}`, answers with a signed address to upload to.
#[utoipa::path(post, path = "/api/files", tag = "files", operation_id = "upload_file",
    params(UploadQuery),
    request_body(content(
        (UploadBody = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "where to upload to", body = UploadLink),
        (status = 201, description = "stored", body = FileView,
            headers(("location" = String, description = "the file"))),
    ))]
pub async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    bounded(&[("key", query.key.as_ref(), 512)])?;
    let raw = RawBody::from_request(request, &app).await?;
    if is_json(&raw.content_type) {
        let (bytes, _room) = read_bounded(&app, raw.body, app.config.limits.body_bytes).await?;
        let body: UploadBody = parsed(&bytes)?;
        check_key(&body.key, "/key")?;
        let content_type = content_type(body.content_type.as_deref().unwrap_or(DEFAULT_TYPE))?;
        let most = most_bytes(&app, &caller).await?;
        let (upload_url, expires_at) =
            links::upload(&app, caller.tenant(), caller.id(), &body.key, &content_type, most);
        return Ok(axum::Json(UploadLink { upload_url, expires_at }).into_response());
    }
    let Some(key) = query.key else {
        return Err(Problem::invalid("invalid-query", "`key` is missing: `?key=folder/name`"));
    };
    check_key(&key, "/key")?;
    let given = if raw.content_type.is_empty() { DEFAULT_TYPE } else { &raw.content_type };
    let content_type = content_type(given)?;
    let most = most_bytes(&app, &caller).await?;
    let owner = Owner { tenant: caller.tenant().to_owned(), account: caller.id() };
    store(&app, owner, key, content_type, raw.body, most).await
}

/// Stores a file at a signed address.
#[utoipa::path(put, path = "/api/uploads", tag = "files", operation_id = "upload_signed",
    params(links::Upload), security(()),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "stored", body = FileView,
        headers(("location" = String, description = "the file")))))]
pub async fn upload_signed(
    State(app): State<Arc<App>>,
    Query(link): Query<links::Upload>,
    request: Request,
) -> Result<Response, Problem> {
    if !link.is_valid(&app.link_key, app.clock.now().seconds()) {
        return Err(Problem::forbidden("the address has expired or was altered"));
    }
    let raw = RawBody::from_request(request, &app).await?;
    let owner = Owner { tenant: link.tenant, account: link.account };
    store(&app, owner, link.key, link.r#type, raw.body, link.most).await
}

struct Owner {
    tenant: String,
    account: Uuid,
}

async fn store(
    app: &App,
    owner: Owner,
    key: String,
    content_type: String,
    body: Body,
    most: u64,
) -> Result<Response, Problem> {
    let limit = app.config.limits.file_bytes.min(most);
    // What goes wrong with the caller's own stream is told apart from what goes wrong here.
    let theirs: Arc<Mutex<Option<Problem>>> = Arc::default();
    let timeout = app.config.limits.body_timeout;
    let told = theirs.clone();
    let parts = futures_util::stream::unfold(body.into_data_stream(), move |mut body| {
        let told = told.clone();
        async move {
            match tokio::time::timeout(timeout, body.next()).await {
                Err(_) => {
                    *told.lock() = Some(slow());
                    Some((Err(io::Error::from(io::ErrorKind::TimedOut)), body))
                }
                Ok(None) => None,
                Ok(Some(Err(error))) => {
                    *told.lock() = Some(cut_off(&error));
                    Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof)), body))
                }
                Ok(Some(Ok(part))) => Some((Ok(part), body)),
            }
        }
    });
    let staged = app.blobs.stage(parts.boxed(), limit).await;
    if let Some(problem) = theirs.lock().take() {
        return Err(problem);
    }
    let staged = staged.map_err(|error| match error {
        BlobError::TooLarge { .. } if limit < app.config.limits.file_bytes => {
            Problem::too_large("the tenant's quota of storage would be used up")
        }
        error => error.into(),
    })?;
    let stored = staged.commit().await?;
    let file = File {
        tenant: owner.tenant,
        key,
        content: stored.key,
        bytes: stored.bytes,
        content_type,
        created_at: app.clock.now(),
        created_by: owner.account,
    };
    let view = FileView::from(&file);
    // What it replaces is let go.
    crate::gc::suspect();
    app.store.put_file(file, most.max(stored.bytes)).await.map_err(|error| match error {
        StoreError::Conflict(_) => {
            Problem::too_large("the tenant's quota of storage would be used up")
        }
        error => error.into(),
    })?;
    let headers = [(header::LOCATION, view.url.clone())];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}

/// Most bytes that all files of the tenant may have.
async fn most_bytes(app: &App, caller: &Caller) -> Result<u64, Problem> {
    let most = app.meter.storage_bytes(caller);
    if app.store.stored_bytes(caller.tenant()).await? >= most {
        return Err(Problem::too_large("the tenant's quota of storage is used up"));
    }
    Ok(most)
}

fn check_key(key: &str, pointer: &str) -> Result<(), Problem> {
    if is_key(key) {
        return Ok(());
    }
    Err(Problem::at(
        pointer,
        "format",
        "a key is a relative path of at most 512 bytes, without empty parts, `.` or `..`",
    ))
}

/// A content type that can be sent back as a header.
fn content_type(text: &str) -> Result<String, Problem> {
    let is_sane = text.len() <= 255
        && text.contains('/')
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_sane {
        Ok(text.to_owned())
    } else {
        Err(Problem::at("/content_type", "format", "the content type is not one"))
    }
}
