//! A task as a row: columns for what decides, a document for the rest.

use std::time::{Duration, SystemTime};

use model::task::{Lease, RetryPolicy, TaskState};
use model::{Engine, Failure, Usage, Warning};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::sqlite::rows::{Columns, bytes_of, integer, micros, one, run, to_json};
use crate::store::{Attempt, Class, FunctionName, Result, StoreError, Task};

/// What follows `SELECT` for `stored_of`.
macro_rules! columns {
    () => {
        "n, events, id, tenant, owner, private, function_tenant, function, version, class,
        state, revision, attempt, fence, worker, lease_until, not_before, cancel_requested,
        dead_letter, parent, created_at, queued_at, started_at, finished_at, cache_key, doc"
    };
}
pub(super) use columns;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = ?1");

/// A task, and what the database knows of it besides.
pub(in crate::store::sqlite) struct Stored {
    pub n: i64,
    /// How many events it has.
    pub events: i64,
    pub task: Task,
}

/// What nothing is decided by.
#[derive(Serialize, Deserialize)]
struct Doc {
    engine: Engine,
    retry: Retry,
    timeout_ms: u64,
    deterministic: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<Attempt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_of: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result_bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Retry {
    max_attempts: u32,
    on_exception: bool,
    first_wait_us: u64,
    longest_wait_us: u64,
}

fn micros_of(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn doc_of(task: &Task) -> Result<String> {
    let retry = &task.life.retry;
    to_json(&Doc {
        engine: task.engine,
        retry: Retry {
            max_attempts: retry.max_attempts,
            on_exception: retry.on_exception,
            first_wait_us: micros_of(retry.first_wait),
            longest_wait_us: micros_of(retry.longest_wait),
        },
        timeout_ms: task.timeout_ms,
        deterministic: task.deterministic,
        name: task.name.clone(),
        cached: task.cached,
        usage: task.usage.as_ref().map(finite),
        error: task.error.clone(),
        warnings: task.warnings.clone(),
        history: task.history.clone(),
        retry_of: task.retry_of,
        result_bytes: task.result_bytes,
    })
}

/// JSON has no other numbers.
fn finite(usage: &Usage) -> Usage {
    let finite = |number: f64| if number.is_finite() { number } else { 0.0 };
    Usage { wall_ms: finite(usage.wall_ms), cpu_ms: finite(usage.cpu_ms), ..usage.clone() }
}

pub(super) fn parse_state(text: &str) -> Option<TaskState> {
    use TaskState::{Cancelled, Completed, Created, Failed, Queued, Running};
    [Created, Queued, Running, Completed, Failed, Cancelled]
        .into_iter()
        .find(|state| state.as_str() == text)
}

pub(super) fn parse_class(text: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.as_str() == text)
}

fn small(number: u64) -> Result<u32> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt(format!("{number} attempts")))
}

pub(super) fn stored_of(columns: &mut Columns<'_>) -> Result<Stored> {
    let (n, events) = (columns.take()?, columns.take()?);
    let (id, tenant, owner, private) =
        (columns.id()?, columns.take()?, columns.id()?, columns.take()?);
    let function = match (columns.take()?, columns.take()?) {
        (Some(tenant), Some(id)) => Some(FunctionName { tenant, id }),
        _ => None,
    };
    let (version, class) = (columns.take()?, columns.named(parse_class)?);
    let state = columns.named(parse_state)?;
    let (revision, attempt, fence) = (columns.count()?, small(columns.count()?)?, columns.count()?);
    let worker: Option<String> = columns.take()?;
    let (lease_until, not_before) = (columns.maybe_time()?, columns.maybe_time()?);
    let (cancel_requested, is_dead_letter) = (columns.take()?, columns.take()?);
    let parent = columns.maybe_id()?;
    let (created_at, queued_at) = (columns.time()?, columns.maybe_time()?);
    let (started_at, finished_at) = (columns.maybe_time()?, columns.maybe_time()?);
    let cache_key = columns.take()?;
    let doc: Doc = columns.json()?;
    let lease = match (state, &worker, lease_until) {
        (TaskState::Running, Some(worker), Some(until)) => {
            Some(Lease { worker: worker.clone(), fence, until: until.into() })
        }
        (TaskState::Running, ..) => {
            return Err(StoreError::Corrupt(format!("the task {id} runs without a lease")));
        }
        _ => None,
    };
    let retry = RetryPolicy {
        max_attempts: doc.retry.max_attempts,
        on_exception: doc.retry.on_exception,
        first_wait: Duration::from_micros(doc.retry.first_wait_us),
        longest_wait: Duration::from_micros(doc.retry.longest_wait_us),
    };
    let life = model::task::Task {
        state,
        revision,
        attempt,
        fence,
        lease,
        not_before: not_before.map(SystemTime::from),
        cancel_requested,
        is_dead_letter,
        retry,
    };
    let task = Task {
        id,
        tenant,
        owner,
        function,
        private,
        name: doc.name,
        version,
        engine: doc.engine,
        class,
        life,
        timeout_ms: doc.timeout_ms,
        deterministic: doc.deterministic,
        cache_key,
        cached: doc.cached,
        created_at,
        queued_at,
        started_at,
        finished_at,
        worker,
        usage: doc.usage,
        error: doc.error,
        warnings: doc.warnings,
        history: doc.history,
        parent,
        retry_of: doc.retry_of,
        result_bytes: doc.result_bytes,
    };
    Ok(Stored { n, events, task })
}

/// Whatever its tenant.
pub(in crate::store::sqlite) fn stored(conn: &Connection, id: &Uuid) -> Result<Stored> {
    one(conn, BY_ID, (id.as_bytes(),), stored_of)?.ok_or(StoreError::NotFound)
}

pub(super) fn stored_of_tenant(conn: &Connection, tenant: &str, id: &Uuid) -> Result<Stored> {
    let stored = stored(conn, id)?;
    if stored.task.tenant == tenant { Ok(stored) } else { Err(StoreError::NotFound) }
}

/// What of a task's life and times is in columns.
struct Times {
    lease_until: Option<i64>,
    not_before: Option<i64>,
    wall_ms: Option<f64>,
}

fn times_of(task: &Task) -> Times {
    let of_system = |time: SystemTime| Time::from(time).micros();
    Times {
        lease_until: task.life.lease.as_ref().map(|lease| of_system(lease.until)),
        not_before: task.life.not_before.map(of_system),
        wall_ms: task.usage.as_ref().map(|usage| finite(usage).wall_ms),
    }
}

/// Nothing if there is one of that id.
pub(super) fn insert(
    conn: &Connection,
    task: &Task,
    doc: &str,
    events: i64,
) -> Result<Option<i64>> {
    let life = &task.life;
    let times = times_of(task);
    let worker = life.lease.as_ref().map(|lease| &lease.worker).or(task.worker.as_ref());
    let inserted = run(
        conn,
        "INSERT INTO tasks (id, tenant, owner, private, function_tenant, function, version, class,
            state, revision, attempt, fence, worker, lease_until, not_before, cancel_requested,
            dead_letter, parent, created_at, queued_at, started_at, finished_at, events, wall_ms,
            cache_key, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)
         ON CONFLICT (id) DO NOTHING",
        rusqlite::params![
            task.id.as_bytes(),
            task.tenant,
            task.owner.as_bytes(),
            task.private,
            task.function.as_ref().map(|function| &function.tenant),
            task.function.as_ref().map(|function| &function.id),
            task.version,
            task.class.as_str(),
            life.state.as_str(),
            integer(life.revision)?,
            life.attempt,
            integer(life.fence)?,
            worker,
            times.lease_until,
            times.not_before,
            life.cancel_requested,
            life.is_dead_letter,
            bytes_of(task.parent.as_ref()),
            task.created_at.micros(),
            micros(task.queued_at),
            micros(task.started_at),
            micros(task.finished_at),
            events,
            times.wall_ms,
            task.cache_key,
            doc,
        ],
    )?;
    Ok((inserted > 0).then(|| conn.last_insert_rowid()))
}

/// Writes what may change, if the row is still the one that was read.
pub(super) fn update(conn: &Connection, before: &Stored, task: &Task, events: i64) -> Result<()> {
    let life = &task.life;
    let times = times_of(task);
    let updated = run(
        conn,
        "UPDATE tasks SET state = ?3, revision = ?4, attempt = ?5, fence = ?6, worker = ?7,
            lease_until = ?8, not_before = ?9, cancel_requested = ?10, dead_letter = ?11,
            queued_at = ?12, started_at = ?13, finished_at = ?14, events = ?15, wall_ms = ?16,
            doc = ?17
         WHERE id = ?1 AND revision = ?2",
        rusqlite::params![
            task.id.as_bytes(),
            integer(before.task.life.revision)?,
            life.state.as_str(),
            integer(life.revision)?,
            life.attempt,
            integer(life.fence)?,
            task.worker,
            times.lease_until,
            times.not_before,
            life.cancel_requested,
            life.is_dead_letter,
            micros(task.queued_at),
            micros(task.started_at),
            micros(task.finished_at),
            events,
            times.wall_ms,
            doc_of(task)?,
        ],
    )?;
    if updated == 1 {
        Ok(())
    } else {
        Err(StoreError::Unavailable("the task was changed meanwhile".to_owned()))
    }
}
