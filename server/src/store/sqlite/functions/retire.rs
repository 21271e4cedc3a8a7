//! Deleting functions and releases. Rows stay: tasks name them, and a deploy of the same
//! content restores them. Objects are let go once no function needs them.

use model::PackageVersion;
use rusqlite::Connection;

use super::{owned, set_latest};
use crate::clock::Time;
use crate::store::sqlite::objects;
use crate::store::sqlite::rows::{all, one, run};
use crate::store::{FunctionName, Result, StoreError};

pub(super) fn function(conn: &Connection, name: &FunctionName, now: Time) -> Result<()> {
    if owned(conn, &name.tenant, &name.id)?.and_then(|owned| owned.latest).is_none() {
        return Err(StoreError::NotFound);
    }
    let live = all(
        conn,
        "SELECT release FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND deleted_at IS NULL",
        (&name.tenant, &name.id),
        |columns| columns.take::<i64>(),
    )?;
    set_latest(conn, &name.tenant, &name.id, None)?;
    for release in live {
        delete(conn, name, release, now)?;
    }
    Ok(())
}

pub(super) fn release(
    conn: &Connection,
    name: &FunctionName,
    version: &PackageVersion,
    now: Time,
) -> Result<()> {
    let release: i64 = one(
        conn,
        "SELECT release FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND version = ?3 AND deleted_at IS NULL
         ORDER BY turn DESC LIMIT 1",
        (&name.tenant, &name.id, version.to_string()),
        |columns| columns.take(),
    )?
    .ok_or(StoreError::NotFound)?;
    delete(conn, name, release, now)?;
    let latest: Option<i64> = one(
        conn,
        "SELECT release FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND deleted_at IS NULL ORDER BY turn DESC LIMIT 1",
        (&name.tenant, &name.id),
        |columns| columns.take(),
    )?;
    set_latest(conn, &name.tenant, &name.id, latest)
}

fn delete(conn: &Connection, name: &FunctionName, release: i64, now: Time) -> Result<()> {
    run(
        conn,
        "UPDATE function_releases SET deleted_at = ?4
         WHERE tenant = ?1 AND function = ?2 AND release = ?3",
        (&name.tenant, &name.id, release, now.micros()),
    )?;
    let is_live = one(
        conn,
        "SELECT 1 FROM function_releases WHERE release = ?1 AND deleted_at IS NULL LIMIT 1",
        (release,),
        |_| Ok(()),
    )?;
    if is_live.is_some() {
        return Ok(());
    }
    objects::let_go(conn, &objects::of_release(release))?;
    let functions = all(
        conn,
        "SELECT function FROM function_releases WHERE tenant = ?1 AND release = ?2",
        (&name.tenant, release),
        |columns| columns.take::<String>(),
    )?;
    functions
        .iter()
        .try_for_each(|function| objects::let_go(conn, &objects::of_function(release, function)))
}
