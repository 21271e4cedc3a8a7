//! Inline code: a `handler.py` that comes with the task.

use std::sync::Arc;
use std::time::Duration;

use model::{CancelToken, Tree};
use package::dependencies::Resolver;
use package::{Archive, Options, PackageError, PrepareError};

use crate::callable::Callable;
use crate::problem::Problem;
use crate::worker::gated::Gated;

/// Largest code, in bytes.
pub const MAX_CODE_BYTES: usize = 1024 * 1024;

/// Longest that checking and importing inline code may take: it is to be small.
pub const IMPORT_WITHIN: Duration = Duration::from_secs(10);

/// Code that was checked and can be called.
pub struct Inline {
    pub name: String,
    /// `0.0.0-` and digits of the code's checksum.
    pub version: String,
    pub code: String,
    pub callable: Arc<Callable>,
}

#[derive(Debug, thiserror::Error)]
pub enum InlineError {
    #[error("{0}")]
    Package(PackageError),
    #[error("importing the code takes longer than {} s", IMPORT_WITHIN.as_secs())]
    Slow,
    #[error("too much inline code is being checked")]
    Busy,
    #[error("{0}")]
    Engine(String),
}

impl From<InlineError> for Problem {
    fn from(error: InlineError) -> Self {
        match error {
            InlineError::Package(error) => invalid_package(&error),
            slow @ InlineError::Slow => Self::invalid("invalid-package", slow.to_string()),
            busy @ InlineError::Busy => Self::unavailable(format!("{busy}; try again")),
            InlineError::Engine(message) => {
                tracing::warn!(%message, "inline code could not be checked");
                Self::unavailable("the code could not be checked now; try again")
            }
        }
    }
}

/// A package that cannot be used, with all that is wrong with it.
pub fn invalid_package(error: &PackageError) -> Problem {
    let detail = match error.problems.as_slice() {
        [only] => only.to_string(),
        several => format!("the package has {} mistakes", several.len()),
    };
    Problem::invalid("invalid-package", detail).member("problems", &error.problems)
}

/// Checks code and makes it callable; no dependencies. Blocking.
pub fn prepare(
    executor: &Gated,
    name: &str,
    code: &str,
    cancel: CancelToken,
) -> Result<Inline, InlineError> {
    let mut tree = Tree::new();
    let _ = tree.insert(package::archive::SCRIPT_FILE, code);
    let archive = Archive { tree: Arc::new(tree), script: Some(format!("{name}.py")) };
    let source = package::manifest::read(&archive).map_err(InlineError::Package)?;
    let options = Options {
        resolver: Resolver { uv: None, cache: None, cancel },
        run_test_cases: false,
        snapshots: false,
        ..Options::default()
    };
    let engines = package::Engines::only(executor);
    let prepared = package::prepare(&archive.tree, &source, &engines, &options, &|_, _| {})
        .map_err(|error| match error {
            PrepareError::Package(error) => InlineError::Package(error),
            PrepareError::Cancelled => InlineError::Slow,
            error => InlineError::Engine(error.to_string()),
        })?;
    let Some(function) = prepared.functions.into_iter().next() else {
        return Err(InlineError::Engine("the code has no function".to_owned()));
    };
    let callable = Callable {
        bundle: prepared.bundle.clone(),
        fallback: None,
        handler: function.spec.handler.clone(),
        engine: function.engine,
        limits: function.spec.runtime.limits(),
        deterministic: false,
        cache: false,
        retry: false,
        snapshot: None,
        inputs_schema: function.inputs_schema,
        outputs_schema: function.outputs_schema,
        strict_outputs: false,
        vendored: Arc::new(prepared.dependencies),
        bytes: code.len() as u64 + 64 * 1024,
    };
    Ok(Inline {
        name: name.to_owned(),
        version: prepared.version.to_string(),
        code: code.to_owned(),
        callable: Arc::new(callable),
    })
}
