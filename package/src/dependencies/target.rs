//! What wheels have to fit: the sandbox's Python, or that of an image.

use std::path::Path;

use model::CancelToken;
use model::image::{ImageError, Installer, Platform};

use super::{DependencyError, PLATFORM, PYTHON_VERSION, Resolver, lock, uv};

/// A Python and a platform, in the words of `uv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub python: String,
    pub platform: String,
}

impl Target {
    pub fn sandbox() -> Self {
        Self { python: PYTHON_VERSION.to_owned(), platform: PLATFORM.to_owned() }
    }

    /// The options of `uv` that say so.
    pub(super) fn options(&self) -> [&str; 4] {
        ["--python-version", &self.python, "--python-platform", &self.platform]
    }
}

impl From<&Platform> for Target {
    fn from(platform: &Platform) -> Self {
        Self { python: platform.python.to_string(), platform: platform.target.clone() }
    }
}

/// The file of a lock, and where `uv` lays its packages out, in a scratch folder.
const INPUT: &str = "requirements.lock";

/// Lays a lock's wheels out in `site`, a folder relative to `folder` or absolute, and says what
/// `uv` said. Nothing of a wheel is run.
pub(super) fn install(
    resolver: &Resolver,
    folder: &Path,
    requirements: &str,
    site: &str,
    target: &Target,
) -> Result<uv::Finished, DependencyError> {
    std::fs::write(folder.join(INPUT), requirements).map_err(lock::disk)?;
    let mut arguments = vec!["pip", "install", "--target", site, "--requirement", INPUT];
    arguments.extend(["--no-deps", "--require-hashes", "--quiet", "--link-mode", "copy"]);
    arguments.extend(target.options());
    uv::run(resolver, folder, &arguments)
}

impl Installer for Resolver {
    fn install(
        &self,
        lock: &str,
        platform: &Platform,
        folder: &Path,
        cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        let resolver = Self { cancel: cancel.clone(), ..self.clone() };
        let site = folder.to_str().ok_or_else(|| {
            ImageError::Internal(format!("{} is not a path that uv takes", folder.display()))
        })?;
        let scratch = lock::scratch()?;
        let finished = install(&resolver, scratch.path(), lock, site, &platform.into())?;
        if finished.success {
            return Ok(());
        }
        let text = uv::explanation(&finished.stderr);
        if uv::is_unreachable(&finished.stderr) {
            return Err(ImageError::Unavailable(format!(
                "the package index cannot be reached: {text}"
            )));
        }
        Err(ImageError::Refused(format!("the dependencies cannot be installed: {text}")))
    }
}

impl From<DependencyError> for ImageError {
    fn from(error: DependencyError) -> Self {
        match error {
            DependencyError::Package(error) => Self::Refused(error.to_string()),
            DependencyError::NoResolver(text) | DependencyError::Unavailable(text) => {
                Self::Unavailable(text)
            }
            DependencyError::Cancelled => Self::Cancelled,
        }
    }
}
