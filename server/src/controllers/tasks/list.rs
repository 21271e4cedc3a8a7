//! `GET /api/tasks`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::app::App;
use crate::catalog;
use crate::http::{List, Listed, Query, bounded, page};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Class, Scope, TaskFilter};
use crate::views::{State as TaskStateView, TaskView};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TasksQuery {
    #[param(inline)]
    state: Option<TaskStateView>,
    /// `function-id`, or `tenant/function-id`.
    #[param(max_length = 127)]
    function_id: Option<String>,
    /// A full version.
    #[param(max_length = 128)]
    version: Option<String>,
    /// An account.
    owner: Option<Uuid>,
    /// A batch.
    parent: Option<Uuid>,
    #[param(inline)]
    priority: Option<Class>,
    /// Whether their attempts were used up.
    dead_letter: Option<bool>,
    /// Created then or later: a time such as `2026-11-21T08:30:00Z`.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Created before then.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the answer before this one ended: its `next_cursor`.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// Tasks without their results, newest first.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", operation_id = "list_tasks",
    params(TasksQuery),
    responses((status = 200, description = "tasks", body = List<TaskView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<TasksQuery>,
) -> Result<Listed<TaskView>, Problem> {
    caller.may(Scope::Read)?;
    bounded(&[
        ("function_id", query.function_id.as_ref(), 127),
        ("version", query.version.as_ref(), 128),
    ])?;
    let page = page(query.limit, query.cursor.as_deref())?;
    let time = |name: &str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error: String| {
            Problem::invalid("invalid-query", format!("`{name}`: {error}"))
        }),
    };
    let function = match &query.function_id {
        None => None,
        // What cannot be a function's id is none's.
        Some(id) => match catalog::name(&caller, id) {
            Some(name) => Some(name),
            None => {
                let wrong = format!(
                    "`function_id`: `{}` is not a function's id",
                    model::json::cut(id, 100)
                );
                return Err(Problem::invalid("invalid-query", wrong));
            }
        },
    };
    let filter = TaskFilter {
        state: query.state.map(Into::into),
        function,
        version: query.version,
        owner: query.owner,
        parent: query.parent,
        class: query.priority,
        dead_letter: query.dead_letter,
        since: time("since", query.since)?,
        until: time("until", query.until)?,
    };
    let found = app.store.tasks(caller.tenant(), caller.viewer(), &filter, page).await?;
    Ok(axum::Json(List::of(found, |task| TaskView::new(&task, None))))
}
