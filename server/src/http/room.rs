//! While what was held back of the disk is given up, nothing new is taken.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// Refuses what would fill the space that deletions and cancellations have been given.
pub async fn with_room(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if takes_room(request.method(), request.uri().path()) && !app.reserve.ensure() {
        return Problem::full().into_response();
    }
    next.run(request).await
}

fn takes_room(method: &Method, path: &str) -> bool {
    let makes_some = method.is_safe() || *method == Method::DELETE || path.ends_with("/cancel");
    !makes_some
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_room_is_let_in() {
        for (method, path, expected) in [
            (Method::POST, "/api/functions", true),
            (Method::PUT, "/api/uploads", true),
            (Method::PATCH, "/api/functions/a", true),
            (Method::POST, "/api/tasks/1/cancel", false),
            (Method::DELETE, "/api/files/a", false),
            (Method::GET, "/api/files", false),
            (Method::HEAD, "/api/files", false),
        ] {
            assert_eq!(takes_room(&method, path), expected, "{method} {path}");
        }
    }
}
