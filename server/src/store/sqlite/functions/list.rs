//! Lists of functions: the tenant's own, and public ones of others, in one order.

use rusqlite::Connection;
use uuid::Uuid;

use super::lookup::of_release;
use crate::store::sqlite::rows::{Columns, each, invalid_key};
use crate::store::{Function, FunctionFilter, Page, PageRequest, Result, Visibility};

/// What of a function is looked at before it is shown.
pub(super) struct Listed {
    /// In lower case.
    pub search: String,
    pub category: Option<String>,
    pub tags: Vec<String>,
}

impl Listed {
    pub fn of(function: &Function) -> Self {
        let release = &function.release;
        let descriptions = [&function.function.description, &release.description];
        let search: Vec<&str> = [function.name.id.as_str(), release.package.as_str()]
            .into_iter()
            .chain(descriptions.into_iter().flatten().map(String::as_str))
            .chain(release.tags.iter().map(String::as_str))
            .chain(release.category.as_deref())
            .collect();
        Self {
            search: search.join("\n").to_lowercase(),
            category: release.category.clone(),
            tags: release.tags.clone(),
        }
    }
}

const OWN: &str = "SELECT tenant, id, latest, package, search, category, tags, visibility, owner
    FROM functions
    WHERE tenant = ?1 AND latest IS NOT NULL AND (id, tenant) > (?2, ?3)
    ORDER BY id";
const PUBLIC: &str = "SELECT tenant, id, latest, package, search, category, tags, visibility, owner
    FROM functions INDEXED BY functions_public
    WHERE visibility = 'public' AND latest IS NOT NULL AND tenant <> ?1
        AND (id, tenant) > (?2, ?3)
    ORDER BY id, tenant";

struct Candidate {
    tenant: String,
    id: String,
    release: i64,
    package: String,
    listed: Listed,
    visibility: Visibility,
    owner: Uuid,
}

fn candidate_of(columns: &mut Columns<'_>) -> Result<Candidate> {
    Ok(Candidate {
        tenant: columns.take()?,
        id: columns.take()?,
        release: columns.take()?,
        package: columns.take()?,
        listed: Listed {
            search: columns.take()?,
            category: columns.take()?,
            tags: columns.json()?,
        },
        visibility: columns.named(super::parse_visibility)?,
        owner: columns.id()?,
    })
}

impl Candidate {
    fn fits(&self, filter: &FunctionFilter, text: Option<&str>) -> bool {
        let Listed { search, category, tags } = &self.listed;
        text.is_none_or(|text| search.contains(text))
            && filter.tag.as_ref().is_none_or(|tag| tags.contains(tag))
            && filter.category.as_ref().is_none_or(|wanted| category.as_ref() == Some(wanted))
            && filter.package.as_ref().is_none_or(|package| self.package == *package)
    }

    fn is_seen_by(&self, viewer: Option<Uuid>) -> bool {
        self.visibility != Visibility::Private || viewer.is_none_or(|viewer| viewer == self.owner)
    }
}

pub(super) fn functions(
    conn: &Connection,
    tenant: &str,
    viewer: Option<Uuid>,
    filter: &FunctionFilter,
    page: &PageRequest,
) -> Result<Page<Function>> {
    let (after_tenant, after_id) = match &page.after {
        Some(key) => key.split_once('/').ok_or_else(invalid_key)?,
        None => ("", ""),
    };
    let text = filter.text.as_ref().map(|text| text.to_lowercase());
    let wanted = page.limit.saturating_add(1);
    let mut found = Vec::new();
    for (sql, is_asked) in [(OWN, true), (PUBLIC, filter.public)] {
        let mut count = 0;
        if !is_asked {
            continue;
        }
        each(conn, sql, (tenant, after_id, after_tenant), |columns| {
            let candidate = candidate_of(columns)?;
            if candidate.fits(filter, text.as_deref()) && candidate.is_seen_by(viewer) {
                found.push(candidate);
                count += 1;
            }
            Ok(count < wanted)
        })?;
    }
    found.sort_by(|a, b| (&a.id, &a.tenant).cmp(&(&b.id, &b.tenant)));
    let found =
        Page::of(found, page.limit, |candidate| format!("{}/{}", candidate.tenant, candidate.id));
    let mut items = Vec::with_capacity(found.items.len());
    for candidate in found.items {
        items.push(of_release(conn, &candidate.tenant, &candidate.id, candidate.release)?);
    }
    Ok(Page { items, next: found.next })
}
