//! One attempt to deliver: a signed POST to a target, and what came of it.
//!
//! Not here: attempts after it ([`super::schedule`]), and what is kept of them.

use std::{
    error::Error,
    iter,
    time::{Duration, Instant},
};

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect, retry,
};

use super::{
    resolve::{PolicyResolver, ResolveError},
    schedule::LONGEST_WAIT,
    sign::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER, sign},
    target::{NOT_PUBLIC, Target, TargetPolicy},
};

const USER_AGENT: &str = concat!("mecapy-webhooks/", env!("CARGO_PKG_VERSION"));

/// What is read of an answer: enough for its sender to finish a usual one. It is not kept.
const MAX_ANSWER_BYTES: usize = 4 * 1024;

const MAX_ERROR_CHARS: usize = 300;

#[derive(Debug, Clone, Copy)]
struct Timeouts {
    /// For the name, the connection and TLS.
    connect: Duration,
    /// For all of it: what Standard Webhooks advises is 15 to 30 seconds.
    whole: Duration,
}

const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), whole: Duration::from_secs(15) };

/// Sends deliveries. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
    policy: TargetPolicy,
    timeouts: Timeouts,
}

/// The client could not be made: above all when the system has no certificates of authorities
/// (Debian's `ca-certificates`), even if all targets are plain http.
#[derive(Debug, thiserror::Error)]
#[error("webhooks cannot be sent from here")]
pub struct SenderError(#[from] reqwest::Error);

/// One delivery, as it is at each of its attempts but for the time.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Unique, without a dot, and the same at each attempt: receivers know repeats by it.
    pub id: &'a str,
    pub url: &'a str,
    /// The newest first; more than one while they rotate.
    pub secrets: &'a [Secret],
    /// JSON.
    pub body: &'a [u8],
    /// The time of this attempt, in seconds since 1970.
    pub timestamp_seconds: i64,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The target's answer, if it gave one.
    pub status: Option<u16>,
    /// Why the attempt failed, for the webhook's owner: neither secrets nor the URL are in it.
    pub error: Option<String>,
    pub duration: Duration,
    /// How long the target asks to be left alone: not longer than [`LONGEST_WAIT`].
    pub retry_after: Option<Duration>,
}

impl Attempt {
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the target wants no more of these, ever: the webhook is to be disabled.
    pub fn is_final(&self) -> bool {
        self.status == Some(StatusCode::GONE.as_u16())
    }
}

impl Sender {
    /// # Errors
    /// When the system has no certificates of authorities.
    pub fn new(policy: TargetPolicy) -> Result<Self, SenderError> {
        Self::with_timeouts(policy, TIMEOUTS)
    }

    fn with_timeouts(policy: TargetPolicy, timeouts: Timeouts) -> Result<Self, SenderError> {
        // An error says that the process has a provider already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(PolicyResolver::new(policy))
            // A proxy would resolve names itself, and a redirect is not checked as targets are.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            // Deliveries to one target are rare; a connection that it closed meanwhile would
            // count as a failure of its own.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, policy, timeouts })
    }

    /// Sends once. Whatever happens is an attempt; dropping the future drops the connection,
    /// and the target may have had the delivery all the same.
    pub async fn send(&self, delivery: &Delivery<'_>) -> Attempt {
        let started = Instant::now();
        let (status, error, retry_after) = match self.checked_post(delivery).await {
            Err(error) => (None, Some(error), None),
            Ok(answer) => {
                let status = answer.status();
                let error = failure(status);
                let retry_after = error
                    .is_some()
                    .then(|| retry_after(answer.headers().get(RETRY_AFTER), delivery))
                    .flatten();
                read_some(answer).await;
                (Some(status.as_u16()), error, retry_after)
            }
        };
        Attempt { status, error, duration: started.elapsed(), retry_after }
    }

    async fn checked_post(&self, delivery: &Delivery<'_>) -> Result<Response, String> {
        // At each attempt: URLs that were stored under another policy are checked as well.
        let target =
            Target::parse(delivery.url, &self.policy).map_err(|error| error.to_string())?;
        self.post(&target, delivery).await
    }

    async fn post(&self, target: &Target, delivery: &Delivery<'_>) -> Result<Response, String> {
        let Delivery { id, secrets, body, timestamp_seconds, .. } = *delivery;
        if secrets.is_empty() {
            return Err("the webhook has no secret to sign with".into());
        }
        let id_value = HeaderValue::from_str(id)
            .map_err(|_| "the delivery's id does not fit in a header".to_string())?;
        self.client
            .post(target.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, id_value)
            .header(TIMESTAMP_HEADER, timestamp_seconds)
            .header(SIGNATURE_HEADER, sign(secrets, id, timestamp_seconds, body))
            .body(body.to_vec())
            .send()
            .await
            .map_err(|error| self.describe(error))
    }

    fn describe(&self, error: reqwest::Error) -> String {
        // URLs of webhooks often hold a token.
        let error = error.without_url();
        let chain = || iter::successors(Some(&error as &dyn Error), |&error| error.source());
        match chain().find_map(|error| error.downcast_ref()) {
            Some(ResolveError::NotPublic) => return NOT_PUBLIC.into(),
            Some(unresolved @ ResolveError::Unresolved(_)) => return unresolved.to_string(),
            None => {}
        }
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => format!("no connection within {:?}", self.timeouts.connect),
            (false, true) => format!("no answer within {:?}", self.timeouts.whole),
            (connecting, false) => {
                let cause = chain().last().map(ToString::to_string).unwrap_or_default();
                let what = if connecting { "no connection" } else { "no answer" };
                format!("{what}: {cause}").chars().take(MAX_ERROR_CHARS).collect()
            }
        }
    }
}

fn failure(status: StatusCode) -> Option<String> {
    if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!(
            "the target answered with status {}; redirects are not followed",
            status.as_u16()
        ))
    } else {
        Some(format!("the target answered with status {}", status.as_u16()))
    }
}

/// `Retry-After` in its two forms: seconds, or a date.
fn retry_after(value: Option<&HeaderValue>, delivery: &Delivery<'_>) -> Option<Duration> {
    let text = value?.to_str().ok()?.trim();
    let seconds = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()?
    } else {
        let date = DateTimeParser::new().parse_timestamp(text).ok()?;
        u64::try_from(date.as_second().saturating_sub(delivery.timestamp_seconds)).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The status has been given: whatever becomes of the rest changes nothing.
async fn read_some(mut answer: Response) {
    let mut read = 0;
    while read < MAX_ANSWER_BYTES
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

#[cfg(test)]
mod tests;
