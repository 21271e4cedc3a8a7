//! What a package needs from PyPI: read, locked to exact versions and hashes, and laid out
//! for the sandbox.
//!
//! Resolving is `uv`'s work, as a process of its own. Nothing is ever built from source,
//! so nothing of a dependency is run on the host.

mod cache;
mod lock;
mod requirements;
mod target;
mod uv;
mod vendor;
mod vendored;

use std::path::PathBuf;
use std::time::Duration;

use model::CancelToken;

pub use lock::{Lock, LockedPackage, MAX_PACKAGES};
pub use requirements::{MAX_REQUIREMENTS, MAX_REQUIREMENTS_BYTES, Requirement, of_package};
pub use target::Target;
pub use vendor::{MAX_VENDORED_BYTES, MAX_VENDORED_FILES};
pub use vendored::{Distribution, Vendored};

use crate::problem::{PackageError, Problem};

/// The sandbox's Python.
pub const PYTHON_VERSION: &str = "3.14";
/// Where the wheels of the sandbox's lock would work: it takes them without their native
/// files.
pub const PLATFORM: &str = "x86_64-manylinux_2_28";
/// Longest that resolving or downloading may take, each.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(300);
/// What runs a package's `tests/`.
pub const PYTEST: &str = "pytest==9.2.0";

/// Why dependencies could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DependencyError {
    /// The author has to change something.
    #[error("{0}")]
    Package(PackageError),
    /// `uv` is not installed.
    #[error("{0}")]
    NoResolver(String),
    /// The index or the disk did not answer: try again.
    #[error("{0}")]
    Unavailable(String),
    #[error("cancelled while resolving dependencies")]
    Cancelled,
}

impl From<Problem> for DependencyError {
    fn from(problem: Problem) -> Self {
        Self::Package(problem.into())
    }
}

/// Finds, fetches and keeps dependencies. Safe to use from several processes at once.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// The `uv` to use; default: `MECAPY_UV`, then the one on `PATH`.
    pub uv: Option<PathBuf>,
    /// Where locks and vendored trees are kept; nowhere if not given.
    pub cache: Option<PathBuf>,
    /// Stops a running resolution.
    pub cancel: CancelToken,
}

impl Resolver {
    /// Resolves requirements to exact versions with hashes. No requirements, no `uv`.
    pub fn lock(&self, requirements: &[Requirement]) -> Result<Lock, DependencyError> {
        self.lock_for(requirements, &Target::sandbox())
    }

    /// As `lock`, for another Python than the sandbox's.
    pub fn lock_for(
        &self,
        requirements: &[Requirement],
        target: &Target,
    ) -> Result<Lock, DependencyError> {
        lock::resolve(self, requirements, target)
    }

    /// Lays the lock's packages out like `site-packages`, native files left out.
    pub fn vendor(&self, lock: &Lock) -> Result<Vendored, DependencyError> {
        vendor::vendor(self, lock)
    }

    /// `pytest` for the sandbox, by the same way.
    pub fn pytest(&self) -> Result<Vendored, DependencyError> {
        self.vendor(&self.lock(&pytest_requirements())?)
    }
}

/// What is needed to run a package's `tests/`.
pub fn pytest_requirements() -> Vec<Requirement> {
    vec![Requirement {
        name: "pytest".to_owned(),
        text: PYTEST.to_owned(),
        file: String::new(),
        line: None,
        column: None,
    }]
}
