//! The images of functions that Docker runs: locked for the image's own Python, made, and
//! asked what the sandbox could not say.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::executor::Description;
use model::image::{Base, ImageError, Installer, Platform, Recipe};
use model::{Bundle, Engine, Executor, FunctionSpec, Operation, Outcome};
use serde::{Deserialize, Serialize};

use crate::dependencies::{self, Lock, Requirement, Resolver, Target};
use crate::diagnosis::{Obstacle, Package};
use crate::engine::{loading_limits, with_schemas};
use crate::manifest::DOCKERFILE;
use crate::prepare::{Asked, Options, PrepareError, PreparedFunction, Runner, decoded};
use crate::problem::{PackageError, Problem, Step};
use crate::testing;

/// What the image of a function is made of, besides the package's own files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSpec {
    pub platform: Platform,
    /// The dependencies, for that platform.
    pub lock: Lock,
    /// What runs the package's `tests/`, if there are any.
    pub tools: Lock,
    /// Modules worth loading before calls.
    pub preload: Vec<String>,
    /// Whether the package brings its own `Dockerfile`.
    pub is_program: bool,
}

impl ImageSpec {
    /// What an engine needs to run the package's functions from the image, or to make it
    /// again.
    pub fn bundle(
        &self,
        name: &str,
        version: &str,
        of_sandbox: &Bundle,
        installer: Arc<dyn Installer>,
    ) -> Bundle {
        let image = Recipe {
            platform: self.platform.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
            app: of_sandbox.app.clone(),
            lock: self.lock.to_requirements(),
            tools: self.tools.to_requirements(),
            preload: self.preload.clone(),
            is_program: self.is_program,
            installer,
        };
        // What an image has not either, and nobody uses.
        let is_nowhere = |import: &&model::executor::ImportRef| {
            let top = import.module.split('.').next().unwrap_or_default();
            !self.preload.iter().any(|module| module == top)
        };
        Bundle {
            app: of_sandbox.app.clone(),
            deps: Arc::default(),
            left_out: of_sandbox.left_out.iter().filter(is_nowhere).cloned().collect(),
            image: Some(Arc::new(image)),
        }
    }
}

/// Makes the images of a package's functions, one for each base that they ask for.
pub(crate) struct Images<'a> {
    pub docker: &'a dyn Executor,
    pub package: &'a Package<'a>,
    pub requirements: &'a [Requirement],
    pub options: &'a Options,
    pub version: String,
}

impl Images<'_> {
    /// What the image of a function would be made of; nothing is made.
    pub fn spec(&self, spec: &FunctionSpec) -> Result<ImageSpec, PrepareError> {
        let base =
            Base { name: spec.runtime.base_image.clone(), python: spec.runtime.python_version };
        let platform = self.docker.platform(&base)?;
        let resolver = &self.options.resolver;
        let target = Target::from(&platform);
        let lock = resolver.lock_for(self.requirements, &target)?;
        let app = &self.package.bundle.app;
        let tools = match testing::has_tests(app) {
            true => resolver.lock_for(&dependencies::pytest_requirements(), &target)?,
            false => Lock::default(),
        };
        Ok(ImageSpec {
            preload: self.preload(&lock),
            is_program: app.file(DOCKERFILE).is_some(),
            platform,
            lock,
            tools,
        })
    }

    /// Top-level modules that the package's own code imports from its dependencies. What the
    /// sandbox's dependencies say of their modules holds for the image's too, if they are
    /// locked there; what they do not know of is told by its own name.
    fn preload(&self, lock: &Lock) -> Vec<String> {
        let imports = &self.package.inspection.imports;
        let is_test = |file: &str| file.starts_with("tests/");
        let modules: BTreeSet<&str> = imports
            .iter()
            .filter(|found| !is_test(&found.at.file))
            .filter_map(|found| found.at.module.split('.').next())
            .collect();
        let is_locked = |module: &str| {
            let distribution = self.package.vendored.distribution_of(module);
            let name = distribution.map_or(module, |distribution| distribution.name.as_str());
            lock.package(name).is_some()
        };
        modules.into_iter().filter(|module| is_locked(module)).map(str::to_owned).collect()
    }

    /// Makes the image of a function that Docker runs, and asks it for what is not known yet.
    pub fn make(
        &self,
        function: &mut PreparedFunction,
        progress: &dyn Fn(Step, &str),
    ) -> Result<(), PrepareError> {
        let spec = function.spec.clone();
        let image = self.spec(&spec)?;
        let installer: Arc<dyn Installer> =
            Arc::new(Resolver { cancel: Default::default(), ..self.options.resolver.clone() });
        let name = &self.package.source.manifest.name;
        let bundle = image.bundle(name, &self.version, self.package.bundle, installer);
        let recipe = bundle.image.clone().expect("a bundle of an image has one");
        progress(
            Step::Image,
            &format!("for Python {} over {}", image.platform.python, image.platform.base),
        );
        let log = |line: &str| progress(Step::Image, line);
        self.docker
            .make_ready(&recipe, &log, &self.options.resolver.cancel)
            .map_err(|error| self.refused(error))?;
        function.bundle = Arc::new(bundle);
        let is_program = image.is_program && !self.package.has_handler(&spec);
        function.image = Some(image);
        if !function.described && !is_program && !function.is_program() {
            let description = self.describe(&spec, &function.bundle)?;
            let (engine, reason) = (function.engine, function.engine_reason.clone());
            let described = with_schemas(self.package, &spec, Some(description))?;
            *function = PreparedFunction {
                engine,
                engine_reason: reason,
                bundle: function.bundle.clone(),
                image: function.image.take(),
                ..described
            };
            let mistakes = testing::check_inputs(self.package.source, function);
            PackageError::unless_empty(mistakes, ())?;
        }
        Ok(())
    }

    fn describe(
        &self,
        spec: &FunctionSpec,
        bundle: &Arc<Bundle>,
    ) -> Result<Description, PrepareError> {
        let limits = loading_limits(spec);
        let timeout = limits.timeout;
        let operation = Operation::Describe { handler: spec.handler.clone() };
        let runner = Runner::of(self.docker, self.options);
        let Outcome { result, .. } = runner.run(bundle, Asked::new(operation, limits))?;
        let failure = match result {
            Ok(value) => return decoded(value, "description"),
            Err(failure) => failure,
        };
        Err(match self.package.obstacle_in_image(spec, &failure, timeout) {
            Obstacle::Mistake(problems) => PackageError::from(problems).into(),
            Obstacle::Native(reason) => {
                Problem::new(Step::Engine, format!("{reason}, and the image has it not either"))
                    .help("choose another `base_image`, or do without it")
                    .into()
            }
        })
    }

    fn refused(&self, error: ImageError) -> PrepareError {
        match error {
            ImageError::Refused(message) => Problem::new(Step::Image, message).into(),
            ImageError::Unavailable(message) => PrepareError::Unavailable(message),
            ImageError::Cancelled => PrepareError::Cancelled,
            ImageError::Internal(message) => model::ExecutorError::Internal(message).into(),
        }
    }
}

impl PreparedFunction {
    /// Whether it is a program of the package's own `Dockerfile`, which has no signature.
    pub fn is_program(&self) -> bool {
        self.engine == Engine::Docker && self.image.as_ref().is_some_and(|image| image.is_program)
    }
}
