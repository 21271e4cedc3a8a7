//! From a package's files to functions that can be called: the steps of a deploy that
//! need no server, in their order.

use std::sync::Arc;

use model::executor::{CallFiles, Events, ImportPolicy, Inspection};
use model::{
    Bundle, CancelToken, Engine, EnginePreference, ErrorKind, Executor, ExecutorError,
    FunctionSpec, Job, Limits, Manifest, Operation, Outcome, PackageVersion, SnapshotRef, Tree,
};
use serde_json::Value;

use crate::code;
use crate::dependencies::{self, DependencyError, Lock, Requirement, Resolver, Vendored};
use crate::diagnosis::Package;
use crate::engine::{self, Choice};
use crate::image::{ImageSpec, Images};
use crate::manifest::{DOCKERFILE, ManifestSource};
use crate::problem::{PackageError, Problem, Step};
use crate::schema::Schema;
use crate::testing::CaseResult;
use crate::version;

/// What the caller decides.
#[derive(Clone, Debug)]
pub struct Options {
    pub policy: ImportPolicy,
    /// Finds dependencies; its `cancel` also stops the rest.
    pub resolver: Resolver,
    /// Whether the manifest's test cases are run to choose the engine, as a deploy does.
    /// Without, a module that is missing only in the middle of a call is found at that call.
    pub run_test_cases: bool,
    /// Whether snapshots of the functions are taken, where the engine takes any.
    pub snapshots: bool,
    /// Whose package it is: tenants share no container.
    pub tenant: Arc<str>,
    /// Why all functions are run by Docker, if they are, whatever the manifest says.
    pub docker_because: Option<String>,
}

/// What runs functions.
#[derive(Clone, Copy)]
pub struct Engines<'a> {
    pub sandbox: &'a dyn Executor,
    /// Where there is Docker.
    pub docker: Option<&'a dyn Executor>,
}

impl<'a> Engines<'a> {
    /// The sandbox alone.
    pub fn only(sandbox: &'a dyn Executor) -> Self {
        Self { sandbox, docker: None }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: ImportPolicy::default(),
            resolver: Resolver::default(),
            run_test_cases: true,
            snapshots: true,
            tenant: Arc::default(),
            docker_because: None,
        }
    }
}

/// A package that is ready to be called.
#[derive(Debug)]
pub struct Prepared {
    pub version: PackageVersion,
    pub manifest: Manifest,
    pub bundle: Arc<Bundle>,
    /// In the manifest's order.
    pub functions: Vec<PreparedFunction>,
    pub lock: Lock,
    /// The dependencies as the sandbox sees them; their tree is the bundle's.
    pub dependencies: Vendored,
    pub inspection: Inspection,
    /// Of the package as a whole, such as imports that nothing uses.
    pub warnings: Vec<String>,
}

impl Prepared {
    pub fn function(&self, id: &str) -> Option<&PreparedFunction> {
        self.functions.iter().find(|function| function.spec.id.as_str() == id)
    }

    /// The distribution that has no WASI build, for a module that a call did not find: such
    /// a call is worth running in Docker.
    pub fn native_distribution_of(&self, module: &str) -> Option<&str> {
        self.dependencies.native_distribution_of(module)
    }
}

/// One function of a prepared package.
#[derive(Debug)]
pub struct PreparedFunction {
    pub spec: FunctionSpec,
    pub engine: Engine,
    /// Why that engine, for people: `numpy has no WASI build, imported by solve.py:3`.
    pub engine_reason: String,
    pub inputs_schema: Schema,
    pub outputs_schema: Option<Schema>,
    /// The manifest's, else the handler's documentation.
    pub description: Option<String>,
    pub warnings: Vec<String>,
    /// Whether the handler described itself. If not, schemas that the manifest does not
    /// give have still to be asked of the engine, and accept everything until then.
    pub described: bool,
    /// The test cases, if they were run to choose the engine.
    pub cases: Option<Vec<CaseResult>>,
    /// Where its calls begin, or why they import the handler instead; neither if it was not
    /// asked for.
    pub snapshot: Option<SnapshotRef>,
    pub no_snapshot: Option<String>,
    /// What its calls are given: the package's own bundle, or that of its image.
    pub bundle: Arc<Bundle>,
    /// What its image is made of, if Docker runs it, or would if the sandbox turned out to
    /// lack a module in the middle of a call.
    pub image: Option<ImageSpec>,
}

/// Why a package could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The author has to change something.
    #[error("{0}")]
    Package(PackageError),
    /// The engine failed, not the package.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// There are dependencies and no `uv` to resolve them.
    #[error("{0}")]
    NoResolver(String),
    /// The package index did not answer: try again.
    #[error("{0}")]
    Unavailable(String),
    #[error("cancelled")]
    Cancelled,
}

impl From<PackageError> for PrepareError {
    fn from(error: PackageError) -> Self {
        Self::Package(error)
    }
}

impl From<Problem> for PrepareError {
    fn from(problem: Problem) -> Self {
        Self::Package(problem.into())
    }
}

impl From<DependencyError> for PrepareError {
    fn from(error: DependencyError) -> Self {
        match error {
            DependencyError::Package(error) => Self::Package(error),
            DependencyError::NoResolver(message) => Self::NoResolver(message),
            DependencyError::Unavailable(message) => Self::Unavailable(message),
            DependencyError::Cancelled => Self::Cancelled,
        }
    }
}

/// Checks a package's code, locks its dependencies, chooses each function's engine and
/// derives its schemas. `progress` hears of each step as it begins.
///
/// Nothing outside of the resolver's cache is changed, but for images, which Docker keeps for
/// as long as it likes. Cancelling `options.resolver.cancel` ends it with
/// `PrepareError::Cancelled`.
pub fn prepare(
    tree: &Arc<Tree>,
    source: &ManifestSource,
    engines: &Engines<'_>,
    options: &Options,
    progress: &dyn Fn(Step, &str),
) -> Result<Prepared, PrepareError> {
    let manifest = &source.manifest;
    let sandbox = Runner::of(engines.sandbox, options);
    let has_code = tree.files().iter().any(|(path, _)| path.ends_with(".py"));

    progress(Step::Code, "checking the code");
    let mut bundle = Bundle { app: tree.clone(), ..Bundle::default() };
    let mut inspection = Inspection::default();
    // A program has its own process, with arguments and standard input, and needs the modules
    // for them.
    let policy = match tree.file(DOCKERFILE) {
        Some(_) => ImportPolicy::anything(),
        None => options.policy.clone(),
    };
    if has_code {
        inspection = sandbox.inspect(&bundle, &policy)?;
        PackageError::unless_empty(code::problems(&inspection), ())?;
    }

    progress(Step::Dependencies, "resolving dependencies");
    let requirements = dependencies::of_package(tree, source)?;
    let (lock, mut vendored, no_sandbox) = of_sandbox(&requirements, engines, options)?;
    if has_code && !lock.is_empty() {
        engine::take_out_unavailable(&sandbox, &mut vendored)?;
        bundle.deps = vendored.tree.clone();
        // Again, for which imports are found now.
        inspection = sandbox.inspect(&bundle, &policy)?;
    }

    let unused: Vec<_> =
        inspection.imports.iter().filter(|found| code::can_leave_out(found)).collect();
    let warnings = unused.iter().map(|found| code::unused_warning(found)).collect();
    bundle.left_out = unused.into_iter().map(|found| found.at.clone()).collect();
    let bundle = Arc::new(bundle);

    progress(Step::Engine, "choosing the engine");
    let package = Package { source, bundle: &bundle, vendored: &vendored, inspection: &inspection };
    let version = version::of(tree, &manifest.version);
    let images = engines.docker.map(|docker| Images {
        docker,
        package: &package,
        requirements: &requirements,
        options,
        version: version.to_string(),
    });
    let choice = Choice { options, has_docker: images.is_some(), no_sandbox };
    let mut functions = Vec::new();
    let mut problems = Vec::new();
    for spec in &manifest.functions {
        let chosen = engine::choose(&sandbox, &package, spec, &choice, progress)
            .and_then(|function| with_image(function, images.as_ref(), &vendored, progress));
        match chosen {
            Ok(function) => functions.push(function),
            Err(PrepareError::Package(error)) => problems.extend(error.problems),
            Err(error) => return Err(error),
        }
    }
    problems.dedup();
    PackageError::unless_empty(problems, ())?;
    Ok(Prepared {
        version,
        manifest: manifest.clone(),
        bundle,
        functions,
        lock,
        dependencies: vendored,
        inspection,
        warnings,
    })
}

/// The dependencies as the sandbox gets them. What it cannot have at all, because there is no
/// wheel for its Python or they are too large for it, Docker may: then they are none, for that
/// reason.
fn of_sandbox(
    requirements: &[Requirement],
    engines: &Engines<'_>,
    options: &Options,
) -> Result<(Lock, Vendored, Option<String>), PrepareError> {
    let resolver = &options.resolver;
    let had = resolver.lock(requirements).and_then(|lock| {
        let vendored = resolver.vendor(&lock)?;
        Ok((lock, vendored))
    });
    match had {
        Ok((lock, vendored)) => Ok((lock, vendored, None)),
        Err(DependencyError::Package(error)) if engines.docker.is_some() => {
            let why = error.problems.first().map(|problem| problem.message.clone());
            let why = format!(
                "its dependencies cannot be had for the sandbox: {}",
                model::json::cut(&why.unwrap_or_default(), 300)
            );
            Ok((Lock::default(), Vendored::default(), Some(why)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the image of a function that needs one. For a function of the sandbox that could turn
/// out to need one it is only worked out.
fn with_image(
    mut function: PreparedFunction,
    images: Option<&Images<'_>>,
    vendored: &Vendored,
    progress: &dyn Fn(Step, &str),
) -> Result<PreparedFunction, PrepareError> {
    let Some(images) = images else { return Ok(function) };
    let may_need = function.spec.runtime.engine != EnginePreference::Sandbox
        && vendored.native_modules().next().is_some();
    if function.engine == Engine::Docker {
        images.make(&mut function, progress)?;
    } else if may_need {
        // A daemon that is away, or wheels that it cannot have, are no hindrance to the sandbox.
        function.image = images.spec(&function.spec).ok();
    }
    Ok(function)
}

/// What a job of a preparation is to do.
pub(crate) struct Asked {
    pub operation: Operation,
    pub limits: Limits,
    pub deterministic: bool,
    pub snapshot: Option<SnapshotRef>,
}

impl Asked {
    pub fn new(operation: Operation, limits: Limits) -> Self {
        Self { operation, limits, deterministic: false, snapshot: None }
    }
}

/// An executor, with what every job of a preparation has in common.
pub(crate) struct Runner<'a> {
    pub executor: &'a dyn Executor,
    pub cancel: &'a CancelToken,
    tenant: &'a Arc<str>,
}

impl<'a> Runner<'a> {
    pub fn of(executor: &'a dyn Executor, options: &'a Options) -> Self {
        Self { executor, cancel: &options.resolver.cancel, tenant: &options.tenant }
    }

    /// Runs a job; an outcome that is ours or the caller's doing is an error.
    pub fn run(&self, bundle: &Arc<Bundle>, asked: Asked) -> Result<Outcome, PrepareError> {
        if self.cancel.is_cancelled() {
            return Err(PrepareError::Cancelled);
        }
        let files: Arc<dyn CallFiles> = Arc::new(());
        let events: Arc<dyn Events> = Arc::new(());
        let job = Job {
            tenant: self.tenant.clone(),
            bundle: bundle.clone(),
            operation: asked.operation,
            limits: asked.limits,
            snapshot: asked.snapshot,
            deterministic: asked.deterministic,
            files,
            events,
            cancel: self.cancel.clone(),
        };
        let outcome = self.executor.run(&job)?;
        match &outcome.result {
            Err(failure) if failure.kind == ErrorKind::Internal => {
                Err(ExecutorError::Internal(failure.message.clone()).into())
            }
            Err(failure) if failure.kind == ErrorKind::EngineUnavailable => {
                Err(ExecutorError::Unavailable(failure.message.clone()).into())
            }
            Err(failure) if failure.kind == ErrorKind::Cancelled => Err(PrepareError::Cancelled),
            _ => Ok(outcome),
        }
    }

    fn inspect(&self, bundle: &Bundle, policy: &ImportPolicy) -> Result<Inspection, PrepareError> {
        let bundle = Arc::new(Bundle {
            app: bundle.app.clone(),
            deps: bundle.deps.clone(),
            ..Bundle::default()
        });
        let operation = Operation::Inspect { policy: policy.clone() };
        match self.run(&bundle, Asked::new(operation, Limits::default()))?.result {
            Ok(value) => decoded(value, "inspection"),
            Err(failure) => Err(Problem::new(
                Step::Code,
                format!("the code cannot be checked: {}", failure.message),
            )
            .help("make the package's modules smaller")
            .into()),
        }
    }
}

/// What the executor answered, as what it must be.
pub(crate) fn decoded<T: serde::de::DeserializeOwned>(
    value: Value,
    what: &str,
) -> Result<T, PrepareError> {
    serde_json::from_value(value).map_err(|error| {
        ExecutorError::Internal(format!("the engine's {what} cannot be read: {error}")).into()
    })
}
