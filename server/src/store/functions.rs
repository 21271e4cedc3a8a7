//! Packages, their releases, and the functions in them.

use std::fmt;

use async_trait::async_trait;
use model::executor::ImportRef;
use model::{Engine, HandlerRef, PackageVersion, SnapshotId};
use package::image::ImageSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Page, PageRequest, Result};
use crate::blobs::BlobKey;
use crate::clock::Time;

/// A function's id within a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionName {
    pub tenant: String,
    pub id: String,
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

/// Who may see and call a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The account that deployed it first, and administrators.
    Private,
    /// The tenant.
    #[default]
    Company,
    /// Every tenant, as `tenant/function-id`.
    Public,
}

/// One deployed content of a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub tenant: String,
    /// The manifest's name.
    pub package: String,
    pub version: PackageVersion,
    /// SHA-256 of the content, as 64 hex digits.
    pub checksum: String,
    pub created_at: Time,
    pub created_by: Uuid,
    /// The source, as a ZIP.
    pub source: BlobKey,
    pub source_bytes: u64,
    /// The dependencies as the sandbox sees them, if there are any.
    pub dependencies: Option<BlobKey>,
    /// Exact versions and hashes of the dependencies.
    pub lock: Value,
    /// How its tests went.
    pub report: Value,
    pub description: Option<String>,
    pub authors: Vec<model::manifest::Author>,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub changelog: Option<String>,
    /// Repository, reference and commit, if it came from one.
    pub origin: Option<Value>,
    pub warnings: Vec<String>,
    /// Imports that are left out in the sandbox.
    pub left_out: Vec<ImportRef>,
}

/// One function of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionRelease {
    pub id: String,
    pub handler: HandlerRef,
    pub description: Option<String>,
    pub engine: Engine,
    pub engine_reason: String,
    pub inputs_schema: Value,
    pub outputs_schema: Option<Value>,
    pub strict_outputs: bool,
    pub timeout_ms: u64,
    pub memory_bytes: u64,
    /// Cores, for Docker.
    #[serde(default = "default_cpus")]
    pub cpus: f64,
    pub fuel: Option<u64>,
    pub deterministic: bool,
    pub cache: bool,
    /// Exceptions are worth another attempt.
    pub retry: bool,
    /// What its image is made of, if Docker runs it or may have to.
    #[serde(default)]
    pub image: Option<ImageSpec>,
    /// Where its calls begin.
    pub snapshot: Option<(SnapshotId, BlobKey)>,
    /// Why there is no snapshot.
    pub no_snapshot: Option<String>,
    pub warnings: Vec<String>,
}

fn default_cpus() -> f64 {
    model::limits::DEFAULT_CPUS
}

/// A function with the release that a caller asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub name: FunctionName,
    pub visibility: Visibility,
    /// Who deployed it first.
    pub owner: Uuid,
    /// Of the function's first release.
    pub created_at: Time,
    /// When this release was deployed last.
    pub deployed_at: Time,
    pub release: Release,
    pub function: FunctionRelease,
}

/// A package as its functions' owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub tenant: String,
    pub name: String,
}

/// Everything of a release that becomes visible at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    pub release: Release,
    pub functions: Vec<FunctionRelease>,
    /// Of functions that are new, or of all if the deploy said so.
    pub visibility: Option<Visibility>,
    pub account: Uuid,
    /// An administrator may change what is another's private function.
    pub is_admin: bool,
    pub now: Time,
}

impl Publication {
    /// The objects that it is in.
    pub fn objects(&self) -> Vec<BlobKey> {
        let snapshots = self.functions.iter().filter_map(|function| function.snapshot.as_ref());
        [self.release.source]
            .into_iter()
            .chain(self.release.dependencies)
            .chain(snapshots.map(|(_, key)| *key))
            .collect()
    }
}

/// Which release of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VersionQuery {
    /// The one deployed last.
    Latest,
    /// `1`, `1.0`, `1.0.0`: the highest semantic version under it, and of that the build
    /// that was deployed last. Pre-releases only if named in full.
    Under(String),
    Exact(PackageVersion),
}

/// Which functions are listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionFilter {
    /// In id, description, package's name, tags or category, any case.
    pub text: Option<String>,
    pub tag: Option<String>,
    pub category: Option<String>,
    pub package: Option<String>,
    /// Public functions of other tenants too.
    pub public: bool,
}

#[async_trait]
pub trait FunctionStore: Send + Sync {
    /// Makes a release the latest of its functions, in one transaction: it is inserted, or,
    /// if the tenant's package has it already (also deleted), restored and made the latest; its
    /// content is then the stored one's, but for what may be made anew (snapshots). Functions
    /// of the package that the release does not have stay as they are. `Conflict` if a
    /// function's id is of another package of the tenant (and not deleted), naming it, or if
    /// it is private and another account's and `is_admin` is not set; or if its visibility
    /// would change, for another account than its owner without `is_admin`.
    /// Says whether the version is new.
    async fn publish(&self, publication: Publication) -> Result<bool>;

    /// Functions with their latest release, by id; of this tenant those that `viewer` may see
    /// (`None`: an administrator, who sees all).
    async fn functions(
        &self,
        tenant: &str,
        viewer: Option<Uuid>,
        filter: &FunctionFilter,
        page: PageRequest,
    ) -> Result<Page<Function>>;

    /// One function with a release. `Ok(None)` if it, or all that fits the query, is deleted;
    /// `NotFound` if there never was any.
    /// Who may see it is the caller's to check.
    async fn function(
        &self,
        name: &FunctionName,
        version: &VersionQuery,
    ) -> Result<Option<Function>>;

    /// A function's releases, the one deployed last first; deleted ones are left out.
    async fn releases(&self, name: &FunctionName, page: PageRequest) -> Result<Page<Function>>;

    /// Retires a function: all its releases are deleted. `NotFound` if it never was or is
    /// deleted already.
    async fn delete_function(&self, name: &FunctionName, now: Time) -> Result<()>;

    /// Retires one release of a function; the last one retires the function. The package's
    /// objects are let go when no function of it is left.
    async fn delete_release(
        &self,
        name: &FunctionName,
        version: &PackageVersion,
        now: Time,
    ) -> Result<()>;

    async fn set_visibility(&self, name: &FunctionName, visibility: Visibility) -> Result<()>;

    /// Whether the tenant's package has this version, not deleted.
    async fn has_release(&self, package: &Package, version: &PackageVersion) -> Result<bool>;
}
