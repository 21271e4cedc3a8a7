//! Files by key.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use super::objects;
use super::rows::{Columns, each, integer, one, row_limit, run};
use crate::store::{File, FileStore, Page, PageRequest, Result, StoreError};

const FILE: &str = "SELECT tenant, key, content, bytes, content_type, created_at, created_by
    FROM files WHERE tenant = ?1 AND key = ?2";
const FILES: &str = "SELECT tenant, key, content, bytes, content_type, created_at, created_by
    FROM files WHERE tenant = ?1 AND key >= ?2 ORDER BY key LIMIT ?3";

fn file_of(columns: &mut Columns<'_>) -> Result<File> {
    Ok(File {
        tenant: columns.take()?,
        key: columns.take()?,
        content: columns.key()?,
        bytes: columns.count()?,
        content_type: columns.take()?,
        created_at: columns.time()?,
        created_by: columns.id()?,
    })
}

fn file(conn: &Connection, tenant: &str, key: &str) -> Result<File> {
    one(conn, FILE, (tenant, key), file_of)?.ok_or(StoreError::NotFound)
}

fn stored_bytes(conn: &Connection, tenant: &str) -> Result<u64> {
    let sql = "SELECT stored_bytes FROM tenant_totals WHERE tenant = ?1";
    Ok(one(conn, sql, (tenant,), |columns| columns.count())?.unwrap_or(0))
}

fn set_stored_bytes(conn: &Connection, tenant: &str, bytes: u64) -> Result<()> {
    run(
        conn,
        "INSERT INTO tenant_totals (tenant, stored_bytes) VALUES (?1, ?2)
         ON CONFLICT (tenant) DO UPDATE SET stored_bytes = excluded.stored_bytes",
        (tenant, integer(bytes)?),
    )?;
    Ok(())
}

fn put(conn: &Connection, file: &File, most_bytes: u64) -> Result<()> {
    let File { tenant, key, bytes, .. } = file;
    let before = one(conn, FILE, (tenant, key), file_of)?;
    let others =
        stored_bytes(conn, tenant)?
            .checked_sub(before.map_or(0, |before| before.bytes))
            .ok_or_else(|| StoreError::Corrupt("files are larger than all of them".to_owned()))?;
    let total = others.saturating_add(*bytes);
    if total > most_bytes {
        return Err(StoreError::Conflict(format!(
            "the tenant's files would be {total} bytes, and may be {most_bytes}"
        )));
    }
    run(
        conn,
        "INSERT INTO files (tenant, key, content, bytes, content_type, created_at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (tenant, key) DO UPDATE SET content = excluded.content,
            bytes = excluded.bytes, content_type = excluded.content_type,
            created_at = excluded.created_at, created_by = excluded.created_by",
        (
            tenant,
            key,
            file.content.to_string(),
            integer(*bytes)?,
            &file.content_type,
            file.created_at.micros(),
            file.created_by.as_bytes(),
        ),
    )?;
    let owner = objects::of_file(tenant, key);
    objects::let_go(conn, &owner)?;
    objects::refer(conn, &owner, &file.content)?;
    set_stored_bytes(conn, tenant, total)
}

fn delete(conn: &Connection, tenant: &str, key: &str) -> Result<()> {
    let gone = file(conn, tenant, key)?;
    run(conn, "DELETE FROM files WHERE tenant = ?1 AND key = ?2", (tenant, key))?;
    objects::let_go(conn, &objects::of_file(tenant, key))?;
    let left = stored_bytes(conn, tenant)?.saturating_sub(gone.bytes);
    set_stored_bytes(conn, tenant, left)
}

#[async_trait]
impl FileStore for SqliteStore {
    async fn put_file(&self, file: File, most_bytes: u64) -> Result<()> {
        self.write(move |conn| put(conn, &file, most_bytes)).await
    }

    async fn file(&self, tenant: &str, key: &str) -> Result<File> {
        let (tenant, key) = (tenant.to_owned(), key.to_owned());
        self.read(move |conn| file(conn, &tenant, &key)).await
    }

    async fn files(&self, tenant: &str, prefix: &str, page: PageRequest) -> Result<Page<File>> {
        let (tenant, prefix) = (tenant.to_owned(), prefix.to_owned());
        self.read(move |conn| {
            // A page's key is a file's. What comes right after a text is that text and a NUL.
            let after = page.after.as_ref().map(|key| format!("{key}\0")).unwrap_or_default();
            let first = after.max(prefix.clone());
            let mut found = Vec::new();
            each(conn, FILES, (&tenant, first, row_limit(page.limit)), |columns| {
                let file = file_of(columns)?;
                let fits = file.key.starts_with(&prefix);
                if fits {
                    found.push(file);
                }
                Ok(fits)
            })?;
            Ok(Page::of(found, page.limit, |file| file.key.clone()))
        })
        .await
    }

    async fn delete_file(&self, tenant: &str, key: &str) -> Result<()> {
        let (tenant, key) = (tenant.to_owned(), key.to_owned());
        self.write(move |conn| delete(conn, &tenant, &key)).await
    }

    async fn stored_bytes(&self, tenant: &str) -> Result<u64> {
        let tenant = tenant.to_owned();
        self.read(move |conn| stored_bytes(conn, &tenant)).await
    }
}
