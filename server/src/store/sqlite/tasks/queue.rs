//! The queue: who comes next. Index seeks only, however many wait.

use rusqlite::Connection;

use super::row::{Stored, columns, parse_class, stored_of};
use super::transitions::start;
use crate::clock::Time;
use crate::store::sqlite::rows::{Columns, all, one};
use crate::store::{Class, QueueDepth, Result, Task};

/// Most tasks that `expire` takes at a time.
const EXPIRED: i64 = 1000;

const NEXT_READY_TENANT: &str = "SELECT tenant FROM tasks INDEXED BY tasks_ready
    WHERE state = 'queued' AND not_before IS NULL AND class = ?1 AND tenant > ?2
    ORDER BY tenant LIMIT 1";
const NEXT_WAITING_TENANT: &str = "SELECT tenant FROM tasks INDEXED BY tasks_waiting
    WHERE state = 'queued' AND not_before IS NOT NULL AND class = ?1 AND tenant > ?2
    ORDER BY tenant LIMIT 1";
const READY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks INDEXED BY tasks_ready
    WHERE state = 'queued' AND not_before IS NULL AND class = ?1 AND tenant = ?2
    ORDER BY queued_at, n LIMIT 1"
);
const WAITED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks INDEXED BY tasks_waiting
    WHERE state = 'queued' AND not_before IS NOT NULL AND class = ?1 AND tenant = ?2
        AND not_before <= ?3
    ORDER BY not_before, n LIMIT 1"
);
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

/// The oldest of a tenant that can be started. A task that waited counts as queued since its
/// time came.
fn oldest(conn: &Connection, class: Class, tenant: &str, now: Time) -> Result<Option<Stored>> {
    let ready = one(conn, READY, (class.as_str(), tenant), stored_of)?;
    let waited = one(conn, WAITED, (class.as_str(), tenant, now.micros()), stored_of)?;
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
    without: &[String],
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
        if !without.contains(&tenant)
            && let Some(stored) = oldest(conn, class, &tenant, now)?
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
    pub without: Vec<String>,
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
