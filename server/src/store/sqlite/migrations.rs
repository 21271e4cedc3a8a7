//! How the database came to its present form: numbered changes, each applied once.
//!
//! A change that was released is never edited: its checksum is in every database.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::rows::{all, run};
use crate::store::{Result, StoreError};

struct Migration {
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_initial", sql: include_str!("migrations/0001_initial.sql") },
    Migration { name: "0002_cache_keys", sql: include_str!("migrations/0002_cache_keys.sql") },
];

/// `MCPY`: what a file of ours says it is.
const APPLICATION: i32 = 0x4d43_5059;

const APPLIED: &str = "
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

/// Brings the database to this server's form. Two processes may do so at once.
pub(super) fn migrate(conn: &Connection) -> Result<()> {
    if pending(conn)?.is_empty() {
        return Ok(());
    }
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let outcome = migrate_within(conn).and_then(|()| Ok(conn.execute_batch("COMMIT")?));
    if outcome.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    outcome
}

fn migrate_within(conn: &Connection) -> Result<()> {
    // Another process may have been quicker.
    let pending = pending(conn)?;
    conn.pragma_update(None, "application_id", APPLICATION)?;
    conn.execute_batch(APPLIED)?;
    for name in pending {
        let Some(index) = MIGRATIONS.iter().position(|migration| migration.name == name) else {
            continue;
        };
        let migration = &MIGRATIONS[index];
        conn.execute_batch(migration.sql)?;
        run(
            conn,
            "INSERT INTO migrations (number, name, checksum, applied_at)
             VALUES (?1, ?2, ?3, unixepoch() * 1000000)",
            (number(index), migration.name, checksum(migration.sql)),
        )?;
    }
    Ok(())
}

/// Names of the migrations that the database has not seen. `Conflict` if it is not ours, or
/// was made by a later server, or by one that differs.
pub(super) fn pending(conn: &Connection) -> Result<Vec<&'static str>> {
    let names = || MIGRATIONS.iter().map(|migration| migration.name);
    let application: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(names().collect());
    }
    if application != APPLICATION {
        return Err(refused("the file is another program's database"));
    }
    let applied = all(
        conn,
        "SELECT number, name, checksum FROM migrations ORDER BY number",
        (),
        |columns| {
            Ok((columns.take::<i64>()?, columns.take::<String>()?, columns.take::<String>()?))
        },
    )?;
    for (index, (at, name, sum)) in applied.iter().enumerate() {
        let Some(migration) = MIGRATIONS.get(index) else {
            return Err(refused(&format!(
                "the database is newer than this server: it has the migration `{name}`"
            )));
        };
        if *at != number(index) || *sum != checksum(migration.sql) {
            return Err(refused(&format!(
                "the database's migration `{name}` is not this server's `{}`",
                migration.name
            )));
        }
    }
    Ok(names().skip(applied.len()).collect())
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(why: &str) -> StoreError {
    StoreError::Conflict(why.to_owned())
}
