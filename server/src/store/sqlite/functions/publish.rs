//! Making a release visible, with all of its functions at once.

use rusqlite::Connection;

use super::{Owned, owned, set_latest, visibility_text};
use crate::store::sqlite::objects;
use crate::store::sqlite::rows::{Columns, one, run, to_json};
use crate::store::{FunctionRelease, Publication, Release, Result, StoreError, Visibility};

/// A release that the package has already.
struct Known {
    n: i64,
    release: Release,
    /// Some function of it is not deleted: its objects are there.
    is_live: bool,
}

const KNOWN: &str = "SELECT n, doc, EXISTS (
        SELECT 1 FROM function_releases WHERE release = releases.n AND deleted_at IS NULL)
    FROM releases WHERE tenant = ?1 AND package = ?2 AND version = ?3";

fn known_of(columns: &mut Columns<'_>) -> Result<Known> {
    Ok(Known { n: columns.take()?, release: columns.json()?, is_live: columns.take()? })
}

/// Says whether the version is new: it is not if it was there, also deleted.
pub(in crate::store::sqlite) fn publish(
    conn: &Connection,
    publication: &Publication,
) -> Result<bool> {
    let release = &publication.release;
    for function in &publication.functions {
        check(conn, publication, function)?;
    }
    let key = (&release.tenant, &release.package, release.version.to_string());
    let known = one(conn, KNOWN, key, known_of)?;
    let is_new = known.is_none();
    let (n, keeps_content) = match known {
        Some(known) => (known.n, keep(conn, known, release)?),
        None => (insert(conn, release)?, false),
    };
    for function in &publication.functions {
        put_function(conn, publication, function)?;
        put_release(conn, publication, function, n, keeps_content)?;
        set_latest(conn, &release.tenant, &function.id, Some(n))?;
    }
    Ok(is_new)
}

fn check(conn: &Connection, publication: &Publication, function: &FunctionRelease) -> Result<()> {
    let release = &publication.release;
    let Some(there) = owned(conn, &release.tenant, &function.id)? else { return Ok(()) };
    if there.package != release.package {
        // A deleted function's id is free for other packages.
        return if there.latest.is_none() {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!(
                "the function `{}` is of the package `{}`",
                function.id, there.package
            )))
        };
    }
    // Also if it is deleted: to restore it is to change it.
    let is_others = there.visibility == Visibility::Private && there.owner != publication.account;
    if is_others && !publication.is_admin {
        return Err(StoreError::Conflict(format!(
            "the function `{}` is private and was deployed by another account",
            function.id
        )));
    }
    let changes = publication.visibility.is_some_and(|wanted| wanted != there.visibility);
    if changes && there.owner != publication.account && !publication.is_admin {
        return Err(StoreError::Conflict(format!(
            "the function `{}` was deployed by another account: only that or an administrator \
             changes who may see it",
            function.id
        )));
    }
    Ok(())
}

fn insert(conn: &Connection, release: &Release) -> Result<i64> {
    run(
        conn,
        "INSERT INTO releases (tenant, package, version, checksum, doc)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            &release.tenant,
            &release.package,
            release.version.to_string(),
            &release.checksum,
            to_json(release)?,
        ),
    )?;
    let n = conn.last_insert_rowid();
    refer(conn, n, release)?;
    Ok(n)
}

fn refer(conn: &Connection, n: i64, release: &Release) -> Result<()> {
    let owner = objects::of_release(n);
    objects::let_go(conn, &owner)?;
    for key in [Some(&release.source), release.dependencies.as_ref()].into_iter().flatten() {
        objects::refer(conn, &owner, key)?;
    }
    Ok(())
}

/// Whether the content that is stored stays. The objects of a release that was deleted may be
/// gone: what was brought now takes their place, under the same first deploy.
fn keep(conn: &Connection, known: Known, brought: &Release) -> Result<bool> {
    if known.release.checksum != brought.checksum {
        return Err(StoreError::Conflict(format!(
            "the version {} is of other content, whose checksum begins with the same digits",
            brought.version
        )));
    }
    if known.is_live {
        return Ok(true);
    }
    let release = Release {
        created_at: known.release.created_at,
        created_by: known.release.created_by,
        ..brought.clone()
    };
    run(conn, "UPDATE releases SET doc = ?2 WHERE n = ?1", (known.n, to_json(&release)?))?;
    refer(conn, known.n, &release)?;
    Ok(false)
}

fn put_function(
    conn: &Connection,
    publication: &Publication,
    function: &FunctionRelease,
) -> Result<()> {
    let Publication { release, visibility, account, now, .. } = publication;
    let tenant = &release.tenant;
    match owned(conn, tenant, &function.id)? {
        Some(Owned { package, .. }) if package == release.package => {
            if let Some(visibility) = visibility {
                run(
                    conn,
                    "UPDATE functions SET visibility = ?3 WHERE tenant = ?1 AND id = ?2",
                    (tenant, &function.id, visibility_text(*visibility)),
                )?;
            }
        }
        _ => {
            run(
                conn,
                "INSERT INTO functions (tenant, id, package, visibility, owner, created_at,
                    search, tags)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', '[]')
                 ON CONFLICT (tenant, id) DO UPDATE SET package = excluded.package,
                    visibility = excluded.visibility, owner = excluded.owner,
                    created_at = excluded.created_at",
                (
                    tenant,
                    &function.id,
                    &release.package,
                    visibility_text(visibility.unwrap_or_default()),
                    account.as_bytes(),
                    now.micros(),
                ),
            )?;
        }
    }
    Ok(())
}

fn put_release(
    conn: &Connection,
    publication: &Publication,
    function: &FunctionRelease,
    n: i64,
    keeps_content: bool,
) -> Result<()> {
    let Publication { release, now, .. } = publication;
    let stored: Option<FunctionRelease> = one(
        conn,
        "SELECT doc FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND release = ?3",
        (&release.tenant, &function.id, n),
        |columns| columns.json(),
    )?;
    let mut function = function.clone();
    if keeps_content && let Some(stored) = stored {
        let (snapshot, no_snapshot) = (function.snapshot.take(), function.no_snapshot.take());
        function = FunctionRelease { snapshot, no_snapshot, ..stored };
    }
    run(
        conn,
        "INSERT INTO function_releases (tenant, function, release, version, turn, deployed_at, doc)
         VALUES (?1, ?2, ?3, ?4, 1 + COALESCE((SELECT MAX(turn) FROM function_releases
            WHERE tenant = ?1 AND function = ?2), 0), ?5, ?6)
         ON CONFLICT (tenant, function, release) DO UPDATE SET turn = excluded.turn,
            deployed_at = excluded.deployed_at, deleted_at = NULL, doc = excluded.doc",
        (
            &release.tenant,
            &function.id,
            n,
            release.version.to_string(),
            now.micros(),
            to_json(&function)?,
        ),
    )?;
    let owner = objects::of_function(n, &function.id);
    objects::let_go(conn, &owner)?;
    if let Some((_, key)) = &function.snapshot {
        objects::refer(conn, &owner, key)?;
    }
    Ok(())
}
