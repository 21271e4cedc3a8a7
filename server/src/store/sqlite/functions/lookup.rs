//! One function by its name and a version, and its releases.

use std::cmp::Ordering;

use model::PackageVersion;
use rusqlite::Connection;
use semver::Version;

use super::{FUNCTION, function_of};
use crate::store::sqlite::rows::{all, each, integer, invalid_key, one, row_limit};
use crate::store::{Function, FunctionName, Page, PageRequest, Result, StoreError, VersionQuery};

fn joined(rest: &str) -> String {
    format!(
        "SELECT {FUNCTION}, function_releases.turn FROM function_releases
         JOIN functions ON functions.tenant = function_releases.tenant
            AND functions.id = function_releases.function
         JOIN releases ON releases.n = function_releases.release
         WHERE function_releases.tenant = ?1 AND function_releases.function = ?2 AND {rest}"
    )
}

/// Deleted or not.
pub(super) fn of_release(
    conn: &Connection,
    tenant: &str,
    id: &str,
    release: i64,
) -> Result<Function> {
    let sql = joined("function_releases.release = ?3");
    one(conn, &sql, (tenant, id, release), function_of)?
        .ok_or_else(|| StoreError::Corrupt(format!("{tenant}/{id} has no release {release}")))
}

pub(super) fn function(
    conn: &Connection,
    name: &FunctionName,
    version: &VersionQuery,
) -> Result<Option<Function>> {
    let key = (&name.tenant, &name.id);
    let release: Option<i64> = match version {
        VersionQuery::Latest => one(
            conn,
            "SELECT latest FROM functions
             WHERE tenant = ?1 AND id = ?2 AND latest IS NOT NULL",
            key,
            |columns| columns.take(),
        )?,
        VersionQuery::Exact(version) => one(
            conn,
            "SELECT release FROM function_releases
             WHERE tenant = ?1 AND function = ?2 AND version = ?3 AND deleted_at IS NULL
             ORDER BY turn DESC LIMIT 1",
            (&name.tenant, &name.id, version.to_string()),
            |columns| columns.take(),
        )?,
        VersionQuery::Under(prefix) => match Wanted::parse(prefix) {
            Some(wanted) => highest(conn, name, &wanted)?,
            None => None,
        },
    };
    match release {
        Some(release) => of_release(conn, &name.tenant, &name.id, release).map(Some),
        None if was_there(conn, name, version)? => Ok(None),
        None => Err(StoreError::NotFound),
    }
}

/// Whether a query that nothing fits now fits something that was deleted.
fn was_there(conn: &Connection, name: &FunctionName, version: &VersionQuery) -> Result<bool> {
    let wanted = match version {
        VersionQuery::Latest => None,
        VersionQuery::Exact(version) => Some(Wanted::Exact(version)),
        VersionQuery::Under(prefix) => match Wanted::parse(prefix) {
            None => return Ok(false),
            wanted => wanted,
        },
    };
    let mut was = false;
    each(
        conn,
        "SELECT version FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND deleted_at IS NOT NULL",
        (&name.tenant, &name.id),
        |columns| {
            let version: PackageVersion = columns.named(|text| text.parse().ok())?;
            was |= wanted.as_ref().is_none_or(|wanted| wanted.fits_whole(&version));
            Ok(!was)
        },
    )?;
    Ok(was)
}

/// What a version that is not a full one stands for.
#[derive(Debug, PartialEq)]
enum Wanted<'a> {
    Exact(&'a PackageVersion),
    /// All releases whose first numbers are these.
    Numbers(Vec<u64>),
    /// With pre-release, or build, or both.
    Named(Version),
}

impl Wanted<'_> {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(version) = Version::parse(text)
            && !(version.pre.is_empty() && version.build.is_empty())
        {
            return Some(Self::Named(version));
        }
        let numbers: Option<Vec<u64>> = text.split('.').map(parse_number).collect();
        numbers.filter(|numbers| numbers.len() <= 3).map(Self::Numbers)
    }

    fn fits_whole(&self, version: &PackageVersion) -> bool {
        match self {
            Self::Exact(exact) => *exact == version,
            other => other.fits(version.semantic()),
        }
    }

    fn fits(&self, version: &Version) -> bool {
        match self {
            Self::Exact(exact) => exact.semantic() == version,
            Self::Numbers(numbers) => {
                let own = [version.major, version.minor, version.patch];
                version.pre.is_empty() && own.starts_with(numbers)
            }
            Self::Named(named) if named.build.is_empty() => {
                named.cmp_precedence(version) == Ordering::Equal
            }
            Self::Named(named) => named == version,
        }
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let has_zeros = text.len() > 1 && text.starts_with('0');
    if is_number && !has_zeros { text.parse().ok() } else { None }
}

/// Of equal versions the one that was deployed last.
fn highest(conn: &Connection, name: &FunctionName, wanted: &Wanted<'_>) -> Result<Option<i64>> {
    let mut best: Option<(Version, i64)> = None;
    each(
        conn,
        "SELECT version, release FROM function_releases
         WHERE tenant = ?1 AND function = ?2 AND deleted_at IS NULL ORDER BY turn DESC",
        (&name.tenant, &name.id),
        |columns| {
            let version: PackageVersion = columns.named(|text| text.parse().ok())?;
            let version = version.semantic();
            let is_higher = best
                .as_ref()
                .is_none_or(|(best, _)| version.cmp_precedence(best) == Ordering::Greater);
            if wanted.fits(version) && is_higher {
                best = Some((version.clone(), columns.take()?));
            }
            Ok(true)
        },
    )?;
    Ok(best.map(|(_, release)| release))
}

pub(super) fn releases(
    conn: &Connection,
    name: &FunctionName,
    page: &PageRequest,
) -> Result<Page<Function>> {
    // The key is the turn of its deploy.
    let before = match &page.after {
        Some(key) => integer(parse_number(key).ok_or_else(invalid_key)?)?,
        None => i64::MAX,
    };
    let sql = joined(
        "function_releases.deleted_at IS NULL AND function_releases.turn < ?3
         ORDER BY function_releases.turn DESC LIMIT ?4",
    );
    let params = (&name.tenant, &name.id, before, row_limit(page.limit));
    let found =
        all(conn, &sql, params, |columns| Ok((function_of(columns)?, columns.take::<i64>()?)))?;
    Ok(Page::of(found, page.limit, |(_, turn)| turn.to_string()).map(|(function, _)| function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_a_version() {
        for (text, fitting, others) in [
            ("1", "1.0.0 1.9.3 1.0.0+a", "2.0.0 10.0.0 1.0.0-rc.1"),
            ("1.2", "1.2.0 1.2.9", "1.20.0 1.1.2"),
            ("1.2.3", "1.2.3 1.2.3+a", "1.2.30 1.2.3-rc.1 1.2.4"),
            ("1.2.3-rc.1", "1.2.3-rc.1 1.2.3-rc.1+a", "1.2.3 1.2.3-rc.2"),
            ("1.2.3+a", "1.2.3+a", "1.2.3 1.2.3+b"),
        ] {
            let wanted = Wanted::parse(text).unwrap();
            for version in fitting.split(' ') {
                assert!(wanted.fits(&version.parse().unwrap()), "{text} {version}");
            }
            for version in others.split(' ') {
                assert!(!wanted.fits(&version.parse().unwrap()), "{text} {version}");
            }
        }
        for text in ["", ".", "1.", "a", "01", "1.2.3.4", "-1", "+1", "99999999999999999999"] {
            assert_eq!(Wanted::parse(text), None, "{text}");
        }
    }
}
