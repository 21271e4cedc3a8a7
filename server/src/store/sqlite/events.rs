//! Events, a batch a row. Whose they are keeps the count, so that numbers have no gaps.

use async_trait::async_trait;
use model::task::Event as TaskEvent;
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{each, integer, one, run, to_json};
use super::tasks::stored;
use crate::clock::Time;
use crate::store::{Event, EventStore, NewEvent, Result};

/// Events to be written, as text.
pub(super) struct Batch {
    json: String,
    count: i64,
}

impl Batch {
    pub fn of(events: &[NewEvent]) -> Result<Self> {
        let count = integer(events.len() as u64)?;
        Ok(Self { json: to_json(&events)?, count })
    }

    pub fn count(&self) -> i64 {
        self.count
    }

    /// After the `before` events that there are; nothing, if there are none in it.
    pub fn append(&self, conn: &Connection, subject: &Uuid, before: i64) -> Result<()> {
        if self.count > 0 {
            run(
                conn,
                "INSERT INTO events (subject, first, batch) VALUES (?1, ?2, ?3)",
                (subject.as_bytes(), before + 1, &self.json),
            )?;
        }
        Ok(())
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn events(&self, subject: Uuid, after: u64, limit: usize) -> Result<Vec<Event>> {
        self.read(move |conn| {
            let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
            let mut events = Vec::new();
            each(
                conn,
                // From the batch that the next one is in.
                "SELECT first, batch FROM events
                 WHERE subject = ?1 AND first >= COALESCE((SELECT MAX(first) FROM events
                    WHERE subject = ?1 AND first <= ?2), 0)
                 ORDER BY first",
                (subject.as_bytes(), after.saturating_add(1)),
                |columns| {
                    let first = columns.count()?;
                    let batch: Vec<NewEvent> = columns.json()?;
                    let numbered = (first..).zip(batch).map(|(number, event)| Event {
                        number,
                        kind: event.kind,
                        at: event.at,
                        data: event.data,
                    });
                    events.extend(numbered.filter(|event| event.number > after.unsigned_abs()));
                    Ok(events.len() < limit.max(1))
                },
            )?;
            Ok(events)
        })
        .await
    }

    async fn append_events(&self, task: Uuid, fence: u64, events: Vec<NewEvent>) -> Result<()> {
        let batch = Batch::of(&events)?;
        let fence_held = integer(fence)?;
        self.write(move |conn| {
            let count = one(
                conn,
                "UPDATE tasks SET events = events + ?3
                 WHERE id = ?1 AND state = 'running' AND fence = ?2 RETURNING events",
                (task.as_bytes(), fence_held, batch.count()),
                |columns| columns.take::<i64>(),
            )?;
            match count {
                Some(count) => batch.append(conn, &task, count - batch.count()),
                // The task's own rules say why not.
                None => {
                    let renew = TaskEvent::Renew { fence, until: Time::EPOCH.into() };
                    stored(conn, &task)?.task.life.after(&renew, Time::EPOCH.into())?;
                    Ok(())
                }
            }
        })
        .await
    }
}
