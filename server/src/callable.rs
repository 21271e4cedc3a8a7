//! A function that is ready to be called: its release, its compiled schemas, and what an
//! engine needs of it.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use model::executor::Bundle;
use model::image::Installer;
use model::{Engine, Failure, HandlerRef, Limits, SnapshotRef, Tree, Warning};
use model::{ErrorKind, SnapshotId, snapshot::SnapshotSource};
use package::Schema;
use package::dependencies::Vendored;
use serde_json::Value;

use crate::blobs::{BlobError, BlobKey, Blobs};
use crate::store::Function;

/// What a task is a call of.
pub struct Callable {
    /// Its own, or that of its image.
    pub bundle: Arc<Bundle>,
    /// What Docker would run it from, should the sandbox turn out to lack a native module.
    pub fallback: Option<Arc<Bundle>>,
    pub handler: HandlerRef,
    pub engine: Engine,
    pub limits: Limits,
    pub deterministic: bool,
    /// Whether results may be answered from the cache.
    pub cache: bool,
    pub retry: bool,
    pub snapshot: Option<SnapshotRef>,
    pub inputs_schema: Schema,
    pub outputs_schema: Option<Schema>,
    pub strict_outputs: bool,
    pub vendored: Arc<Vendored>,
    /// Roughly, for the cache of callables.
    pub bytes: u64,
}

/// Why a stored release cannot be called now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallableError {
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error("the release is damaged: {0}")]
    Corrupt(String),
}

impl Callable {
    /// Reads what a release stored; `installer` fetches the dependencies of its image, should
    /// that have to be made again. Blocking.
    pub fn load(
        blobs: &Arc<dyn Blobs>,
        installer: &Arc<dyn Installer>,
        found: &Function,
    ) -> Result<Self, CallableError> {
        let (release, function) = (&found.release, &found.function);
        let ((), app) = unpacked(blobs, &release.source)?;
        // An image has its own.
        let vendored =
            match release.dependencies.as_ref().filter(|_| function.engine == Engine::Sandbox) {
                None => Vendored::default(),
                Some(key) => Vendored::from_bytes(read_zstd(blobs, key)?, 0)
                    .ok_or_else(|| CallableError::Corrupt("its dependencies".to_owned()))?,
            };
        let schema = |value: &Value| {
            Schema::compile(value.clone()).map_err(|mistakes| {
                CallableError::Corrupt(format!("a schema of `{}`: {mistakes:?}", function.id))
            })
        };
        let bytes = tree_bytes(&app) + tree_bytes(&vendored.tree) + 64 * 1024;
        let snapshot = function.snapshot.as_ref().map(|(id, key)| {
            let source = StoredSnapshot { blobs: blobs.clone(), id: id.clone(), key: *key };
            SnapshotRef { id: id.clone(), source: Arc::new(source) }
        });
        let bundle = Arc::new(Bundle {
            app: Arc::new(app),
            deps: vendored.tree.clone(),
            left_out: release.left_out.clone(),
            image: None,
        });
        let version = release.version.to_string();
        let of_image = function.image.as_ref().map(|image| {
            Arc::new(image.bundle(&release.package, &version, &bundle, installer.clone()))
        });
        let (bundle, fallback) = match (function.engine, of_image) {
            (Engine::Docker, Some(of_image)) => (of_image, None),
            (_, of_image) => (bundle, of_image),
        };
        Ok(Self {
            bundle,
            fallback,
            handler: function.handler.clone(),
            engine: function.engine,
            limits: Limits {
                timeout: Duration::from_millis(function.timeout_ms),
                memory_bytes: function.memory_bytes,
                fuel: function.fuel,
                cpus: function.cpus,
                ..Limits::default()
            },
            deterministic: function.deterministic,
            cache: function.cache || function.deterministic,
            retry: function.retry,
            snapshot,
            inputs_schema: schema(&function.inputs_schema)?,
            outputs_schema: function.outputs_schema.as_ref().map(schema).transpose()?,
            strict_outputs: function.strict_outputs,
            vendored: Arc::new(vendored),
            bytes,
        })
    }

    /// Judges a result by the outputs schema: a failure where the author asked for that, else
    /// a warning.
    pub fn check_outputs(&self, value: &Value) -> Result<Option<Warning>, Failure> {
        let Some(schema) = &self.outputs_schema else { return Ok(None) };
        let violations = schema.validate(value);
        if violations.is_empty() {
            return Ok(None);
        }
        let message = match violations.as_slice() {
            [only] => format!("the result breaks the outputs schema: {}", only.message),
            several => format!("the result breaks {} rules of the outputs schema", several.len()),
        };
        if self.strict_outputs {
            return Err(Failure { violations, ..Failure::new(ErrorKind::InvalidOutputs, message) });
        }
        let code = ErrorKind::InvalidOutputs.as_str().to_owned();
        Ok(Some(Warning { code, message, violations }))
    }

    /// Why a call that failed would not have in Docker: it lacked a native module.
    pub fn native_reason(&self, failure: &Failure) -> Option<String> {
        let missing = failure.missing_module.as_ref()?;
        let native = self.vendored.native_distribution_of(&missing.name)?;
        let place = match (&missing.file, missing.line) {
            (Some(file), Some(line)) => format!(", imported by {file}:{line}"),
            (Some(file), None) => format!(", imported by {file}"),
            _ => String::new(),
        };
        Some(format!("{native} has no WASI build{place}"))
    }

    /// A failure for want of a native module says what can be done about it.
    pub fn explain(&self, mut failure: Failure) -> Failure {
        if let Some(reason) = self.native_reason(&failure) {
            failure.message = format!(
                "{}; {reason}: deploy the package to a server with Docker, with \
                 `runtime.engine: docker`",
                failure.message
            );
        }
        failure
    }
}

fn tree_bytes(tree: &Tree) -> u64 {
    tree.files().iter().map(|(path, bytes)| (path.len() + bytes.len() + 100) as u64).sum()
}

/// A tree as it is stored: packed and compressed.
pub fn pack_zstd(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::encode_all(bytes, 3)
}

fn read_zstd(blobs: &Arc<dyn Blobs>, key: &BlobKey) -> Result<Vec<u8>, CallableError> {
    let mut bytes = Vec::new();
    let damaged = |error: std::io::Error| CallableError::Corrupt(error.to_string());
    zstd::Decoder::new(blobs.open_blocking(key)?)
        .and_then(|mut reader| reader.read_to_end(&mut bytes))
        .map_err(damaged)?;
    Ok(bytes)
}

/// A release's own files. Blocking.
pub fn unpacked(blobs: &Arc<dyn Blobs>, key: &BlobKey) -> Result<((), Tree), CallableError> {
    package::packed::unpack(read_zstd(blobs, key)?, 0)
        .ok_or_else(|| CallableError::Corrupt("its source".to_owned()))
}

/// A snapshot in the object store.
struct StoredSnapshot {
    blobs: Arc<dyn Blobs>,
    id: SnapshotId,
    key: BlobKey,
}

impl SnapshotSource for StoredSnapshot {
    fn read(&self) -> std::io::Result<Arc<[u8]>> {
        tracing::debug!(snapshot = %self.id, "fetched from the object store");
        let mut bytes = Vec::new();
        self.blobs
            .open_blocking(&self.key)
            .map_err(std::io::Error::other)?
            .read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}
