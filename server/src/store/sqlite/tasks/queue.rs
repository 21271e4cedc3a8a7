//! The queue: who comes next. Index seeks only, however many wait; but those that are the same
//! call as one under way are gone over in the index.

use std::collections::HashMap;

use rusqlite::{Connection, Params};

use super::counts;
use super::row::{Stored, columns, parse_class, stored_of};
use super::transitions::start;
use crate::clock::Time;
use crate::store::sqlite::rows::{Columns, all, each, one};
use crate::store::{Class, PassedOver, QueueDepth, Result, Task};

/// Most tasks that `expire` takes at a time.
const EXPIRED: i64 = 1000;

const NEXT_READY_TENANT: &str = "SELECT tenant FROM tasks INDEXED BY tasks_ready
    WHERE state = 'queued' AND not_before IS NULL AND class = ?1 AND tenant > ?2
    ORDER BY tenant LIMIT 1";
const NEXT_WAITING_TENANT: &str = "SELECT tenant FROM tasks INDEXED BY tasks_waiting
    WHERE state = 'queued' AND not_before IS NOT NULL AND class = ?1 AND tenant > ?2
    ORDER BY tenant LIMIT 1";
const READY: &str = "SELECT n, cache_key FROM tasks INDEXED BY tasks_ready
    WHERE state = 'queued' AND not_before IS NULL AND class = ?1 AND tenant = ?2
    ORDER BY queued_at, n";
const WAITED: &str = "SELECT n, cache_key FROM tasks INDEXED BY tasks_waiting
    WHERE state = 'queued' AND not_before IS NOT NULL AND class = ?1 AND tenant = ?2
        AND not_before <= ?3
    ORDER BY not_before, n";
const RUNNING_CALL: &str = "SELECT 1 FROM tasks INDEXED BY tasks_running_calls
    WHERE state = 'running' AND cache_key IS NOT NULL AND tenant = ?1 AND cache_key = ?2 LIMIT 1";
const BY_NUMBER: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE n = ?1");
const HELD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks INDEXED BY tasks_held WHERE state = 'running' AND worker = ?1"
);
const EXPIRING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks INDEXED BY tasks_leased
    WHERE state = 'running' AND lease_until <= ?1 ORDER BY lease_until LIMIT ?2"
);

/// The calls of one tenant, and which of them are under way.
struct Calls<'a> {
    conn: &'a Connection,
    tenant: &'a str,
    under_way: &'a [(String, [u8; 32])],
    /// Those that were looked at: the queue may be full of one call.
    known: HashMap<[u8; 32], bool>,
}

impl Calls<'_> {
    /// The first task whose call is not under way.
    fn first(&mut self, sql: &str, params: impl Params) -> Result<Option<Stored>> {
        let mut found: Option<i64> = None;
        each(self.conn, sql, params, |columns| {
            let (n, key) = (columns.take()?, columns.take::<Option<[u8; 32]>>()?);
            let is_free = match key {
                Some(key) => !self.is_under_way(key)?,
                None => true,
            };
            found = is_free.then_some(n);
            Ok(!is_free)
        })?;
        found.map_or(Ok(None), |n| one(self.conn, BY_NUMBER, (n,), stored_of))
    }

    fn is_under_way(&mut self, key: [u8; 32]) -> Result<bool> {
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let is_it = |(tenant, call): &(String, [u8; 32])| tenant == self.tenant && *call == key;
        let is_under_way = (self.under_way.iter().any(is_it)
            || one(self.conn, RUNNING_CALL, (self.tenant, key), |_| Ok(()))?.is_some())
            // If its result is known all of them can have it.
            && counts::cached(self.conn, self.tenant, &key)?.is_none();
        self.known.insert(key, is_under_way);
        Ok(is_under_way)
    }
}

/// The oldest of a tenant that can be started. A task that waited counts as queued since its
/// time came.
fn oldest(
    conn: &Connection,
    class: Class,
    tenant: &str,
    under_way: &[(String, [u8; 32])],
    now: Time,
) -> Result<Option<Stored>> {
    let mut calls = Calls { conn, tenant, under_way, known: HashMap::new() };
    let ready = calls.first(READY, (class.as_str(), tenant))?;
    let waited = calls.first(WAITED, (class.as_str(), tenant, now.micros()))?;
    Ok(match (ready, waited) {
        (Some(ready), Some(waited)) => {
            let since = waited.task.life.not_before.map(Time::from);
            Some(if ready.task.queued_at <= since { ready } else { waited })
        }
        (ready, waited) => ready.or(waited),
    })
}

/// The first task of the tenants whose names come after `from`, up to `last`.
fn first_after(
    conn: &Connection,
    class: Class,
    from: &str,
    last: Option<&str>,
    without: &PassedOver,
    now: Time,
) -> Result<Option<Stored>> {
    let mut from = from.to_owned();
    loop {
        let next =
            |sql| one(conn, sql, (class.as_str(), &from), |columns| columns.take::<String>());
        let tenants = [next(NEXT_READY_TENANT)?, next(NEXT_WAITING_TENANT)?];
        let Some(tenant) = tenants.into_iter().flatten().min() else { return Ok(None) };
        if last.is_some_and(|last| tenant.as_str() > last) {
            return Ok(None);
        }
        if !without.tenants.contains(&tenant)
            && let Some(stored) = oldest(conn, class, &tenant, &without.calls, now)?
        {
            return Ok(Some(stored));
        }
        from = tenant;
    }
}

/// What a worker asks for.
pub(super) struct Claim {
    pub class: Class,
    pub after: Option<String>,
    pub without: PassedOver,
    pub worker: String,
    pub until: Time,
    pub now: Time,
}

pub(super) fn claim(conn: &Connection, claim: &Claim) -> Result<Option<Task>> {
    let Claim { class, after, without, worker, until, now } = claim;
    // No tenant has an empty name.
    let from = after.as_deref().unwrap_or_default();
    let mut found = first_after(conn, *class, from, None, without, *now)?;
    if found.is_none() && !from.is_empty() {
        found = first_after(conn, *class, "", Some(from), without, *now)?;
    }
    found.map(|stored| start(conn, stored, worker, *until, *now)).transpose()
}

pub(super) fn held(conn: &Connection, worker: &str) -> Result<Vec<Stored>> {
    all(conn, HELD, (worker,), stored_of)
}

/// Those whose lease has ended; or all that run.
pub(super) fn expiring(conn: &Connection, now: Time, everything: bool) -> Result<Vec<Stored>> {
    let until = if everything { i64::MAX } else { now.micros() };
    all(conn, EXPIRING, (until, EXPIRED), stored_of)
}

pub(super) fn depths(conn: &Connection) -> Result<Vec<QueueDepth>> {
    let of = |sql| {
        all(conn, sql, (), |columns: &mut Columns<'_>| {
            let (class, tasks) = (columns.named(parse_class)?, columns.count()?);
            Ok(QueueDepth { class, tasks, oldest: columns.maybe_time()? })
        })
    };
    let ready = of("SELECT class, COUNT(*), MIN(queued_at) FROM tasks INDEXED BY tasks_ready
        WHERE state = 'queued' AND not_before IS NULL GROUP BY class")?;
    let waiting = of("SELECT class, COUNT(*), MIN(queued_at) FROM tasks INDEXED BY tasks_waiting
        WHERE state = 'queued' AND not_before IS NOT NULL GROUP BY class")?;
    Ok(Class::ALL
        .into_iter()
        .map(|class| {
            let parts = ready.iter().chain(&waiting).filter(|depth| depth.class == class);
            QueueDepth {
                class,
                tasks: parts.clone().map(|depth| depth.tasks).sum(),
                oldest: parts.filter_map(|depth| depth.oldest).min(),
            }
        })
        .collect())
}

pub(super) fn next_start(conn: &Connection) -> Result<Option<Time>> {
    one(
        conn,
        "SELECT not_before FROM tasks INDEXED BY tasks_next_start
         WHERE state = 'queued' AND not_before IS NOT NULL ORDER BY not_before LIMIT 1",
        (),
        |columns| columns.time(),
    )
}
