//! Forgetting what is older than its retention.

use rusqlite::Connection;

use super::rows::{bounded, run};
use crate::store::{Result, Retention};

/// A key that was never answered goes too: whoever had it is gone since long.
const ANSWERS: &str = "DELETE FROM idempotency_keys WHERE (account, key) IN (
    SELECT account, key FROM idempotency_keys WHERE begun_at < ?1 ORDER BY begun_at LIMIT ?2)";
const CACHED_RESULTS: &str = "DELETE FROM cached_results WHERE (tenant, cache_key) IN (
    SELECT tenant, cache_key FROM cached_results
    WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)";
const DEPLOYMENT_EVENTS: &str = "DELETE FROM events WHERE subject IN (
    SELECT id FROM deployments WHERE finished_at IS NOT NULL AND finished_at < ?1
    ORDER BY finished_at, id LIMIT ?2)";
const DEPLOYMENTS: &str = "DELETE FROM deployments WHERE id IN (
    SELECT id FROM deployments WHERE finished_at IS NOT NULL AND finished_at < ?1
    ORDER BY finished_at, id LIMIT ?2)";
const DELIVERIES: &str = "DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE ended_at IS NOT NULL AND ended_at < ?1
    ORDER BY ended_at LIMIT ?2)";

pub(super) fn forget(conn: &Connection, before: &Retention, limit: usize) -> Result<u64> {
    let limit = bounded(limit);
    // The same deployments as below; their events do not count.
    run(conn, DEPLOYMENT_EVENTS, (before.deployments.micros(), limit))?;
    let mut gone = 0;
    for (sql, time) in [
        (ANSWERS, before.answers),
        (CACHED_RESULTS, before.cached_results),
        (DEPLOYMENTS, before.deployments),
        (DELIVERIES, before.deliveries),
    ] {
        gone += run(conn, sql, (time.micros(), limit))? as u64;
    }
    Ok(gone)
}
