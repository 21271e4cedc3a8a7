//! How many calls a tenant and an account have begun lately, and have under way.
//!
//! Counted in this process; processor time of a day is the database's, read now and then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use parking_lot::Mutex;
use uuid::Uuid;

use super::Caller;
use crate::clock::Time;
use crate::config;
use crate::problem::Problem;
use crate::store::{self, Account, Store, Tenant};

/// How old a day's sum of processor time may be.
const CPU_REMEMBERED: Duration = Duration::from_secs(5);
const MOST_COUNTED: usize = 100_000;

/// Limits that hold for one tenant or account.
#[derive(Clone, Copy, Debug)]
struct Limits {
    calls_per_minute: Option<u32>,
    concurrent_calls: Option<u64>,
    cpu_ms_per_day: Option<f64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Whose {
    Tenant(String),
    Account(Uuid),
}

#[derive(Default)]
struct Count {
    /// Of the minute that began then, and of the one before it.
    minute: i64,
    now: u32,
    before: u32,
    under_way: u64,
}

pub struct Meter {
    defaults: config::Quotas,
    counts: Mutex<HashMap<Whose, Count>>,
    cpu: moka::sync::Cache<(String, Uuid, i64), (f64, f64)>,
}

/// A call that is counted as under way until this is dropped.
pub struct Held {
    meter: Arc<Meter>,
    whose: Vec<Whose>,
}

impl Meter {
    pub fn new(defaults: &config::Quotas) -> Self {
        let cpu = moka::sync::Cache::builder()
            .max_capacity(MOST_COUNTED as u64)
            .time_to_live(CPU_REMEMBERED)
            .build();
        Self { defaults: defaults.clone(), counts: Mutex::default(), cpu }
    }

    fn limits(&self, quotas: &store::Quotas) -> Limits {
        let seconds = self.defaults.cpu_per_day.map(|time| time.as_secs_f64());
        Limits {
            calls_per_minute: quotas
                .calls_per_minute
                .or(self.defaults.calls_per_minute.map(std::num::NonZeroU32::get)),
            concurrent_calls: quotas
                .concurrent_calls
                .map(u64::from)
                .or(self.defaults.concurrent_calls),
            cpu_ms_per_day: quotas
                .cpu_seconds_per_day
                .map(f64::from)
                .or(seconds)
                .map(|seconds| seconds * 1e3),
        }
    }

    /// Most bytes of files of the caller's tenant.
    pub fn storage_bytes(&self, caller: &Caller) -> u64 {
        caller.tenant.quotas.storage_bytes.or(self.defaults.storage_bytes).unwrap_or(u64::MAX)
    }

    /// Counts calls that begin, or says which quota they would break. `waits`: the caller
    /// stays until they end, and each counts as under way meanwhile.
    pub async fn begin(
        self: &Arc<Self>,
        store: &dyn Store,
        caller: &Caller,
        calls: u32,
        waits: bool,
        now: Time,
    ) -> Result<Option<Held>, Problem> {
        let owners = [
            (
                Whose::Tenant(caller.tenant().to_owned()),
                self.limits(&caller.tenant.quotas),
                "tenant",
            ),
            (Whose::Account(caller.id()), self.limits(&caller.account.quotas), "account"),
        ];
        self.check_cpu(store, caller, &owners.clone().map(|(_, limits, _)| limits), now).await?;
        let minute = now.seconds().div_euclid(60);
        let into = now.seconds().rem_euclid(60) as f64 / 60.0;
        let mut counts = self.counts.lock();
        for (whose, limits, name) in &owners {
            let count = counts.entry(whose.clone()).or_default();
            count.turn_to(minute);
            if let Some(limit) = limits.calls_per_minute {
                // The minute before counts for the part of it that is within the last 60 s.
                let lately = f64::from(count.before) * (1.0 - into) + f64::from(count.now);
                if lately + f64::from(calls) > f64::from(limit) {
                    let reset = 60 - now.seconds().rem_euclid(60).unsigned_abs();
                    return Err(exceeded(name, "calls a minute", limit.into(), reset));
                }
            }
            if waits && limits.concurrent_calls.is_some_and(|limit| count.under_way >= limit) {
                let limit = limits.concurrent_calls.unwrap_or_default();
                return Err(exceeded(name, "calls at a time", limit, 1));
            }
        }
        for (whose, ..) in &owners {
            let count = counts.entry(whose.clone()).or_default();
            count.now = count.now.saturating_add(calls);
            count.under_way += u64::from(waits);
        }
        if counts.len() > MOST_COUNTED {
            counts.retain(|_, count| count.under_way > 0 || count.minute + 1 >= minute);
        }
        let whose = Vec::from(owners.map(|(whose, ..)| whose));
        Ok(waits.then(|| Held { meter: self.clone(), whose }))
    }

    async fn check_cpu(
        &self,
        store: &dyn Store,
        caller: &Caller,
        [tenant, account]: &[Limits; 2],
        now: Time,
    ) -> Result<(), Problem> {
        if tenant.cpu_ms_per_day.is_none() && account.cpu_ms_per_day.is_none() {
            return Ok(());
        }
        let key = (caller.tenant().to_owned(), caller.id(), now.day());
        let used = match self.cpu.get(&key) {
            Some(used) => used,
            None => {
                let used = store.cpu_ms_of_day(&key.0, key.1, key.2).await?;
                self.cpu.insert(key, used);
                used
            }
        };
        for (name, used, limits) in [("tenant", used.0, tenant), ("account", used.1, account)] {
            if let Some(limit) = limits.cpu_ms_per_day
                && used >= limit
            {
                let reset = 86_400 - now.seconds().rem_euclid(86_400).unsigned_abs();
                return Err(exceeded(
                    name,
                    "seconds of processor time a day",
                    (limit / 1e3) as u64,
                    reset,
                ));
            }
        }
        Ok(())
    }

    /// Counts a queued call that begins as under way; nothing if as many are as may be.
    pub fn hold(self: &Arc<Self>, tenant: &Tenant, account: &Account) -> Option<Held> {
        let owners = [
            (Whose::Tenant(tenant.id.clone()), self.limits(&tenant.quotas)),
            (Whose::Account(account.id), self.limits(&account.quotas)),
        ];
        let mut counts = self.counts.lock();
        let is_full = owners.iter().any(|(whose, limits)| {
            let under_way = counts.get(whose).map_or(0, |count| count.under_way);
            limits.concurrent_calls.is_some_and(|limit| under_way >= limit)
        });
        if is_full {
            return None;
        }
        let whose = Vec::from(owners.map(|(whose, _)| whose));
        for one in &whose {
            counts.entry(one.clone()).or_default().under_way += 1;
        }
        Some(Held { meter: self.clone(), whose })
    }

    /// Of a call that is not counted.
    pub fn hold_nothing(self: &Arc<Self>) -> Option<Held> {
        Some(Held { meter: self.clone(), whose: Vec::new() })
    }

    /// Calls under way.
    pub fn under_way(&self) -> u64 {
        let counts = self.counts.lock();
        let tenants = counts.iter().filter(|(whose, _)| matches!(whose, Whose::Tenant(_)));
        tenants.map(|(_, count)| count.under_way).sum()
    }
}

impl Count {
    fn turn_to(&mut self, minute: i64) {
        if self.minute != minute {
            self.before = if self.minute + 1 == minute { self.now } else { 0 };
            self.now = 0;
            self.minute = minute;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.meter.counts.lock();
        for whose in &self.whose {
            if let Some(count) = counts.get_mut(whose) {
                count.under_way = count.under_way.saturating_sub(1);
            }
        }
    }
}

fn exceeded(whose: &str, what: &str, limit: u64, reset_seconds: u64) -> Problem {
    let name = |text: &'static str| HeaderName::from_static(text);
    Problem::too_many(format!("the quota of the {whose} is used up: {limit} {what}"), reset_seconds)
        .member("quota", what)
        .header(name("ratelimit-limit"), &limit.to_string())
        .header(name("ratelimit-remaining"), "0")
        .header(name("ratelimit-reset"), &reset_seconds.max(1).to_string())
}
