//! From a request's token to its caller.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use moka::future::Cache;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::token;
use crate::app::App;
use crate::clock::{SharedClock, Time};
use crate::config::Quotas;
use crate::http::Address;
use crate::problem::Problem;
use crate::remembered::Remembered;
use crate::store::{Account, Role, Scope, Scopes, Store, StoreError, Tenant, Token};

/// How long a token is taken to be what it was. A token that another process revokes is
/// refused after this at the latest; one that this process revokes, at once.
const REMEMBERED: Duration = Duration::from_secs(2);
const MOST_REMEMBERED: u64 = 100_000;
/// Uses that wait to be written.
const MOST_NOTED: usize = 10_000;

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: Arc<Account>,
    pub tenant: Arc<Tenant>,
    /// What both the role and the token allow.
    pub scopes: Scopes,
}

impl Caller {
    pub fn id(&self) -> Uuid {
        self.account.id
    }

    pub fn tenant(&self) -> &str {
        &self.account.tenant
    }

    pub fn is_admin(&self) -> bool {
        self.account.role == Role::Admin && self.scopes.has(Scope::Admin)
    }

    /// Whose private things are shown: `None` is everybody's.
    pub fn viewer(&self) -> Option<Uuid> {
        if self.is_admin() { None } else { Some(self.id()) }
    }

    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        let needed = scope.as_str();
        Err(Problem::forbidden(format!(
            "this needs the scope `{needed}`, which the token does not have or the role `{}` does \
             not include",
            self.account.role.as_str()
        )))
    }
}

type Known = Arc<(Token, Arc<Account>, Arc<Tenant>)>;

pub struct Authenticator {
    store: Arc<dyn Store>,
    clock: SharedClock,
    known: Remembered<String, Known>,
    /// When tokens were used, until it is written.
    used: Mutex<Vec<(String, Time)>>,
    requests: DefaultKeyedRateLimiter<Uuid>,
    failures: DefaultKeyedRateLimiter<IpAddr>,
}

impl Authenticator {
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, quotas: &Quotas) -> Self {
        let one = NonZeroU32::MIN;
        let requests = Quota::per_second(quotas.requests_per_second)
            .allow_burst(quotas.requests_burst.max(one));
        Self {
            store,
            clock,
            known: Remembered::new(
                Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            ),
            used: Mutex::default(),
            requests: DefaultKeyedRateLimiter::keyed(requests),
            failures: DefaultKeyedRateLimiter::keyed(Quota::per_minute(
                quotas.failed_logins_per_minute,
            )),
        }
    }

    /// Whoever holds this token.
    pub async fn caller(&self, text: &str, address: Option<IpAddr>) -> Result<Caller, Problem> {
        let Some((id, secret)) = token::split(text) else {
            return Err(self.refused(address));
        };
        let look_up = async {
            let (token, account) = self.store.token(id).await?;
            let tenant = self.store.tenant(&account.tenant).await?;
            Ok::<_, StoreError>(Arc::new((token, Arc::new(account), Arc::new(tenant))))
        };
        let known = match self.known.get(id.to_owned(), look_up).await {
            Ok(known) => known,
            Err(error) if *error == StoreError::NotFound => return Err(self.refused(address)),
            Err(error) => return Err((*error).clone().into()),
        };
        let (token, account, tenant) = &*known;
        let now = self.clock.now();
        let fits: bool = token.hash.ct_eq(&token::hashed(secret)).into();
        let is_usable =
            token.revoked_at.is_none() && token.expires_at.is_none_or(|expires| now < expires);
        if !fits || !is_usable {
            return Err(self.refused(address));
        }
        if let Err(until) = self.requests.check_key(&account.id) {
            let wait = until.wait_time_from(DefaultClock::default().now());
            return Err(limited("requests of this account", wait));
        }
        self.note_use(token, now);
        let scopes = account.role.scopes().both(&token.scopes);
        Ok(Caller { account: account.clone(), tenant: tenant.clone(), scopes })
    }

    /// The same answer whatever was wrong, and fewer and fewer of them for one address.
    fn refused(&self, address: Option<IpAddr>) -> Problem {
        metrics::counter!("mecapy_authentication_failures_total").increment(1);
        if let Some(address) = address
            && let Err(until) = self.failures.check_key(&address)
        {
            let wait = until.wait_time_from(DefaultClock::default().now());
            return limited("failed logins from this address", wait);
        }
        Problem::unauthorized("the token is not valid: unknown, expired or revoked")
    }

    fn note_use(&self, token: &Token, now: Time) {
        // Once a minute is often enough to tell whether a token is in use.
        let is_recent = |last: Time| now.since(last) < Duration::from_secs(60);
        if token.last_used_at.is_some_and(is_recent) {
            return;
        }
        let mut used = self.used.lock();
        if let Some(one) = used.iter_mut().find(|(id, _)| *id == token.id) {
            one.1 = now;
        } else if used.len() < MOST_NOTED {
            used.push((token.id.clone(), now));
        }
    }

    /// Writes when tokens were used, and drops what the limiters need no more.
    pub async fn keep_up(&self) {
        let used = std::mem::take(&mut *self.used.lock());
        if !used.is_empty()
            && let Err(error) = self.store.touch_tokens(used).await
        {
            tracing::warn!(%error, "the last use of tokens was not written");
        }
        self.requests.retain_recent();
        self.failures.retain_recent();
    }

    /// What was known of tokens is looked up again.
    pub fn forget(&self) {
        self.known.forget();
    }
}

/// 429, with the fields that say when to come back.
fn limited(what: &str, wait: Duration) -> Problem {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    let name = |text: &'static str| axum::http::HeaderName::from_static(text);
    Problem::too_many(format!("too many {what}; come back in {seconds} s"), seconds)
        .header(name("ratelimit-remaining"), "0")
        .header(name("ratelimit-reset"), &seconds.to_string())
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let missing =
            || Problem::unauthorized("give a token: `Authorization: Bearer mcp_<id>_<secret>`");
        let value = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?.clone();
        let text = value.to_str().map_err(|_| missing())?;
        let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let Address(address) = Address::from_request_parts(parts, app).await?;
        app.authenticator.caller(token.trim(), address.map(|address| address.ip())).await
    }
}
