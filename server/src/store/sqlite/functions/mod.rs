//! Packages, releases and functions. `publish` makes them, `lookup` finds one, `list` many,
//! `retire` deletes.

mod list;
mod lookup;
mod publish;
mod retire;

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{Columns, one, run, to_json};
use crate::clock::Time;
use crate::store::{
    Function, FunctionFilter, FunctionName, FunctionStore, Package, Page, PageRequest, Publication,
    Result, StoreError, VersionQuery, Visibility,
};
use model::PackageVersion;

pub(super) use publish::publish;

/// What follows `SELECT` for `function_of`: a function, a release of it, and that release.
const FUNCTION: &str = "functions.tenant, functions.id, functions.visibility, functions.owner,
        functions.created_at, function_releases.deployed_at, releases.doc, function_releases.doc";

fn function_of(columns: &mut Columns<'_>) -> Result<Function> {
    Ok(Function {
        name: FunctionName { tenant: columns.take()?, id: columns.take()? },
        visibility: columns.named(parse_visibility)?,
        owner: columns.id()?,
        created_at: columns.time()?,
        deployed_at: columns.time()?,
        release: columns.json()?,
        function: columns.json()?,
    })
}

fn visibility_text(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "private",
        Visibility::Company => "company",
        Visibility::Public => "public",
    }
}

fn parse_visibility(text: &str) -> Option<Visibility> {
    [Visibility::Private, Visibility::Company, Visibility::Public]
        .into_iter()
        .find(|visibility| visibility_text(*visibility) == text)
}

/// A function's own row.
struct Owned {
    package: String,
    visibility: Visibility,
    owner: Uuid,
    latest: Option<i64>,
}

fn owned(conn: &Connection, tenant: &str, id: &str) -> Result<Option<Owned>> {
    one(
        conn,
        "SELECT package, visibility, owner, latest FROM functions WHERE tenant = ?1 AND id = ?2",
        (tenant, id),
        |columns| {
            Ok(Owned {
                package: columns.take()?,
                visibility: columns.named(parse_visibility)?,
                owner: columns.id()?,
                latest: columns.take()?,
            })
        },
    )
}

/// Makes `release` the one that the function is listed with, or none.
fn set_latest(conn: &Connection, tenant: &str, id: &str, release: Option<i64>) -> Result<()> {
    let Some(release) = release else {
        run(
            conn,
            "UPDATE functions SET latest = NULL WHERE tenant = ?1 AND id = ?2",
            (tenant, id),
        )?;
        return Ok(());
    };
    let function = lookup::of_release(conn, tenant, id, release)?;
    let listed = list::Listed::of(&function);
    run(
        conn,
        "UPDATE functions SET latest = ?3, search = ?4, category = ?5, tags = ?6
         WHERE tenant = ?1 AND id = ?2",
        (tenant, id, release, listed.search, listed.category, to_json(&listed.tags)?),
    )?;
    Ok(())
}

#[async_trait]
impl FunctionStore for SqliteStore {
    async fn publish(&self, publication: Publication) -> Result<bool> {
        self.write(move |conn| publish(conn, &publication)).await
    }

    async fn functions(
        &self,
        tenant: &str,
        viewer: Option<Uuid>,
        filter: &FunctionFilter,
        page: PageRequest,
    ) -> Result<Page<Function>> {
        let (tenant, filter) = (tenant.to_owned(), filter.clone());
        self.read(move |conn| list::functions(conn, &tenant, viewer, &filter, &page)).await
    }

    async fn function(
        &self,
        name: &FunctionName,
        version: &VersionQuery,
    ) -> Result<Option<Function>> {
        let (name, version) = (name.clone(), version.clone());
        self.read(move |conn| lookup::function(conn, &name, &version)).await
    }

    async fn releases(&self, name: &FunctionName, page: PageRequest) -> Result<Page<Function>> {
        let name = name.clone();
        self.read(move |conn| lookup::releases(conn, &name, &page)).await
    }

    async fn delete_function(&self, name: &FunctionName, now: Time) -> Result<()> {
        let name = name.clone();
        self.write(move |conn| retire::function(conn, &name, now)).await
    }

    async fn delete_release(
        &self,
        name: &FunctionName,
        version: &PackageVersion,
        now: Time,
    ) -> Result<()> {
        let (name, version) = (name.clone(), version.clone());
        self.write(move |conn| retire::release(conn, &name, &version, now)).await
    }

    async fn set_visibility(&self, name: &FunctionName, visibility: Visibility) -> Result<()> {
        let name = name.clone();
        self.write(move |conn| {
            let changed = run(
                conn,
                "UPDATE functions SET visibility = ?3
                 WHERE tenant = ?1 AND id = ?2 AND latest IS NOT NULL",
                (&name.tenant, &name.id, visibility_text(visibility)),
            )?;
            if changed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
        })
        .await
    }

    async fn has_release(&self, package: &Package, version: &PackageVersion) -> Result<bool> {
        let (package, version) = (package.clone(), version.to_string());
        self.read(move |conn| {
            let found = one(
                conn,
                "SELECT 1 FROM releases WHERE tenant = ?1 AND package = ?2 AND version = ?3
                    AND EXISTS (SELECT 1 FROM function_releases
                        WHERE release = releases.n AND deleted_at IS NULL)",
                (&package.tenant, &package.name, version),
                |_| Ok(()),
            )?;
            Ok(found.is_some())
        })
        .await
    }
}
