//! `GET /api/files`, and one of them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::upload::FileView;
use crate::app::App;
use crate::controllers::making_room;
use crate::http::{List, Listed, Path, Query, bounded, page};
use crate::identity::Caller;
use crate::links;
use crate::problem::{Named, Problem};
use crate::store::Scope;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FilesQuery {
    /// What keys begin with.
    #[param(max_length = 512)]
    prefix: Option<String>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the answer before this one ended: its `next_cursor`.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// Files by key.
#[utoipa::path(get, path = "/api/files", tag = "files", operation_id = "list_files",
    params(FilesQuery),
    responses((status = 200, description = "files", body = List<FileView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<FilesQuery>,
) -> Result<Listed<FileView>, Problem> {
    caller.may(Scope::Read)?;
    bounded(&[("prefix", query.prefix.as_ref(), 512)])?;
    let page = page(query.limit, query.cursor.as_deref())?;
    let prefix = query.prefix.unwrap_or_default();
    let found = app.store.files(caller.tenant(), &prefix, page).await?;
    Ok(axum::Json(List::of(found, |file| FileView::from(&file))))
}

/// A file's content: redirects to a signed, expiring address.
#[utoipa::path(get, path = "/api/files/{key}", tag = "files", operation_id = "get_file",
    params(("key" = String, Path, description = "the file's key; may have slashes")),
    responses((status = 307, description = "where the content is",
        headers(("location" = String, description = "a signed address")))))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let file = app.store.file(caller.tenant(), &key).await.named("file")?;
    let url = links::download(&app, &file.content, &file.key, &file.content_type);
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response())
}

/// Deletes a file. Tasks that were given it keep its content.
#[utoipa::path(delete, path = "/api/files/{key}", tag = "files", operation_id = "delete_file",
    params(("key" = String, Path, description = "the file's key; may have slashes")),
    responses((status = 204, description = "deleted")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Execute)?;
    making_room(&app, || app.store.delete_file(caller.tenant(), &key)).await.named("file")?;
    crate::gc::suspect();
    Ok(StatusCode::NO_CONTENT)
}
