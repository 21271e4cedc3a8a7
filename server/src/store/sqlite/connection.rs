//! Opening the database's file, and how every connection to it is set.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::store::{Result, StoreError};

/// Another process, such as a command of the operator's, may be writing.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// More than there are statements.
const STATEMENTS: usize = 256;
/// The largest text or blob, above what inputs and results may have.
const LONGEST_VALUE: i32 = 256 * 1024 * 1024;
/// Below this a write that failed is taken to have failed for want of space.
const NO_SPACE_BYTES: u64 = 256 * 1024;

const SETTINGS: &str = "
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA mmap_size = 0;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
PRAGMA journal_size_limit = 67108864;
";

/// Makes the file if there is none: no one else may read what it will hold. SQLite gives its
/// own two files beside it the same mode.
pub(super) fn ensure_file(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all().map_err(|error| unavailable(path, &error))?;
            sync_folder(path)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o600))
                .map_err(|error| unavailable(path, &error))
        }
        Err(error) => Err(unavailable(path, &error)),
    }
}

/// A file's name is durable once its folder is.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| unavailable(path, &error))
}

pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!(
            "`{}` is where SQLite has no write-ahead log, but a log of kind `{mode}`",
            path.display()
        )));
    }
    set(&conn)?;
    Ok(conn)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    set(&conn)?;
    conn.execute_batch("PRAGMA query_only = ON")?;
    Ok(conn)
}

fn set(conn: &Connection) -> Result<()> {
    conn.execute_batch(SETTINGS)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    conn.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000)?;
    conn.set_limit(Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 4)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// SQLite says "no space" of some writes, and "input/output error" of others.
pub(super) fn as_full(path: &Path, error: StoreError) -> StoreError {
    if !matches!(error, StoreError::Unavailable(_)) {
        return error;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match rustix::fs::statvfs(folder.unwrap_or(Path::new("."))) {
        Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < NO_SPACE_BYTES => {
            StoreError::Full
        }
        _ => error,
    }
}

pub(super) fn unavailable(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Unavailable(format!("{}: {error}", path.display())),
    }
}
