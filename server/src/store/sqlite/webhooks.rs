//! Deliveries of webhooks, and the secrets that they are signed with.

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{
    Columns, after_time_and_id, all, bounded, micros, one, row_limit, run, time_key, to_json,
};
use crate::clock::Time;
use crate::store::{
    Delivery, DeliveryAttempt, DeliveryState, NewDelivery, Page, PageRequest, Result, StoreError,
    WebhookStore,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, task, url, sealed_secret, state, created_at, next_attempt_at,
                attempts FROM deliveries ",
            $rest
        )
    };
}

const DUE: &str = select!(
    "INDEXED BY deliveries_due WHERE state = 'pending' AND due_at <= ?1 ORDER BY due_at LIMIT ?2"
);
const DELIVERIES: &str = select!(
    "INDEXED BY deliveries_newest WHERE tenant = ?1 AND (created_at, id) < (?2, ?3)
     ORDER BY created_at DESC, id DESC LIMIT ?4"
);
const DELIVERIES_OF_TASK: &str = select!(
    "INDEXED BY deliveries_of_task
     WHERE task = ?5 AND (created_at, id) < (?2, ?3) AND tenant = ?1
     ORDER BY created_at DESC, id DESC LIMIT ?4"
);
const DELIVERY: &str = select!("WHERE id = ?1");

pub(super) fn state_text(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
    }
}

fn parse_state(text: &str) -> Option<DeliveryState> {
    use DeliveryState::{Delivered, Failed, Pending, Waiting};
    [Waiting, Pending, Delivered, Failed].into_iter().find(|state| state_text(*state) == text)
}

fn delivery_of(columns: &mut Columns<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: columns.id()?,
        tenant: columns.take()?,
        task: columns.id()?,
        url: columns.take()?,
        sealed_secret: columns.take()?,
        state: columns.named(parse_state)?,
        created_at: columns.time()?,
        next_attempt_at: columns.maybe_time()?,
        attempts: columns.json()?,
    })
}

fn delivery(conn: &Connection, id: &Uuid) -> Result<Delivery> {
    one(conn, DELIVERY, (id.as_bytes(),), delivery_of)?.ok_or(StoreError::NotFound)
}

/// Made with its task: to be sent at once if that has ended, at `ended_at`.
pub(super) fn create(
    conn: &Connection,
    delivery: &NewDelivery,
    tenant: &str,
    task: &Uuid,
    created_at: Time,
    ended_at: Option<Time>,
) -> Result<()> {
    let state = if ended_at.is_some() { DeliveryState::Pending } else { DeliveryState::Waiting };
    run(
        conn,
        "INSERT INTO deliveries (id, tenant, task, url, sealed_secret, state, created_at,
            next_attempt_at, due_at, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, '[]')",
        (
            delivery.id.as_bytes(),
            tenant,
            task.as_bytes(),
            &delivery.url,
            &delivery.sealed_secret,
            state_text(state),
            created_at.micros(),
            micros(ended_at),
        ),
    )?;
    Ok(())
}

/// The task has ended.
pub(super) fn make_pending(conn: &Connection, task: &Uuid, now: Time) -> Result<()> {
    run(
        conn,
        "UPDATE deliveries SET state = 'pending', next_attempt_at = ?2, due_at = ?2
         WHERE task = ?1 AND state = 'waiting'",
        (task.as_bytes(), now.micros()),
    )?;
    Ok(())
}

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn due_deliveries(
        &self,
        now: Time,
        hold_until: Time,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        self.write(move |conn| {
            let due = all(conn, DUE, (now.micros(), bounded(limit)), delivery_of)?;
            for delivery in &due {
                run(
                    conn,
                    "UPDATE deliveries SET due_at = ?2 WHERE id = ?1",
                    (delivery.id.as_bytes(), hold_until.micros()),
                )?;
            }
            Ok(due)
        })
        .await
    }

    async fn record_attempt(
        &self,
        id: Uuid,
        attempt: DeliveryAttempt,
        state: DeliveryState,
        next_attempt_at: Option<Time>,
    ) -> Result<()> {
        self.write(move |conn| {
            let mut attempts = delivery(conn, &id)?.attempts;
            let duration_ms = finite(attempt.duration_ms);
            let at = attempt.at;
            attempts.push(DeliveryAttempt { duration_ms, ..attempt });
            let (next, ended) = match state {
                // Without a time it would never be sent.
                DeliveryState::Pending => (next_attempt_at.or(Some(at)), None),
                DeliveryState::Delivered | DeliveryState::Failed => (None, Some(at)),
                DeliveryState::Waiting => (None, None),
            };
            run(
                conn,
                "UPDATE deliveries
                 SET state = ?2, next_attempt_at = ?3, due_at = ?3, ended_at = ?4, attempts = ?5
                 WHERE id = ?1",
                (
                    id.as_bytes(),
                    state_text(state),
                    micros(next),
                    micros(ended),
                    to_json(&attempts)?,
                ),
            )?;
            Ok(())
        })
        .await
    }

    async fn deliveries(
        &self,
        tenant: &str,
        task: Option<Uuid>,
        page: PageRequest,
    ) -> Result<Page<Delivery>> {
        let tenant = tenant.to_owned();
        let (at, id) = after_time_and_id(&page)?;
        self.read(move |conn| {
            let limit = row_limit(page.limit);
            let found = match task {
                Some(task) => {
                    let params = (tenant, at, id.as_bytes(), limit, task.as_bytes());
                    all(conn, DELIVERIES_OF_TASK, params, delivery_of)?
                }
                None => all(conn, DELIVERIES, (tenant, at, id.as_bytes(), limit), delivery_of)?,
            };
            Ok(Page::of(found, page.limit, |delivery| {
                time_key(delivery.created_at, &delivery.id.to_string())
            }))
        })
        .await
    }

    async fn delivery(&self, tenant: &str, id: Uuid) -> Result<Delivery> {
        let tenant = tenant.to_owned();
        self.read(move |conn| of_tenant(delivery(conn, &id)?, &tenant)).await
    }

    async fn redeliver(&self, tenant: &str, id: Uuid, now: Time) -> Result<()> {
        let tenant = tenant.to_owned();
        self.write(move |conn| {
            let delivery = of_tenant(delivery(conn, &id)?, &tenant)?;
            match delivery.state {
                DeliveryState::Waiting => {
                    return Err(StoreError::Conflict("the task has not ended".to_owned()));
                }
                DeliveryState::Pending => {
                    return Err(StoreError::Conflict("it is to be sent already".to_owned()));
                }
                DeliveryState::Delivered | DeliveryState::Failed => {}
            }
            run(
                conn,
                "UPDATE deliveries
                 SET state = 'pending', next_attempt_at = ?2, due_at = ?2, ended_at = NULL
                 WHERE id = ?1",
                (id.as_bytes(), now.micros()),
            )?;
            Ok(())
        })
        .await
    }

    async fn webhook_secret(&self, tenant: &str, or_else: Vec<u8>) -> Result<Vec<u8>> {
        let tenant = tenant.to_owned();
        self.write(move |conn| {
            run(
                conn,
                "INSERT INTO webhook_secrets (tenant, sealed) VALUES (?1, ?2)
                 ON CONFLICT DO NOTHING",
                (&tenant, or_else),
            )?;
            let sql = "SELECT sealed FROM webhook_secrets WHERE tenant = ?1";
            one(conn, sql, (&tenant,), |columns| columns.take())?.ok_or(StoreError::NotFound)
        })
        .await
    }

    async fn replace_webhook_secret(&self, tenant: &str, sealed: Vec<u8>) -> Result<()> {
        let tenant = tenant.to_owned();
        self.write(move |conn| {
            run(
                conn,
                "INSERT INTO webhook_secrets (tenant, sealed) VALUES (?1, ?2)
                 ON CONFLICT (tenant) DO UPDATE SET sealed = excluded.sealed",
                (tenant, sealed),
            )?;
            Ok(())
        })
        .await
    }
}

fn of_tenant(delivery: Delivery, tenant: &str) -> Result<Delivery> {
    if delivery.tenant == tenant { Ok(delivery) } else { Err(StoreError::NotFound) }
}

/// JSON has no other numbers.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}
