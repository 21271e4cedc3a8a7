//! Server-sent events out of the database: they resume where `Last-Event-ID` says, on any
//! server, and end after the last one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::problem::Problem;
use crate::store::{Event, StoreError};

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What another process writes rings no bell here.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 200;
/// The largest that an event's number can be.
const LAST_NUMBER: u64 = i64::MAX as u64;

/// A server-sent event.
#[derive(Serialize, ToSchema)]
pub struct SseEvent {
    /// Its number, for `Last-Event-ID`.
    pub id: String,
    /// `status`, `step`, `progress`, `log` or `result`.
    pub event: String,
    /// Milliseconds to wait before connecting again.
    pub retry: u64,
    /// JSON: `{"at": time, "data": {...}}`.
    pub data: String,
}

/// What is followed.
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// Whether nothing can follow any more.
    async fn is_over(&self, app: &App) -> Result<bool, StoreError>;

    /// An event's data as it is sent.
    async fn data(&self, app: &App, event: &Event) -> serde_json::Value;
}

/// The number after which to begin: the header's, or the one in the query for those who
/// cannot send headers.
pub fn last_event_id(headers: &HeaderMap, query: Option<u64>) -> Result<u64, Problem> {
    // Looked at whichever of the two counts.
    if query.is_some_and(|number| number > LAST_NUMBER) {
        let message = format!("no event has a number above {LAST_NUMBER}");
        return Err(Problem::invalid("invalid-query", message));
    }
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").trim());
    match header {
        // A browser that has none sends an empty one.
        None | Some("") => Ok(query.unwrap_or(0)),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let number = text.parse().ok().filter(|number| *number <= LAST_NUMBER);
            number.ok_or_else(no_number)
        }
        Some(_) => Err(no_number()),
    }
}

fn no_number() -> Problem {
    Problem::bad_request("`Last-Event-ID` is not an event's number")
}

/// Streams the events of a subject from a number on.
pub fn follow(
    app: Arc<App>,
    id: Uuid,
    after: u64,
    subject: impl Subject,
) -> Result<Response, Problem> {
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::unavailable("too many event streams are open; try again").retry_after(5)
    })?;
    let ear = app.signals.listen(id);
    let state =
        State { app, id, after, subject, ear, pending: Vec::new(), over: false, _permit: permit };
    let events = stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(Some(event)) => Some((Ok::<_, Infallible>(event), Some(state))),
            Ok(None) => None,
            // The client comes again, with the number of the last one that it has.
            Err(error) => {
                tracing::warn!(%error, "an event stream was cut");
                None
            }
        }
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("ping");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

struct State<S> {
    app: Arc<App>,
    id: Uuid,
    after: u64,
    subject: S,
    ear: crate::tasks::Ear,
    /// Read, and not sent yet; the next one last.
    pending: Vec<Event>,
    over: bool,
    /// Given back with the stream.
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl<S: Subject> State<S> {
    async fn next(&mut self) -> Result<Option<sse::Event>, StoreError> {
        loop {
            if let Some(event) = self.pending.pop() {
                self.after = event.number;
                let data = self.subject.data(&self.app, &event).await;
                let data = json!({"at": event.at, "data": data});
                let sent = sse::Event::default()
                    .id(event.number.to_string())
                    .event(event.kind.as_str())
                    .retry(RETRY)
                    .data(data.to_string());
                return Ok(Some(sent));
            }
            if self.over {
                return Ok(None);
            }
            // Looked at before the events are read, so that none is missed at the end.
            let over = self.subject.is_over(&self.app).await?;
            let mut events = self.app.store.events(self.id, self.after, AT_ONCE).await?;
            if events.is_empty() {
                if over || self.app.dispatcher.is_stopping() {
                    self.over = true;
                    continue;
                }
                let _ = tokio::time::timeout(LOOK_AGAIN, self.ear.rung()).await;
                continue;
            }
            events.reverse();
            self.pending = events;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_counts_or_else_the_query() {
        let most = i64::MAX as u64;
        let above = (most + 1).to_string();
        for (header, query, expected) in [
            (None, None, Ok(0)),
            (None, Some(7), Ok(7)),
            (Some(""), Some(7), Ok(7)),
            (Some(" 9 "), Some(7), Ok(9)),
            // Also what does not count is looked at.
            (Some("9"), Some(u64::MAX), Err(422)),
            (None, Some(most), Ok(most)),
            (None, Some(most + 1), Err(422)),
            (Some(""), Some(u64::MAX), Err(422)),
            (Some(above.as_str()), None, Err(400)),
            (Some("99999999999999999999999"), Some(1), Err(400)),
            (Some("nine"), Some(1), Err(400)),
            (Some("-1"), None, Err(400)),
            (Some("+1"), None, Err(400)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(text) = header {
                headers.insert("last-event-id", HeaderValue::from_str(text).unwrap());
            }
            let found = last_event_id(&headers, query).map_err(|problem| problem.status.as_u16());
            assert_eq!(found, expected, "{header:?} {query:?}");
        }
    }
}
