//! `DELETE /api/functions/{id}` and of one version.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::controllers::{Trail, audit, making_room};
use crate::http::Path;
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Function, Scope, Visibility};

/// Retires a function with all its versions; later calls are answered 410.
#[utoipa::path(delete, path = "/api/functions/{id}", tag = "functions",
    operation_id = "delete_function",
    params(("id" = String, Path, description = "the function's id")),
    responses((status = 204, description = "retired")))]
pub async fn function(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Deploy)?;
    let found = app.catalog.visible(&caller, &id, None).await?;
    check(&caller, &found)?;
    let delete = || app.store.delete_function(&found.name, app.clock.now());
    making_room(&app, delete).await.named("function")?;
    crate::gc::suspect();
    app.catalog.forget();
    audit(&app, &caller, &trail, "function.delete", &found.name.id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Retires one version, given in full; `latest` is then the one deployed before it.
#[utoipa::path(delete, path = "/api/functions/{id}/versions/{version}", tag = "functions",
    operation_id = "delete_version",
    params(
        ("id" = String, Path, description = "the function's id"),
        ("version" = String, Path, description = "in full: `1.0.0-a3f2b8c1d4e5`"),
    ),
    responses((status = 204, description = "retired")))]
pub async fn version(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path((id, version)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Deploy)?;
    // Deleting what a short version means now would delete another one a second time.
    let Ok(exact) = version.parse::<model::PackageVersion>() else {
        return Err(Problem::not_found("version; give it in full"));
    };
    let found = app.catalog.visible(&caller, &id, Some(&version)).await?;
    check(&caller, &found)?;
    let delete = || app.store.delete_release(&found.name, &exact, app.clock.now());
    making_room(&app, delete).await.named("version")?;
    crate::gc::suspect();
    app.catalog.forget();
    let target = format!("{} {version}", found.name.id);
    audit(&app, &caller, &trail, "version.delete", &target).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check(caller: &Caller, found: &Function) -> Result<(), Problem> {
    if found.name.tenant != caller.tenant() {
        return Err(Problem::forbidden("the function is another tenant's"));
    }
    let is_owner = caller.is_admin() || found.owner == caller.id();
    if found.visibility == Visibility::Private && !is_owner {
        return Err(Problem::not_found("function"));
    }
    Ok(())
}
