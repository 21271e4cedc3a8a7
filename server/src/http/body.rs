//! Request bodies: bounded, in time too, and JSON read strictly.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::{App, LARGE_BODIES_UNITS, ROOM_UNIT};
use crate::problem::Problem;

/// A JSON body as a type: of content type `application/json`, within the limit, without
/// duplicate keys or numbers that would be changed.
pub struct Json<T> {
    pub value: T,
    /// SHA-256 of the bytes.
    pub fingerprint: [u8; 32],
    /// The memory that a large one has, until the request is answered.
    pub room: Option<OwnedSemaphorePermit>,
}

/// A body of another kind, its content type with it.
pub struct RawBody {
    pub content_type: String,
    pub body: Body,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let content_type = content_type(request.headers());
        if !is_json(&content_type) {
            return Err(Problem::unsupported_media_type(format!(
                "the body has to be `application/json`, not `{}`",
                model::json::cut(&content_type, 100)
            )));
        }
        let limit = app.config.limits.body_bytes;
        let (bytes, room) = read_bounded(app, request.into_body(), limit).await?;
        let fingerprint = crate::hash::sha256(&[&bytes]);
        Ok(Self { value: parsed(&bytes)?, fingerprint, room })
    }
}

impl FromRequest<Arc<App>> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let content_type = content_type(request.headers());
        Ok(Self { content_type, body: request.into_body() })
    }
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

/// Whether a content type is JSON in UTF-8.
pub fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |part: String| match part.strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    };
    essence == "application/json" && parts.all(is_utf8)
}

/// Reads a strict JSON document as a type; what does not fit is named by its place.
pub fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::bad_request(format!(
            "the body is not UTF-8: the byte at {} is wrong",
            error.valid_up_to()
        ))
    })?;
    let value = model::json::parse(text)
        .map_err(|error| Problem::bad_request(format!("the body is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(Problem::at("", "type", "the body has to be a JSON object"));
    }
    typed(value).map_err(|problem| with_values(problem, text))
}

/// Says what was seen where a rule was broken.
fn with_values(mut problem: Problem, text: &str) -> Problem {
    let Ok(whole) = model::json::parse(text) else { return problem };
    for violation in &mut problem.violations {
        let Some(seen) = whole.pointer(&violation.pointer) else { continue };
        // Large ones are cut, and are text then.
        let shown = model::json::excerpt(seen, MAX_SHOWN_BYTES);
        violation.value =
            if shown.len() < MAX_SHOWN_BYTES { seen.clone() } else { Value::String(shown) };
    }
    problem
}

/// As `parsed`, of a document that was read already.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(error.path());
        // Names of fields are the caller's, and as long as it likes.
        let message = error.into_inner().to_string();
        Problem::at(model::json::cut(&pointer, 500), "type", model::json::cut(&message, 500))
    })
}

/// For `deserialize_with`: an object, where serde would take a list for a struct too.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(reader: D) -> Result<T, D::Error> {
    match Value::deserialize(reader)? {
        value @ Value::Object(_) => serde_json::from_value(value).map_err(D::Error::custom),
        _ => Err(D::Error::custom("expected an object")),
    }
}

/// As `object`, or null.
pub fn object_or_null<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(reader)? {
        Value::Null => Ok(None),
        value @ Value::Object(_) => {
            serde_json::from_value(value).map(Some).map_err(D::Error::custom)
        }
        _ => Err(D::Error::custom("expected an object")),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Largest value of a violation that is shown whole.
const MAX_SHOWN_BYTES: usize = 500;
/// Bodies up to this size are read without asking for room.
pub const LARGE_BODY_BYTES: usize = 64 * 1024;
/// How long a large body waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(10);

/// Reads a whole body of at most `limit` bytes, whose parts do not keep us waiting. A large
/// one has room, which is to be kept until it is parsed.
pub async fn read_bounded(
    app: &App,
    body: Body,
    limit: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let mut room = None;
    let upper = http_body::Body::size_hint(&body).upper();
    let most = upper.map_or(limit, |upper| limit.min(usize::try_from(upper).unwrap_or(limit)));
    let all = LARGE_BODIES_UNITS;
    let units = u32::try_from(most.div_ceil(ROOM_UNIT)).unwrap_or(all).clamp(1, all);
    let too_large = || Problem::too_large(format!("the body is larger than {limit} bytes"));
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    let mut first: Option<Bytes> = None;
    loop {
        let part = tokio::time::timeout(app.config.limits.body_timeout, stream.next()).await;
        let Ok(part) = part else { return Err(slow()) };
        match part {
            None => break,
            Some(Err(error)) => return Err(cut_off(&error)),
            Some(Ok(part)) => {
                let so_far = first.as_ref().map_or(whole.len(), Bytes::len);
                if so_far + part.len() > limit {
                    return Err(too_large());
                }
                if room.is_none() && so_far + part.len() > LARGE_BODY_BYTES {
                    // As much as it may come to, which is asked for once: two that wait for
                    // more of each other would wait for ever.
                    let asked = app.large_bodies.clone().acquire_many_owned(units);
                    let given = tokio::time::timeout(ROOM_WAIT, asked).await;
                    let Ok(Ok(permit)) = given else {
                        let detail = "too many large requests at a time; try again";
                        return Err(Problem::unavailable(detail).retry_after(2));
                    };
                    room = Some(permit);
                }
                // Nearly all bodies come in one part, which is not copied.
                match first.take() {
                    None if whole.is_empty() => first = Some(part),
                    None => whole.extend_from_slice(&part),
                    Some(one) => {
                        whole.extend_from_slice(&one);
                        whole.extend_from_slice(&part);
                    }
                }
            }
        }
    }
    Ok((first.unwrap_or_else(|| whole.into()), room))
}

pub fn slow() -> Problem {
    Problem::new(
        axum::http::StatusCode::REQUEST_TIMEOUT,
        "timeout",
        "the body took too long to arrive",
    )
}

pub fn cut_off(error: &dyn std::fmt::Display) -> Problem {
    tracing::debug!(%error, "a body was cut off");
    Problem::bad_request("the body ended before it was whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;x=1"]
        {
            assert!(is_json(good), "{good}");
        }
        for bad in ["", "text/json", "application/json; charset=latin1", "application/jsonp"] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            #[allow(dead_code)]
            b: u32,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[allow(dead_code)]
            a: Vec<Inner>,
        }
        let problem = parsed::<Outer>(br#"{"a": [{"b": 1}, {"b": "x"}]}"#).unwrap_err();
        assert_eq!(problem.violations[0].pointer, "/a/1/b");
        let problem = parsed::<Outer>(br#"{"a": [{"b": 1, "c": 2}]}"#).unwrap_err();
        assert!(problem.detail.contains("unknown field `c`"), "{}", problem.detail);
        for (bad, why) in [
            (&b"{\"a\": 1, \"a\": 2}"[..], "duplicate key"),
            (b"\xff", "not UTF-8"),
            (b"{", "EOF"),
            (b"1e999", "out of range"),
        ] {
            let problem = parsed::<Outer>(bad).unwrap_err();
            assert!(problem.detail.contains(why), "{}", problem.detail);
            assert_eq!(problem.status, 400);
        }
    }
}
