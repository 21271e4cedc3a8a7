//! `GET /api/tasks/{id}/events`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::show::find;
use crate::app::App;
use crate::controllers::deployments::EventsQuery;
use crate::http::sse::{self, SseEvent};
use crate::http::{Path, Query};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Event, EventKind, Scope, StoreError};
use crate::views::SHOWN_RESULT_BYTES;

/// Follows a task: `status`, `progress`, `log` and, if it completes, `result` events. Ends
/// after the last one; goes on after `Last-Event-ID`.
#[utoipa::path(get, path = "/api/tasks/{id}/events", tag = "tasks",
    operation_id = "follow_task",
    params(("id" = Uuid, Path, description = "the task"), EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "go on after this one")),
    responses((status = 200, description = "server-sent events", body = SseEvent,
        content_type = "text/event-stream")))]
pub async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    find(&app, &caller, id).await?;
    let after = sse::last_event_id(&headers, query.last_event_id)?;
    let subject = Followed { tenant: caller.tenant().to_owned(), id };
    sse::follow(app, id, after, subject)
}

struct Followed {
    tenant: String,
    id: Uuid,
}

#[async_trait]
impl sse::Subject for Followed {
    async fn is_over(&self, app: &App) -> Result<bool, StoreError> {
        Ok(app.store.task(&self.tenant, None, self.id).await?.life.state.is_final())
    }

    /// The result itself is stored once, with the task.
    async fn data(&self, app: &App, event: &Event) -> Value {
        if event.kind != EventKind::Result {
            return event.data.clone();
        }
        let url = format!("/api/tasks/{}/results", self.id);
        let result = async {
            let task = app.store.task(&self.tenant, None, self.id).await.ok()?;
            if task.result_bytes? > SHOWN_RESULT_BYTES {
                return None;
            }
            app.dispatcher.shown(task).await.ok()?.result
        };
        match result.await {
            Some(result) => json!({"result": result, "url": url}),
            None => json!({"url": url}),
        }
    }
}
