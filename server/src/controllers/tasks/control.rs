//! `POST /api/tasks/{id}/cancel`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::show::find;
use crate::app::App;
use crate::controllers::functions::execute::{progress, under_way};
use crate::controllers::making_room;
use crate::http::Path;
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::Scope;
use crate::tasks::Progress;
use crate::views::TaskView;

/// Cancels a task: one that waits ends at once, one that runs is stopped within moments. One
/// that has ended stays as it is: 409.
#[utoipa::path(post, path = "/api/tasks/{id}/cancel", tag = "tasks",
    operation_id = "cancel_task",
    params(("id" = Uuid, Path, description = "the task")),
    responses(
        (status = 200, description = "the task is cancelled", body = TaskView),
        (status = 202, description = "the task is being stopped", body = TaskView,
            headers(("location" = String, description = "the task"))),
    ))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.may(Scope::Execute)?;
    find(&app, &caller, id).await?;
    let cancel = || app.dispatcher.cancel(caller.tenant(), id);
    let task = making_room(&app, cancel).await.named("task")?;
    if task.life.state.is_final() {
        return Ok(progress(Progress::Ended(app.dispatcher.shown(task).await?)));
    }
    Ok(under_way(&task))
}
