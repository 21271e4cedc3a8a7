//! Making tasks. What can be made ready before the writer's turn is.

use std::collections::BTreeSet;

use model::task::TaskState;
use model::{ErrorKind, Failure};
use rusqlite::Connection;

use super::documents::{self, Half};
use super::transitions::{CANCELLED, ended_as, result, status};
use super::{bytes_of, counts, row};
use crate::clock::Time;
use crate::store::sqlite::events::Batch;
use crate::store::sqlite::rows::one;
use crate::store::sqlite::webhooks;
use crate::store::{NewDelivery, NewTask, Result, StoreError, Task};

/// A task as it will be written.
pub(super) struct Ready {
    task: Task,
    doc: String,
    batch: Batch,
    payload: Half,
    ended: Option<Half>,
    delivery: Option<NewDelivery>,
}

impl Ready {
    pub fn of(new: NewTask) -> Result<Self> {
        let NewTask { mut task, payload, delivery, events, ended } = new;
        let (state, attempt) = (task.life.state, task.life.attempt);
        let is_over = state.is_final();
        if ended.is_some() && !is_over {
            return Err(StoreError::Conflict("a task that goes on has no result".to_owned()));
        }
        if (state == TaskState::Running) != task.life.lease.is_some() {
            return Err(StoreError::Conflict("a task has a lease while it runs".to_owned()));
        }
        let ended = ended.map(|ended| ended_as(state, ended));
        let mut told = Vec::with_capacity(events.len() + 3);
        if is_over {
            let finished_at = *task.finished_at.get_or_insert(task.created_at);
            let started_at = task.started_at.unwrap_or(task.created_at);
            told.push(status(TaskState::Running, attempt, started_at));
            told.extend(events);
            told.push(status(state, attempt, finished_at));
            match state {
                TaskState::Completed => told.push(result(finished_at)),
                TaskState::Cancelled => {
                    task.error = Some(Failure::new(ErrorKind::Cancelled, CANCELLED));
                }
                _ => {}
            }
            let result = ended.as_ref().and_then(|ended| ended.result.as_ref());
            task.result_bytes = bytes_of(result);
        } else {
            if state == TaskState::Queued {
                task.queued_at.get_or_insert(task.created_at);
            }
            told.push(status(state, attempt, began(&task)));
            told.extend(events);
        }
        Ok(Self {
            doc: row::doc_of(&task)?,
            batch: Batch::of(&told)?,
            payload: Half::of_payload(&payload)?,
            ended: ended.as_ref().map(Half::of_ended).transpose()?,
            task,
            delivery,
        })
    }

    /// Whether it was not there before.
    fn insert(&self, conn: &Connection) -> Result<bool> {
        let Self { task, .. } = self;
        let Some(n) = row::insert(conn, task, &self.doc, self.batch.count())? else {
            same_tenant(conn, task)?;
            return Ok(false);
        };
        documents::insert(conn, n, &task.id, &self.payload, self.ended.as_ref())?;
        self.batch.append(conn, &task.id, 0)?;
        counts::count_queued(conn, &task.tenant, None, task.life.state)?;
        let ended_at = if task.life.state.is_final() { task.finished_at } else { None };
        if let Some(delivery) = &self.delivery {
            let created_at = task.created_at;
            webhooks::create(conn, delivery, &task.tenant, &task.id, created_at, ended_at)?;
        }
        if let Some(ended_at) = ended_at {
            counts::count_end(conn, task, ended_at)?;
            if let Some(usage) = &task.usage {
                counts::count_usage(conn, task, usage.cpu_ms, ended_at)?;
            }
        }
        Ok(true)
    }
}

/// When it came into its first state.
fn began(task: &Task) -> Time {
    match task.life.state {
        TaskState::Queued => task.queued_at.unwrap_or(task.created_at),
        TaskState::Running => task.started_at.unwrap_or(task.created_at),
        _ => task.created_at,
    }
}

/// The same request came twice; or an id was made up that another tenant has.
fn same_tenant(conn: &Connection, task: &Task) -> Result<()> {
    let sql = "SELECT 1 FROM tasks WHERE id = ?1 AND tenant = ?2";
    match one(conn, sql, (task.id.as_bytes(), &task.tenant), |_| Ok(()))? {
        Some(()) => Ok(()),
        None => Err(StoreError::Conflict("the id cannot be used".to_owned())),
    }
}

pub(super) fn create(conn: &Connection, tasks: &[Ready], most_queued: u64) -> Result<()> {
    let mut tenants = BTreeSet::new();
    for new in tasks {
        if new.insert(conn)? && new.task.life.state == TaskState::Queued {
            tenants.insert(new.task.tenant.as_str());
        }
    }
    // They are counted already. Those that were there before do not have to fit again.
    tenants.into_iter().try_for_each(|tenant| counts::check_queue(conn, tenant, 0, most_queued))
}
