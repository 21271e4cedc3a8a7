//! `GET /api/functions`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::http::{List, Listed, Query, bounded, page};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{FunctionFilter, Scope};
use crate::views::FunctionView;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FunctionsQuery {
    /// In id, description, package, tags or category.
    #[param(max_length = 256)]
    q: Option<String>,
    #[param(max_length = 64)]
    tag: Option<String>,
    #[param(max_length = 64)]
    category: Option<String>,
    #[param(max_length = 63)]
    package: Option<String>,
    /// Other tenants' public functions too.
    public: Option<bool>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the answer before this one ended: its `next_cursor`.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// Functions with their latest version, by id.
#[utoipa::path(get, path = "/api/functions", tag = "functions", operation_id = "list_functions",
    params(FunctionsQuery),
    responses((status = 200, description = "functions", body = List<FunctionView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<FunctionsQuery>,
) -> Result<Listed<FunctionView>, Problem> {
    caller.may(Scope::Read)?;
    bounded(&[
        ("q", query.q.as_ref(), 256),
        ("tag", query.tag.as_ref(), 64),
        ("category", query.category.as_ref(), 64),
        ("package", query.package.as_ref(), 63),
    ])?;
    let page = page(query.limit, query.cursor.as_deref())?;
    let filter = FunctionFilter {
        text: query.q,
        tag: query.tag,
        category: query.category,
        package: query.package,
        public: query.public.unwrap_or(false),
    };
    let found = app.store.functions(caller.tenant(), caller.viewer(), &filter, page).await?;
    Ok(axum::Json(List::of(found, |found| FunctionView::new(&caller, &found))))
}
