//! A task's changes: read, asked of the state machine, and written if it is still the same,
//! with all that follows from the change.

use model::task::{Event, TaskState};
use model::{ErrorKind, Failure};
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::counts;
use super::documents::{self, Half};
use super::row::{Stored, stored, stored_of_tenant, update};
use crate::clock::Time;
use crate::store::sqlite::events::Batch;
use crate::store::sqlite::webhooks::make_pending;
use crate::store::{Attempt, Ended, EventKind, Finished, NewEvent, Result, Task};

pub(super) const CANCELLED: &str = "the task was cancelled";
const LOST: &str = "the worker that ran it was lost";

/// What a task's followers are told of a state.
pub(super) fn status(state: TaskState, attempt: u32, at: Time) -> NewEvent {
    let data = json!({ "state": state.as_str(), "attempt": attempt });
    NewEvent { kind: EventKind::Status, at, data }
}

pub(super) fn result(at: Time) -> NewEvent {
    NewEvent { kind: EventKind::Result, at, data: Value::Null }
}

/// A task on its way to its next state.
struct Change {
    before: Stored,
    task: Task,
    /// What happened before the change.
    events: Vec<NewEvent>,
    ended: Option<Ended>,
    now: Time,
}

impl Change {
    fn of(before: Stored, event: &Event, now: Time) -> Result<Self> {
        let life = before.task.life.after(event, now.into())?;
        let task = Task { life, ..before.task.clone() };
        Ok(Self { before, task, events: Vec::new(), ended: None, now })
    }

    fn is_over(&self) -> bool {
        self.task.life.state.is_final()
    }

    /// An attempt is over that did not end the task.
    fn add_attempt(&mut self, kind: Option<ErrorKind>, message: &str) {
        let before = &self.before.task;
        let worker = before.life.lease.as_ref().map(|lease| lease.worker.clone());
        self.task.history.push(Attempt {
            number: before.life.attempt,
            worker: worker.or(before.worker.clone()).unwrap_or_default(),
            started_at: before.started_at.unwrap_or(before.created_at),
            ended_at: self.now,
            kind,
            message: message.to_owned(),
        });
        self.task.queued_at = Some(self.now);
    }

    fn write(mut self, conn: &Connection) -> Result<Task> {
        let (before, task, now) = (&self.before.task.life, &mut self.task, self.now);
        let life = &task.life;
        if life == before {
            return Ok(self.before.task);
        }
        let asked_to_stop = life.cancel_requested && !before.cancel_requested;
        if life.state != before.state || asked_to_stop {
            let mut event = status(life.state, life.attempt, now);
            if asked_to_stop {
                event.data["cancel_requested"] = Value::Bool(true);
            }
            self.events.push(event);
        }
        if life.state == TaskState::Completed {
            self.events.push(result(now));
        }
        if life.state == TaskState::Cancelled {
            task.error = Some(Failure::new(ErrorKind::Cancelled, CANCELLED));
        }
        if life.state.is_final() {
            task.finished_at = Some(now);
        }
        let batch = Batch::of(&self.events)?;
        update(conn, &self.before, task, self.before.events + batch.count())?;
        batch.append(conn, &task.id, self.before.events)?;
        counts::count_queued(conn, &task.tenant, Some(before.state), life.state)?;
        if life.state.is_final() {
            if let Some(ended) = &self.ended {
                documents::end(conn, self.before.n, &task.id, &Half::of_ended(ended)?)?;
            }
            counts::count_end(conn, task, now)?;
            make_pending(conn, &task.id, now)?;
        }
        // As it is read again: times are in microseconds.
        let round = |time| std::time::SystemTime::from(Time::from(time));
        task.life.not_before = task.life.not_before.map(round);
        if let Some(lease) = &mut task.life.lease {
            lease.until = round(lease.until);
        }
        Ok(self.task)
    }
}

pub(super) fn enqueue(
    conn: &Connection,
    tenant: &str,
    id: &Uuid,
    most_queued: u64,
    now: Time,
) -> Result<Task> {
    let mut change = Change::of(stored_of_tenant(conn, tenant, id)?, &Event::Enqueue, now)?;
    counts::check_queue(conn, tenant, 1, most_queued)?;
    change.task.queued_at = Some(now);
    change.write(conn)
}

pub(super) fn cancel(conn: &Connection, tenant: &str, id: &Uuid, now: Time) -> Result<Task> {
    Change::of(stored_of_tenant(conn, tenant, id)?, &Event::Cancel, now)?.write(conn)
}

pub(super) fn start(
    conn: &Connection,
    stored: Stored,
    worker: &str,
    until: Time,
    now: Time,
) -> Result<Task> {
    let event = Event::Start { worker: worker.to_owned(), until: until.into() };
    let mut change = Change::of(stored, &event, now)?;
    change.task.worker = Some(worker.to_owned());
    change.task.started_at = Some(now);
    change.write(conn)
}

/// Answers with those that were asked to stop.
pub(super) fn renew(conn: &Connection, held: Vec<Stored>, until: Time) -> Result<Vec<Uuid>> {
    let mut to_stop = Vec::new();
    for stored in held {
        let fence = stored.task.life.fence;
        let event = Event::Renew { fence, until: until.into() };
        // The state machine asks no clock here.
        let task = Change::of(stored, &event, Time::EPOCH)?.write(conn)?;
        if task.life.cancel_requested {
            to_stop.push(task.id);
        }
    }
    Ok(to_stop)
}

pub(super) fn finish(conn: &Connection, id: &Uuid, finished: Finished) -> Result<Task> {
    let Finished { fence, failure, usage, now, .. } = finished;
    let kind = failure.as_ref().map(|failure| failure.kind);
    let event = Event::Finish { fence, failure: kind, chance: chance(finished.chance) };
    let mut change = Change::of(stored(conn, id)?, &event, now)?;
    if let Some(usage) = &usage {
        counts::count_usage(conn, &change.task, usage.cpu_ms, now)?;
    }
    change.events = finished.events;
    if change.is_over() {
        let task = &mut change.task;
        task.usage = usage;
        task.error = failure;
        task.warnings = finished.warnings;
        task.cached = finished.cached;
        let ended = ended_as(task.life.state, finished.ended);
        task.result_bytes = super::bytes_of(ended.result.as_ref());
        change.ended = Some(ended);
    } else if let Some(failure) = failure {
        change.add_attempt(Some(failure.kind), &failure.message);
    }
    change.write(conn)
}

pub(super) fn hand_back(conn: &Connection, id: &Uuid, fence: u64, now: Time) -> Result<Task> {
    // It keeps its place in the queue.
    Change::of(stored(conn, id)?, &Event::HandBack { fence }, now)?.write(conn)
}

/// With `all` the lease counts as over now.
pub(super) fn expire(
    conn: &Connection,
    mut stored: Stored,
    now: Time,
    all: bool,
    spread: f64,
) -> Result<Task> {
    if all && let Some(lease) = &mut stored.task.life.lease {
        lease.until = lease.until.min(now.into());
    }
    let mut change = Change::of(stored, &Event::Expire { chance: chance(spread) }, now)?;
    if change.is_over() {
        change.task.error = Some(Failure::new(ErrorKind::Internal, LOST));
    } else {
        change.add_attempt(None, LOST);
    }
    change.write(conn)
}

/// What did not complete has no result.
pub(super) fn ended_as(state: TaskState, ended: Ended) -> Ended {
    if state == TaskState::Completed { ended } else { Ended { result: None, ..ended } }
}

fn chance(chance: f64) -> f64 {
    if chance.is_finite() { chance } else { 0.5 }
}
