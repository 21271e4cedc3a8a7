//! What of a deploy takes time: reading, checking, trying, storing objects. Nothing that it
//! does is visible; what it stored and nobody published is swept away.

use std::sync::Arc;

use model::executor::ImportPolicy;
use model::{Engine, ErrorKind, Executor};
use package::dependencies::Resolver;
use package::{PackageError, PrepareError, Prepared, Report};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Deploys;
use super::log::Log;
use super::source::{Fetched, Source};
use crate::blobs::{BlobError, BlobKey};
use crate::callable::pack_zstd;
use crate::store::{FunctionName, FunctionRelease, Release, StoreError, VersionQuery};

/// A release that can be published.
pub(super) struct Built {
    pub release: Release,
    pub functions: Vec<FunctionRelease>,
}

/// Why a deploy failed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Failed {
    /// As of a problem document.
    pub slug: &'static str,
    pub detail: String,
    /// What the author has to change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<package::Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
    /// Whether the same deploy may succeed later.
    pub retriable: bool,
}

impl Failed {
    pub fn invalid(slug: &'static str, detail: impl Into<String>) -> Self {
        let (detail, problems) = (detail.into(), Vec::new());
        Self { slug, detail, problems, report: None, retriable: false }
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::invalid("conflict", detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retriable: true, ..Self::invalid("unavailable", detail) }
    }

    pub fn full() -> Self {
        let detail = "no space is left on the server; nothing was deployed";
        Self { retriable: true, ..Self::invalid("storage-full", detail) }
    }

    pub fn interrupted() -> Self {
        let detail = "the server stopped before the deploy was done; nothing was deployed";
        Self { retriable: true, ..Self::invalid("interrupted", detail) }
    }

    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a deploy failed for a mistake of ours");
        Self::invalid("internal", "the server made a mistake; it is in its log")
    }

    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl From<PackageError> for Failed {
    fn from(error: PackageError) -> Self {
        let detail = match error.problems.as_slice() {
            [only] => only.to_string(),
            several => format!("the package has {} mistakes", several.len()),
        };
        Self { problems: error.problems, ..Self::invalid("invalid-package", detail) }
    }
}

impl From<PrepareError> for Failed {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Package(error) => error.into(),
            PrepareError::Executor(error) => Self::unavailable(error.to_string()),
            PrepareError::NoResolver(message) => Self::unavailable(message),
            PrepareError::Unavailable(message) => Self::unavailable(message),
            PrepareError::Cancelled => Self::interrupted(),
        }
    }
}

impl From<BlobError> for Failed {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::full(),
            BlobError::Unavailable(message) => Self::unavailable(message),
            error => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::full(),
            StoreError::Unavailable(message) => Self::unavailable(message),
            StoreError::Conflict(message) => Self::conflict(message),
            error => Self::internal(&error),
        }
    }
}

impl Deploys {
    pub(super) fn build(
        &self,
        source: Source,
        tenant: &str,
        account: Uuid,
        log: &Log,
    ) -> Result<Box<Built>, Failed> {
        let config = &self.wiring.config;
        log.step("archive", "reading the package");
        let scratch = crate::folders::scratch(&config.data_dir)
            .map_err(|error| Failed::from(BlobError::from(error)))?;
        let Fetched { archive, origin } = source.fetch(scratch.path(), config, &self.cancel)?;
        drop(scratch);
        log.step("manifest", "reading the manifest");
        let manifest = package::manifest::read(&archive)?;
        let version = package::version::of(&archive.tree, &manifest.manifest.version);
        log.line(&format!("{} {version}", manifest.manifest.name));
        if let Some(built) = self.already_there(tenant, &manifest.manifest, &version)? {
            log.line("this content was deployed before");
            log.step("publish", "making it the latest");
            return Ok(Box::new(built));
        }
        let options = package::Options {
            policy: policy(config),
            resolver: Resolver { cancel: self.cancel.clone(), ..resolver(config) },
            run_test_cases: true,
            snapshots: true,
            tenant: tenant.into(),
            docker_because: None,
        };
        let docker = self.docker();
        let engines = package::Engines {
            sandbox: &*self.wiring.engines.sandbox,
            docker: docker.as_ref().ok().map(|docker| &**docker),
        };
        let progress = |step, message: &str| log.package_step(step, message);
        let prepared = package::prepare(&archive.tree, &manifest, &engines, &options, &progress)?;
        if let Err(reason) = &docker {
            check_engines(&prepared, reason)?;
        }
        log.package_step(package::Step::Tests, "running its tests");
        let report = package::run_tests(&prepared, &engines, &options)?;
        if !report.passed() {
            let failed =
                Failed::from(PackageError { problems: report.problems(&prepared.manifest.file) });
            return Err(Failed { report: Some(shown(&report)), ..failed });
        }
        for warning in &prepared.warnings {
            log.line(warning);
        }
        log.step("publish", "storing it");
        self.store_objects(prepared, &report, tenant, account, origin).map(Box::new)
    }

    /// The stored release of this very content, if every function of it is there.
    fn already_there(
        &self,
        tenant: &str,
        manifest: &model::Manifest,
        version: &model::PackageVersion,
    ) -> Result<Option<Built>, Failed> {
        let handle = tokio::runtime::Handle::current();
        let mut release = None;
        let mut functions = Vec::new();
        for spec in &manifest.functions {
            let name = FunctionName { tenant: tenant.to_owned(), id: spec.id.to_string() };
            let query = VersionQuery::Exact(version.clone());
            match handle.block_on(self.wiring.store.function(&name, &query)) {
                Ok(Some(found)) if found.release.package == manifest.name => {
                    functions.push(found.function);
                    release = Some(found.release);
                }
                Ok(_) | Err(StoreError::NotFound) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(release.map(|release| Built { release, functions }))
    }

    /// Docker, if it can be used now, or why it cannot.
    fn docker(&self) -> Result<Arc<dyn Executor>, String> {
        let docker = self.wiring.engines.docker.as_ref();
        let docker = docker.ok_or("this server does not have it")?;
        docker.check().map_err(|error| format!("it cannot be used now: {error}"))?;
        Ok(docker.clone())
    }

    fn store_objects(
        &self,
        prepared: Prepared,
        report: &Report,
        tenant: &str,
        account: Uuid,
        origin: Option<Value>,
    ) -> Result<Built, Failed> {
        let blobs = &self.wiring.blobs;
        let put = |bytes: &[u8]| -> Result<BlobKey, Failed> {
            let packed = pack_zstd(bytes).map_err(|error| Failed::internal(&error))?;
            Ok(blobs.put_blocking(&packed)?.key)
        };
        let app = &prepared.bundle.app;
        let source_bytes = app.files().iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let source = put(&package::packed::pack(&(), app))?;
        let has_dependencies = !prepared.lock.is_empty();
        let dependencies =
            if has_dependencies { Some(put(&prepared.dependencies.to_bytes())?) } else { None };
        let mut functions = Vec::new();
        for function in &prepared.functions {
            let snapshot = match &function.snapshot {
                None => None,
                Some(snapshot) => {
                    let bytes = snapshot.source.read().map_err(|error| Failed::internal(&error))?;
                    Some((snapshot.id.clone(), blobs.put_blocking(&bytes)?.key))
                }
            };
            let runtime = &function.spec.runtime;
            functions.push(FunctionRelease {
                id: function.spec.id.to_string(),
                handler: function.spec.handler.clone(),
                description: function.description.clone(),
                engine: function.engine,
                engine_reason: function.engine_reason.clone(),
                inputs_schema: function.inputs_schema.value().clone(),
                outputs_schema: function
                    .outputs_schema
                    .as_ref()
                    .map(|schema| schema.value().clone()),
                strict_outputs: function.spec.strict_outputs,
                timeout_ms: runtime.timeout.as_millis() as u64,
                memory_bytes: runtime.memory_bytes,
                cpus: runtime.cpu_limit,
                fuel: runtime.fuel,
                deterministic: runtime.deterministic,
                cache: runtime.cache,
                retry: runtime.retry,
                snapshot,
                no_snapshot: function.no_snapshot.clone(),
                image: function.image.clone(),
                warnings: [function.warnings.clone(), unheeded(function)].concat(),
            });
        }
        let manifest = &prepared.manifest;
        let release = Release {
            tenant: tenant.to_owned(),
            package: manifest.name.clone(),
            version: prepared.version.clone(),
            checksum: package::version::checksum(app).to_hex(),
            created_at: self.wiring.clock.now(),
            created_by: account,
            source,
            source_bytes,
            dependencies,
            lock: json!(prepared.lock),
            report: shown(report),
            description: manifest.description.clone(),
            authors: manifest.authors.clone(),
            tags: manifest.tags.clone(),
            category: manifest.category.clone(),
            changelog: manifest.changelog.clone(),
            origin,
            warnings: prepared.warnings.clone(),
            left_out: prepared.bundle.left_out.clone(),
        };
        Ok(Built { release, functions })
    }
}

/// What fetches dependencies, for deploys and for images that have to be made again.
pub fn resolver(config: &crate::config::Config) -> Resolver {
    Resolver {
        uv: config.uv.clone(),
        cache: Some(config.cache_dir.join("dependencies")),
        ..Resolver::default()
    }
}

/// Refuses what cannot be run without Docker.
fn check_engines(prepared: &Prepared, reason: &str) -> Result<(), Failed> {
    let needs = |function: &&package::PreparedFunction| function.engine == Engine::Docker;
    match prepared.functions.iter().find(needs) {
        None => Ok(()),
        Some(function) => Err(Failed::invalid(
            "engine-unavailable",
            format!(
                "`{}` needs Docker: {}; but {reason}",
                function.spec.id, function.engine_reason
            ),
        )),
    }
}

/// What Docker does not do as the sandbox does, of what the author asked for.
fn unheeded(function: &package::PreparedFunction) -> Vec<String> {
    let (runtime, mut found) = (&function.spec.runtime, Vec::new());
    if function.engine != Engine::Docker {
        return found;
    }
    if runtime.fuel.is_some() {
        found.push("`fuel` is not counted in containers: `timeout` limits the call".to_owned());
    }
    if runtime.deterministic {
        found.push(
            "`deterministic` seeds random numbers in containers, but clocks are real there"
                .to_owned(),
        );
    }
    found
}

fn policy(config: &crate::config::Config) -> ImportPolicy {
    let (settings, own) = (&config.deploy, ImportPolicy::default());
    ImportPolicy {
        blocked_modules: settings.blocked_modules.clone().unwrap_or(own.blocked_modules),
        allowed_modules: settings.allowed_modules.clone().or(own.allowed_modules),
        blocked_calls: settings.blocked_calls.clone().unwrap_or(own.blocked_calls),
    }
}

/// A test report as it is stored and shown.
fn shown(report: &Report) -> Value {
    let cases: Vec<Value> = report
        .cases
        .iter()
        .map(|case| {
            json!({
                "function_id": case.function.as_str(),
                "name": case.name,
                "passed": case.passed(),
                "message": case.failure.as_ref().map(|failure| failure.message.clone()),
                "mismatches": case.mismatches.iter().map(|one| json!({
                    "pointer": one.pointer, "message": one.message})).collect::<Vec<_>>(),
                "wall_ms": case.usage.wall_ms,
            })
        })
        .collect();
    let internal = ErrorKind::Internal;
    let failure = report.tests_failure.as_ref().filter(|failure| failure.kind != internal);
    json!({
        "passed": report.passed(),
        "cases": cases,
        "tests": report.tests,
        "tests_failure": failure.map(|failure| failure.message.clone()),
    })
}
