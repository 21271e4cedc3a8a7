//! Functions by name, ready to be called: looked up once, and kept while they are used.

use std::sync::Arc;
use std::time::Duration;

use model::image::Installer;
use moka::future::Cache;

use crate::blobs::Blobs;
use crate::callable::{Callable, CallableError};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::remembered::Remembered;
use crate::store::{Function, FunctionName, Store, StoreError, VersionQuery, Visibility};

/// How long `latest` stays what it was, where another process deploys.
const REMEMBERED: Duration = Duration::from_secs(2);
const MOST_REMEMBERED: u64 = 100_000;
/// Files of functions that are kept in memory.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

pub struct Catalog {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    installer: Arc<dyn Installer>,
    found: Remembered<(FunctionName, VersionQuery), Option<Arc<Function>>>,
    callables: Remembered<(FunctionName, String), Arc<Callable>>,
}

impl Catalog {
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        installer: Arc<dyn Installer>,
    ) -> Self {
        let weight = |_: &_, callable: &Arc<Callable>| {
            u32::try_from(callable.bytes / 1024).unwrap_or(u32::MAX)
        };
        Self {
            store,
            blobs,
            installer,
            found: Remembered::new(
                Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            ),
            callables: Remembered::new(
                Cache::builder().max_capacity(MOST_BYTES / 1024).weigher(weight).build(),
            ),
        }
    }

    /// The release of a function that a query means; `None` if it was deleted.
    pub async fn find(
        &self,
        name: &FunctionName,
        version: &VersionQuery,
    ) -> Result<Option<Arc<Function>>, StoreError> {
        let key = (name.clone(), version.clone());
        let look_up =
            async { Ok::<_, StoreError>(self.store.function(name, version).await?.map(Arc::new)) };
        self.found.get(key, look_up).await.map_err(|error| (*error).clone())
    }

    /// As `find`, for a caller: what it may not see is not found, what is deleted is gone.
    pub async fn visible(
        &self,
        caller: &Caller,
        id: &str,
        version: Option<&str>,
    ) -> Result<Arc<Function>, Problem> {
        let name = name(caller, id).ok_or_else(|| Problem::not_found("function"))?;
        let query = query(version)?;
        let missing = |error| match error {
            StoreError::NotFound => Problem::not_found("function or version"),
            error => error.into(),
        };
        let found = match self.find(&name, &query).await.map_err(missing)? {
            Some(found) => found,
            None => {
                // Of another tenant's function nothing is told, not that it was there.
                if name.tenant != caller.tenant() {
                    return Err(Problem::not_found("function or version"));
                }
                return Err(Problem::gone(format!(
                    "`{id}`{} was deleted",
                    version.map(|version| format!(" {version}")).unwrap_or_default()
                )));
            }
        };
        let may_see = match found.visibility {
            Visibility::Public => true,
            Visibility::Company => found.name.tenant == caller.tenant(),
            Visibility::Private => {
                found.name.tenant == caller.tenant()
                    && (caller.is_admin() || found.owner == caller.id())
            }
        };
        if may_see { Ok(found) } else { Err(Problem::not_found("function or version")) }
    }

    /// What an engine needs of a release.
    pub async fn callable(&self, function: &Arc<Function>) -> Result<Arc<Callable>, CallableError> {
        let key = (function.name.clone(), function.release.version.to_string());
        let load = async {
            let (blobs, function) = (self.blobs.clone(), function.clone());
            let installer = self.installer.clone();
            let load = move || Callable::load(&blobs, &installer, &function).map(Arc::new);
            tokio::task::spawn_blocking(load)
                .await
                .unwrap_or_else(|error| Err(CallableError::Corrupt(error.to_string())))
        };
        self.callables.get(key, load).await.map_err(|error| (*error).clone())
    }

    /// After a deploy or a deletion: what names mean is looked up again. What a full version
    /// is does not change, but for its snapshot.
    pub fn forget(&self) {
        self.found.forget();
        self.callables.forget();
    }
}

/// `function-id` of the caller's tenant, or `tenant/function-id`.
pub fn name(caller: &Caller, id: &str) -> Option<FunctionName> {
    let (tenant, id) = id.split_once('/').unwrap_or((caller.tenant(), id));
    let is_slug = |text: &str| text.parse::<model::FunctionId>().is_ok();
    (is_slug(tenant) && is_slug(id))
        .then(|| FunctionName { tenant: tenant.to_owned(), id: id.to_owned() })
}

/// `latest`, a full version, or `1`, `1.0`, `1.0.0`.
pub fn query(version: Option<&str>) -> Result<VersionQuery, Problem> {
    let Some(text) = version.filter(|text| *text != "latest") else {
        return Ok(VersionQuery::Latest);
    };
    if let Ok(exact) = text.parse() {
        return Ok(VersionQuery::Exact(exact));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| {
        !part.is_empty()
            && part.len() <= 18
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part.len() == 1 || !part.starts_with('0'))
    };
    let is_prefix = parts.len() <= 3 && parts.iter().all(is_number);
    if is_prefix || semver::Version::parse(text).is_ok() {
        return Ok(VersionQuery::Under(text.to_owned()));
    }
    Err(Problem::at(
        "/version",
        "format",
        format!(
            "`{}` is not a version: write `latest`, `1`, `1.0`, `1.0.0` or a full one like \
             `1.0.0-a3f2b8c1d4e5`",
            model::json::cut(text, 100)
        ),
    ))
}
