//! What every request has: an id, an address, a path and a query; and the layer that every
//! answer passes.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::StreamExt;
use http_body::{Body as _, Frame, SizeHint};
use serde::de::DeserializeOwned;
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::{self, Problem};

const HEADER: &str = "x-request-id";
/// Longest id that a caller may give.
const MAX_ID_BYTES: usize = 128;

/// The request's id: the caller's own, if it is a sane one, else a new one.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Marks an answer that is no problem, whatever its status.
#[derive(Clone, Copy)]
pub struct Plain;

/// Puts the layer around all routes.
pub fn wrap<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn(finish))
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    use axum::response::IntoResponse;
    Problem::internal(&"a controller panicked").into_response()
}

/// Gives the request its id, and an answer that is an error its document.
async fn finish(mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(HEADER)
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES)
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()));
    let id = given.map_or_else(|| crate::store::new_id().to_string(), str::to_owned);
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    let read = if request.version() < Version::HTTP_2 { watched(&mut request) } else { None };
    let began = std::time::Instant::now();
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        response = problem.respond(&path, &id);
    } else if response.extensions().get::<Plain>().is_none()
        && (status.is_client_error() || status.is_server_error())
    {
        let is_ours = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(problem::CONTENT_TYPE.as_bytes()));
        if !is_ours {
            let allow = response.headers().get(header::ALLOW).cloned();
            response = Problem::of_status(status).keeping_allow(allow.as_ref()).respond(&path, &id);
        }
    }
    let took = began.elapsed();
    metrics::histogram!("mecapy_http_request_seconds", "method" => method.to_string(),
        "status" => response.status().as_u16().to_string())
    .record(took.as_secs_f64());
    tracing::debug!(%method, %path, status = response.status().as_u16(), request_id = %id,
        took_ms = took.as_secs_f64() * 1e3, "request");
    // What is left of a body would be read as the next request: the connection ends, and
    // says so.
    if read.is_some_and(|read| !read.load(Ordering::Acquire)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Watches whether the request's body, if it has one, is read to its end.
fn watched(request: &mut Request) -> Option<Arc<AtomicBool>> {
    if request.body().is_end_stream() {
        return None;
    }
    let read = Arc::new(AtomicBool::new(false));
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = Body::new(Watched { body, read: read.clone() });
    Some(read)
}

struct Watched {
    body: Body,
    read: Arc<AtomicBool>,
}

/// Left of a body that is read, and thrown away, after the answer: closing a connection on
/// what its client still sends could lose the answer on its way.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(2);

impl Drop for Watched {
    fn drop(&mut self) {
        if self.read.load(Ordering::Acquire) {
            return;
        }
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
        let mut rest = std::mem::take(&mut self.body).into_data_stream();
        handle.spawn(tokio::time::timeout(LINGER, async move {
            let mut left = LINGER_BYTES;
            while let Some(Ok(part)) = rest.next().await {
                left = left.saturating_sub(part.len());
                if left == 0 {
                    break;
                }
            }
        }));
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.read.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// Where the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub Option<SocketAddr>);

impl<S: Sync> FromRequestParts<S> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(connection.map(|ConnectInfo(address)| *address)))
    }
}

/// Parts of the path; what cannot be read names nothing.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(Problem::not_found("thing: the address has a part that names nothing")),
        }
    }
}

/// The query, unknown parameters refused by its type.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => {
                let text = error.body_text();
                let why =
                    text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Problem::invalid("invalid-query", format!("the query is not valid: {why}")))
            }
        }
    }
}
