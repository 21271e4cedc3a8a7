//! `GET /api/functions/{id}/versions`, one of them, and its source.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::callable;
use crate::http::{List, ListQuery, Listed, Path, Query};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::Scope;
use crate::views::VersionView;

/// A function's versions, the one deployed last first.
#[utoipa::path(get, path = "/api/functions/{id}/versions", tag = "functions",
    operation_id = "list_versions",
    params(("id" = String, Path, description = "`function-id`, or `tenant/function-id`"), ListQuery),
    responses((status = 200, description = "versions", body = List<VersionView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<VersionView>, Problem> {
    caller.may(Scope::Read)?;
    let page = query.page()?;
    let found = app.catalog.visible(&caller, &id, None).await?;
    let page = app.store.releases(&found.name, page).await.named("function")?;
    Ok(axum::Json(List::of(page, |found| VersionView::new(&caller, &found))))
}

/// One version: also `latest`, `1` or `1.0`.
#[utoipa::path(get, path = "/api/functions/{id}/versions/{version}", tag = "functions",
    operation_id = "get_version",
    params(
        ("id" = String, Path, description = "`function-id`, or `tenant/function-id`"),
        ("version" = String, Path, description = "`1.0.0-a3f2b8c1d4e5`, `1.0.0`, `1`, `latest`"),
    ),
    responses((status = 200, description = "the version", body = VersionView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, version)): Path<(String, String)>,
) -> Result<axum::Json<VersionView>, Problem> {
    caller.may(Scope::Read)?;
    let found = find(&app, &caller, &id, &version).await?;
    Ok(axum::Json(VersionView::new(&caller, &found)))
}

/// The version's files as a ZIP.
#[utoipa::path(get, path = "/api/functions/{id}/versions/{version}/source", tag = "functions",
    operation_id = "get_source",
    params(
        ("id" = String, Path, description = "the function's id"),
        ("version" = String, Path, description = "`1.0.0-a3f2b8c1d4e5`, `1.0.0`, `1`, `latest`"),
    ),
    responses((status = 200, description = "a ZIP", body = Vec<u8>,
        content_type = "application/zip")))]
pub async fn source(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let found = find(&app, &caller, &id, &version).await?;
    // To call a public function is not to have its source.
    if found.name.tenant != caller.tenant() {
        return Err(Problem::not_found("source: it is another tenant's function"));
    }
    let (blobs, key) = (app.blobs.clone(), found.release.source);
    let zip = tokio::task::spawn_blocking(move || {
        let ((), tree) = callable::unpacked(&blobs, &key)?;
        package::archive::write_zip(&tree).map_err(|error| Problem::internal(&error))
    })
    .await
    .map_err(|error| Problem::internal(&error))??;
    let name = format!("{}-{}.zip", found.release.package, found.release.version);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, zip).into_response())
}

async fn find(
    app: &App,
    caller: &Caller,
    id: &str,
    version: &str,
) -> Result<Arc<crate::store::Function>, Problem> {
    // In a path, what is no version names none.
    let is_version = crate::catalog::query(Some(version)).is_ok();
    if !is_version {
        return Err(Problem::not_found("version"));
    }
    app.catalog.visible(caller, id, Some(version)).await
}
