//! `Prefer: wait=N` and `respond-async` (RFC 7240): how long a caller waits for an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::Problem;

/// How long the caller wants to wait; nothing said is `None`. Bounded by the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub Option<Duration>);

impl FromRequestParts<Arc<App>> for Wait {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let lines = parts.headers.get_all("prefer").iter();
        let text: Vec<&str> = lines.filter_map(|value| value.to_str().ok()).collect();
        Ok(Self(wait(&text.join(",")).map(|wait| wait.min(app.config.limits.max_wait))))
    }
}

/// Preferences that are not understood are ignored, as the RFC says.
fn wait(prefer: &str) -> Option<Duration> {
    let mut wait = None;
    for preference in prefer.split(',') {
        // A preference may have parameters, after a semicolon.
        let preference = preference.split(';').next().unwrap_or_default().trim();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        if name.trim().eq_ignore_ascii_case("wait") {
            let seconds = value.trim().trim_matches('"').parse::<u32>();
            wait = wait.or(seconds.ok().map(|seconds| Duration::from_secs(seconds.into())));
        } else if name.trim().eq_ignore_ascii_case("respond-async") {
            wait = wait.or(Some(Duration::ZERO));
        }
    }
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (text, expected) in [
            ("", None),
            ("wait=10", seconds(10)),
            ("Wait = \"5\"", seconds(5)),
            ("respond-async", seconds(0)),
            ("handling=lenient, wait=7; x=1", seconds(7)),
            ("wait=-1", None),
            ("wait=99999999999999", None),
        ] {
            assert_eq!(wait(text), expected, "{text}");
        }
    }
}
