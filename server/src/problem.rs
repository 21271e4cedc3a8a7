//! What goes wrong, as HTTP says it: RFC 9457 problem documents. The one module that knows
//! status codes.

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::Violation;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::blobs::BlobError;
use crate::callable::CallableError;
use crate::store::StoreError;

/// What a store says of a key that no page of the list ended with.
const CURSOR: &str = "the cursor is not valid";

/// What a problem's `type` begins with; the slug follows.
pub const TYPE_PREFIX: &str = "urn:mecapy:problem:";
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A request that was not done, and why. Answered as a document by `http::finish`, which
/// knows the request.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable: clients tell problems apart by it.
    pub slug: &'static str,
    pub detail: String,
    pub violations: Vec<Violation>,
    /// Other members, such as what is wrong with a package.
    pub members: Map<String, Value>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Certain, whatever the status says: the same request again begins anew.
    pub nothing_made: bool,
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    pub fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            slug,
            detail: detail.into(),
            violations: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            nothing_made: false,
        }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// The same answer for what is not there and for what is another's.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .header(WWW_AUTHENTICATE, "Bearer realm=\"mecapy\"")
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub fn invalid(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, detail)
    }

    /// One rule broken at one place of the body.
    pub fn at(pointer: impl Into<String>, rule: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let violation = Violation {
            pointer: pointer.into(),
            rule: rule.to_owned(),
            message: message.clone(),
            value: Value::Null,
        };
        Self::invalid("invalid-request", message).violations(vec![violation])
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// Not now, for the caller's own doing.
    pub fn too_many(detail: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .retry_after(retry_after_seconds)
    }

    /// Not now, for ours.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
    }

    pub fn full() -> Self {
        crate::gc::suspect();
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage-full",
            "no space is left on the server; nothing was stored",
        )
        .retry_after(30)
    }

    /// Our mistake; the chain is in the log, and none of it here.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server made a mistake; it is in its log, under this request's id",
        )
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, &seconds.max(1).to_string())
    }

    pub fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    pub fn member(mut self, name: &str, value: impl Serialize) -> Self {
        self.members.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// The whole answer.
    pub fn respond(&self, instance: &str, request_id: &str) -> Response {
        let document = Document {
            r#type: format!("{TYPE_PREFIX}{}", self.slug),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            violations: &self.violations,
            members: &self.members,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let content_type = HeaderValue::from_static(CONTENT_TYPE);
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, content_type);
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    /// What a status says where nothing else is known: answers that the router makes itself.
    pub fn of_status(status: StatusCode) -> Self {
        let (slug, detail) = match status {
            StatusCode::NOT_FOUND => ("not-found", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method-not-allowed", "this address does not know that method; see `Allow`")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported-media-type", "the body's content type is not one of this address's")
            }
            StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long to arrive"),
            StatusCode::UNPROCESSABLE_ENTITY => ("invalid-request", "the request is not valid"),
            StatusCode::INTERNAL_SERVER_ERROR => ("internal", "the server made a mistake"),
            _ => ("bad-request", "the request is not valid"),
        };
        Self::new(status, slug, detail)
    }

    /// Keeps a header that the answer had already.
    pub fn keeping_allow(self, allow: Option<&HeaderValue>) -> Self {
        match allow.and_then(|allow| allow.to_str().ok()) {
            Some(allow) => self.header(ALLOW, allow),
            None => self,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found("thing"),
            StoreError::Conflict(message) if message == CURSOR => {
                Self::invalid("invalid-query", "`cursor` is not one that this list answered")
            }
            StoreError::Conflict(message) => Self::conflict(message),
            StoreError::Refused(refused) => Self::conflict(refused.to_string()),
            StoreError::Full => Self::full(),
            StoreError::Unavailable(message) => {
                tracing::warn!(%message, "the database is unavailable");
                crate::gc::suspect();
                Self::unavailable("the database does not answer; try again")
            }
            StoreError::Corrupt(message) => Self::internal(&message),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound => Self::not_found("object"),
            BlobError::TooLarge { limit } => {
                Self::too_large(format!("the content is larger than {limit} bytes"))
            }
            BlobError::Full => Self::full(),
            BlobError::Unavailable(message) => {
                tracing::warn!(%message, "the object store is unavailable");
                Self::unavailable("the object store does not answer; try again")
            }
            error @ BlobError::Corrupt(_) => Self::internal(&error),
        }
    }
}

impl From<CallableError> for Problem {
    fn from(error: CallableError) -> Self {
        match error {
            CallableError::Blobs(BlobError::NotFound) => {
                Self::internal(&"an object of a release is missing")
            }
            CallableError::Blobs(error) => error.into(),
            error @ CallableError::Corrupt(_) => Self::internal(&error),
        }
    }
}

/// Names what a store did not find.
pub trait Named<T> {
    fn named(self, what: &str) -> Result<T, Problem>;
}

impl<T> Named<T> for Result<T, StoreError> {
    fn named(self, what: &str) -> Result<T, Problem> {
        self.map_err(|error| match error {
            StoreError::NotFound => Problem::not_found(what),
            error => error.into(),
        })
    }
}
