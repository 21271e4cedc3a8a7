//! The embedded database: one SQLite file, a thread that writes, a few that read.
//!
//! Every write is durable before it is answered. What a method means is said by the traits;
//! here is how it is done in SQL. Statements are constants, or are put together of constants.

mod connection;
mod deployments;
mod errors;
mod events;
mod files;
mod forget;
mod functions;
mod idempotency;
mod identity;
mod migrations;
mod objects;
mod readers;
mod rows;
mod tasks;
#[cfg(test)]
mod tests;
mod tokens;
mod webhooks;
mod writer;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::connection::{as_full, open_reader, open_writer, sync_folder, unavailable};
use self::readers::Readers;
use self::rows::run;
use self::writer::Writer;
use super::{Result, Retention, Store, StoreError};
use crate::blobs::BlobKey;
use crate::clock::SharedClock;

/// The file's usual name, in the server's data folder.
pub const FILE_NAME: &str = "mecapy.db";

/// The database of one server. Other processes may have it open too. Dropped, it is closed,
/// after what was asked of it is done.
pub struct SqliteStore {
    path: PathBuf,
    clock: SharedClock,
    // Readers end first: the last connection that closes moves the log into the database.
    readers: Readers,
    writer: Writer,
    #[cfg(test)]
    _folder: Option<tempfile::TempDir>,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, and brings it to this server's form. Blocks
    /// for as long as that takes. `Conflict` if it is not ours or of another version.
    pub fn open(path: &Path, clock: SharedClock) -> Result<Arc<Self>> {
        Self::open_at(path, clock).map(Arc::new).map_err(|error| as_full(path, error))
    }

    fn open_at(path: &Path, clock: SharedClock) -> Result<Self> {
        connection::ensure_file(path)?;
        let conn = open_writer(path)?;
        migrations::migrate(&conn)?;
        let readers = Readers::start(path)?;
        let writer = Writer::start(path, conn)?;
        Ok(Self {
            path: path.to_owned(),
            clock,
            readers,
            writer,
            #[cfg(test)]
            _folder: None,
        })
    }

    /// One in a folder of its own that goes with it.
    #[cfg(test)]
    pub fn temporary() -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(crate::clock::SystemClock);
        let mut store =
            Self::open_at(&folder.path().join(FILE_NAME), clock).expect("a new database");
        store._folder = Some(folder);
        Arc::new(store)
    }

    /// Names of the migrations that `open` would apply; all, if there is no file.
    pub fn pending_migrations(path: &Path) -> Result<Vec<&'static str>> {
        if path.try_exists().map_err(|error| unavailable(path, &error))? {
            migrations::pending(&open_reader(path)?)
        } else {
            migrations::pending(&Connection::open_in_memory()?)
        }
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer.write(work).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.readers.read(work).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn check(&self) -> Result<()> {
        self.read(|conn| {
            rows::one(conn, "SELECT 1", (), |_| Ok(()))?;
            Ok(())
        })
        .await?;
        self.write(|conn| {
            run(
                conn,
                "INSERT INTO checks (id, made) VALUES (1, 1)
                 ON CONFLICT (id) DO UPDATE SET made = made + 1",
                (),
            )?;
            Ok(())
        })
        .await
    }

    async fn referenced(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let keys = keys.to_vec();
        self.read(move |conn| {
            let mut found = Vec::new();
            for key in keys {
                if objects::is_referenced(conn, &key)? {
                    found.push(key);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn references(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<BlobKey>> {
        let after = after.map(BlobKey::to_string).unwrap_or_default();
        self.read(move |conn| objects::all_after(conn, &after, limit)).await
    }

    async fn forget(&self, before: &Retention, limit: usize) -> Result<u64> {
        let before = *before;
        self.write(move |conn| forget::forget(conn, &before, limit)).await
    }

    /// `Conflict` if there is a file of that name. The copy is made by a thread of its own:
    /// reads and writes go on.
    async fn copy_to(&self, path: &Path) -> Result<()> {
        let (from, to) = (self.path.clone(), path.to_owned());
        let (answer, answered) = oneshot::channel();
        thread::Builder::new()
            .name("store-copy".to_owned())
            .spawn(move || {
                let _ = answer.send(copy(&from, &to).map_err(|error| as_full(&to, error)));
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        answered.await.unwrap_or_else(|_| Err(writer::gone()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // SQLite writes into an empty file, which nobody else may read.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            StoreError::Conflict(format!("`{}` is there already", to.display()))
        }
        _ => unavailable(to, &error),
    })?;
    let copied = vacuum_into(from, to).and_then(|()| {
        file.sync_all().map_err(|error| unavailable(to, &error))?;
        sync_folder(to)
    });
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

fn vacuum_into(from: &Path, to: &Path) -> Result<()> {
    let to = to
        .to_str()
        .ok_or_else(|| StoreError::Conflict("the copy's path is not valid Unicode".to_owned()))?;
    // Not a reader's connection: it may not write, wherever that is.
    let conn = open_writer(from)?;
    conn.execute("VACUUM INTO ?1", (to,))?;
    Ok(())
}
