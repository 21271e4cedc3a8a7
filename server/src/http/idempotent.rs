//! `Idempotency-Key`: the same request again is answered as the first was, and makes nothing
//! a second time.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::app::App;
use crate::hash;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Answer, KeyState, new_id};

const HEADER: &str = "idempotency-key";
const MAX_KEY_BYTES: usize = 255;
/// Headers of an answer that are given again.
const KEPT: [&str; 4] = ["content-type", "location", "etag", "preference-applied"];
/// Larger answers are not kept: the request is refused a second time.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// The request's key, if it has one.
pub struct Key(Option<String>);

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| {
            !key.is_empty()
                && key.len() <= MAX_KEY_BYTES
                && key.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match key {
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => Err(Problem::bad_request(format!(
                "`Idempotency-Key` has to be 1 to {MAX_KEY_BYTES} printable ASCII characters, no spaces"
            ))),
        }
    }
}

/// Does what makes something, once for a key. `make` is given the id of what it makes; with
/// an id that is there already, it makes nothing and answers with what is there.
///
/// `request`: what tells requests apart, such as the route and a hash of the body.
pub async fn once<'a>(
    app: &'a Arc<App>,
    caller: &'a Caller,
    key: Key,
    request: &[&[u8]],
    make: impl FnOnce(Uuid) -> BoxFuture<'a, Result<Response, Problem>>,
) -> Result<Response, Problem> {
    let Key(Some(key)) = key else { return make(new_id()).await };
    let fingerprint = hash::sha256(request);
    let (account, now) = (caller.id(), app.clock.now());
    let under_way = || {
        Problem::conflict("a request with this `Idempotency-Key` is under way; try again")
            .retry_after(1)
    };
    // Taken before the database is asked, so that of two requests at once one goes on. Given
    // back also if the caller hangs up, whose next request then finds what this one made.
    let mine = app.keys.take(account, &key);
    let begun = app.store.begin_key(account, &key, fingerprint, new_id(), app.process, now).await?;
    let id = match begun {
        // The one that has it here finds the row, and goes on.
        KeyState::Begun { .. } if mine.is_none() => return Err(under_way()),
        KeyState::Begun { resource } => resource,
        KeyState::Answered(answer) => return again(answer),
        KeyState::Different => {
            return Err(Problem::invalid(
                "idempotency-key-reused",
                "this `Idempotency-Key` was used with another request",
            ));
        }
        KeyState::UnderWay { resource, holder } => {
            // A process that is gone left it, or a caller who hung up: what was made, if it
            // was made, is under this id.
            let is_left = mine.is_some()
                && (holder == app.process
                    || app.store.take_over_key(account, &key, holder, app.process).await?);
            if !is_left {
                return Err(under_way());
            }
            resource
        }
    };
    let made = make(id).await;
    match made {
        // Something may have been made before it went wrong: the next request with the key
        // finds it under the same id.
        Err(problem) if problem.status.is_server_error() && !problem.nothing_made => Err(problem),
        // Nothing was made: the request may be sent again, corrected or later.
        Err(problem) => {
            app.store.release_key(account, &key).await?;
            Err(problem)
        }
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, MAX_ANSWER_BYTES)
                .await
                .map_err(|error| Problem::internal(&error))?;
            let kept = KEPT.iter().filter_map(|name| {
                let value = parts.headers.get(*name)?.to_str().ok()?;
                Some(((*name).to_owned(), value.to_owned()))
            });
            let answer = Answer {
                status: parts.status.as_u16(),
                headers: kept.collect(),
                body: String::from_utf8_lossy(&bytes).into_owned(),
            };
            app.store.answer_key(account, &key, answer).await?;
            Ok(Response::from_parts(parts, Body::from(bytes)))
        }
    }
}

/// Keys whose requests this process is serving.
#[derive(Clone, Default)]
pub struct Keys {
    taken: Arc<Mutex<HashSet<(Uuid, String)>>>,
}

/// A key, until this is dropped.
struct Taken {
    keys: Keys,
    key: (Uuid, String),
}

impl Keys {
    /// Nothing if another request has it.
    fn take(&self, account: Uuid, key: &str) -> Option<Taken> {
        let key = (account, key.to_owned());
        let is_free = self.taken.lock().insert(key.clone());
        is_free.then(|| Taken { keys: self.clone(), key })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.keys.taken.lock().remove(&self.key);
    }
}

fn again(answer: Answer) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|error| Problem::internal(&error))?;
    let mut response = (status, answer.body).into_response();
    response.headers_mut().remove("content-type");
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}
