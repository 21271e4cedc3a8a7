//! What is counted as tasks go on: those queued, processor time, ends; and the result cache.

use model::task::TaskState;
use rusqlite::Connection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::sqlite::rows::{all, each, one, run};
use crate::store::{FunctionName, Result, StoreError, Task};

/// Wall times that say how long a function takes.
const WALL_TIMES: usize = 100;
/// Tasks that are looked at for them: cached ones, and others that did
/// not run, have none.
const TASKS_SEEN: i64 = 1000;

fn queued(conn: &Connection, tenant: &str) -> Result<u64> {
    let sql = "SELECT queued FROM tenant_totals WHERE tenant = ?1";
    Ok(one(conn, sql, (tenant,), |columns| columns.count())?.unwrap_or(0))
}

/// `Conflict` if so many more are too many.
pub(super) fn check_queue(conn: &Connection, tenant: &str, more: u64, most: u64) -> Result<()> {
    if queued(conn, tenant)?.saturating_add(more) > most {
        return Err(StoreError::Conflict(format!("the queue is full: {most} tasks wait")));
    }
    Ok(())
}

pub(super) fn count_queued(
    conn: &Connection,
    tenant: &str,
    before: Option<TaskState>,
    after: TaskState,
) -> Result<()> {
    let is_queued = |state: TaskState| i64::from(state == TaskState::Queued);
    let change = is_queued(after) - before.map_or(0, is_queued);
    if change != 0 {
        run(
            conn,
            "INSERT INTO tenant_totals (tenant, queued) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET queued = queued + excluded.queued",
            (tenant, change),
        )?;
    }
    Ok(())
}

/// Of every attempt, also of one that is followed by another.
pub(super) fn count_usage(conn: &Connection, task: &Task, cpu_ms: f64, now: Time) -> Result<()> {
    if !cpu_ms.is_finite() || cpu_ms <= 0.0 {
        return Ok(());
    }
    run(
        conn,
        "INSERT INTO usage_days (day, tenant, account, cpu_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET cpu_ms = cpu_ms + excluded.cpu_ms",
        (now.day(), &task.tenant, task.owner.as_bytes(), cpu_ms),
    )?;
    Ok(())
}

/// A task has ended.
pub(super) fn count_end(conn: &Connection, task: &Task, now: Time) -> Result<()> {
    if let Some(function) = &task.function {
        run(
            conn,
            "INSERT INTO function_ends (tenant, function_tenant, function, state, tasks)
             VALUES (?1, ?2, ?3, ?4, 1)
             ON CONFLICT DO UPDATE SET tasks = tasks + 1",
            (&task.tenant, &function.tenant, &function.id, task.life.state.as_str()),
        )?;
    }
    let Some(cache_key) = &task.cache_key else { return Ok(()) };
    if task.life.state == TaskState::Completed && !task.cached {
        run(
            conn,
            "INSERT INTO cached_results (tenant, cache_key, task, finished_at)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET task = excluded.task, finished_at = excluded.finished_at",
            (&task.tenant, cache_key, task.id.as_bytes(), now.micros()),
        )?;
    }
    Ok(())
}

pub(super) fn cached(conn: &Connection, tenant: &str, key: &[u8; 32]) -> Result<Option<Uuid>> {
    one(
        conn,
        "SELECT cached_results.task FROM cached_results
         JOIN tasks ON tasks.id = cached_results.task
            AND tasks.tenant = cached_results.tenant AND tasks.state = 'completed'
         WHERE cached_results.tenant = ?1 AND cached_results.cache_key = ?2",
        (tenant, key),
        |columns| columns.id(),
    )
}

pub(super) fn recent_wall_ms(
    conn: &Connection,
    tenant: &str,
    name: &FunctionName,
) -> Result<(f64, u32)> {
    // When it ended, and how long it took.
    let mut runs: Vec<(i64, f64)> = Vec::new();
    each(
        conn,
        "SELECT finished_at, wall_ms FROM tasks INDEXED BY tasks_of_function
         WHERE function IS NOT NULL AND function_tenant = ?1 AND function = ?2 AND tenant = ?3
         ORDER BY created_at DESC, id DESC LIMIT ?4",
        (&name.tenant, &name.id, tenant, TASKS_SEEN),
        |columns| {
            if let (Some(at), Some(wall_ms)) = (columns.take()?, columns.take()?) {
                runs.push((at, wall_ms));
            }
            Ok(runs.len() < WALL_TIMES)
        },
    )?;
    runs.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut walls: Vec<f64> = runs.into_iter().take(WALL_TIMES).map(|(_, wall)| wall).collect();
    walls.sort_by(f64::total_cmp);
    // The nearest rank: the smallest that 95 % are not above.
    let rank = (walls.len() * 95).div_ceil(100);
    let count = u32::try_from(walls.len()).unwrap_or(u32::MAX);
    Ok((rank.checked_sub(1).and_then(|rank| walls.get(rank)).copied().unwrap_or(0.0), count))
}

pub(super) fn function_stats(
    conn: &Connection,
    tenant: &str,
    name: &FunctionName,
) -> Result<Vec<(TaskState, u64)>> {
    all(
        conn,
        "SELECT state, tasks FROM function_ends
         WHERE tenant = ?1 AND function_tenant = ?2 AND function = ?3 ORDER BY state",
        (tenant, &name.tenant, &name.id),
        |columns| Ok((columns.named(super::row::parse_state)?, columns.count()?)),
    )
}

pub(super) fn cpu_ms_of_day(
    conn: &Connection,
    tenant: &str,
    account: &Uuid,
    day: i64,
) -> Result<(f64, f64)> {
    let totals = one(
        conn,
        "SELECT TOTAL(cpu_ms), TOTAL(cpu_ms) FILTER (WHERE account = ?3)
         FROM usage_days WHERE day = ?1 AND tenant = ?2",
        (day, tenant, account.as_bytes()),
        |columns| Ok((columns.take()?, columns.take()?)),
    )?;
    Ok(totals.unwrap_or((0.0, 0.0)))
}
