//! What an engine that runs functions from images needs of a package, and says of itself.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::manifest::PythonVersion;
use crate::{CancelToken, Tree};

/// What a function asks of the image that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// As the manifest names it: `python-base`, `python-scientific`, `python-cfd`.
    pub name: String,
    /// The lowest Python that will do.
    pub python: Option<PythonVersion>,
}

/// A Python that an engine has, as whoever chooses dependencies for it must know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The base image, as the engine finds it: `python:3.12-slim`.
    pub base: String,
    pub python: PythonVersion,
    /// What wheels have to fit, in the words of `uv`: `x86_64-manylinux_2_36`.
    pub target: String,
}

/// What the image of a package is made of. The same recipe always gives the same image.
#[derive(Clone)]
pub struct Recipe {
    pub platform: Platform,
    /// Of the package; a label of the image.
    pub name: String,
    pub version: String,
    pub app: Arc<Tree>,
    /// Its dependencies, as a requirements file with exact versions and hashes; empty if it
    /// has none.
    pub lock: String,
    /// What runs the package's `tests/`, in the same way; empty if it has none.
    pub tools: String,
    /// Modules of dependencies that the package's code imports: worth loading before calls.
    pub preload: Vec<String>,
    /// Whether the package brings its own `Dockerfile`: a program that reads its inputs as
    /// one JSON document from standard input, and writes its result as one to standard output.
    pub is_program: bool,
    pub installer: Arc<dyn Installer>,
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the image of {} {} over {}", self.name, self.version, self.platform.base)
    }
}

/// Fetches what a lock names.
pub trait Installer: Send + Sync {
    /// Lays the wheels of a lock out like `site-packages` in a folder that is there and empty.
    /// Nothing of them is built or run. Blocking.
    fn install(
        &self,
        lock: &str,
        platform: &Platform,
        folder: &Path,
        cancel: &CancelToken,
    ) -> Result<(), ImageError>;
}

/// Why there is no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The author has to change something.
    #[error("{0}")]
    Refused(String),
    /// What makes images, or what they are made of, cannot be had now: try again.
    #[error("{0}")]
    Unavailable(String),
    #[error("cancelled")]
    Cancelled,
    #[error("{0}")]
    Internal(String),
}
