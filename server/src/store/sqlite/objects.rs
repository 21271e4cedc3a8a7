//! Which objects of the object store are needed, and by what.

use rusqlite::Connection;
use uuid::Uuid;

use super::rows::{all, bounded, one, run};
use crate::blobs::BlobKey;
use crate::store::Result;

pub(super) fn of_task(id: &Uuid) -> String {
    format!("task:{}", id.simple())
}

pub(super) fn of_release(release: i64) -> String {
    format!("release:{release}")
}

pub(super) fn of_function(release: i64, function: &str) -> String {
    format!("function:{release}/{function}")
}

pub(super) fn of_file(tenant: &str, key: &str) -> String {
    format!("file:{tenant}/{key}")
}

pub(super) fn refer(conn: &Connection, owner: &str, key: &BlobKey) -> Result<()> {
    run(
        conn,
        "INSERT INTO object_references (owner, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        (owner, key.to_string()),
    )?;
    Ok(())
}

/// Lets go of all that an owner refers to.
pub(super) fn let_go(conn: &Connection, owner: &str) -> Result<()> {
    run(conn, "DELETE FROM object_references WHERE owner = ?1", (owner,))?;
    Ok(())
}

pub(super) fn is_referenced(conn: &Connection, key: &BlobKey) -> Result<bool> {
    let found = one(
        conn,
        "SELECT 1 FROM object_references WHERE key = ?1 LIMIT 1",
        (key.to_string(),),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// In the order of keys, each once.
pub(super) fn all_after(conn: &Connection, after: &str, limit: usize) -> Result<Vec<BlobKey>> {
    all(
        conn,
        "SELECT DISTINCT key FROM object_references WHERE key > ?1 ORDER BY key LIMIT ?2",
        (after, bounded(limit)),
        |columns| columns.key(),
    )
}
