//! The crate's executor.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use host_api::FunctionPre;
use model::{Engine as EngineKind, Executor, ExecutorError, Job, Outcome, Tree};
use python_wasm::{Flavour, PYTHON};
use rand_core::{OsRng, TryRngCore};
use wasmtime::component::Linker;

use crate::engine::{self, Metering};
use crate::memory::Image;
use crate::run::{self, State};
use crate::{artifact, thread};

/// Instances alive at a time, unless configured.
const DEFAULT_INSTANCES: usize = 64;

#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where compiled code is kept; made if absent, private to the user.
    pub cache_dir: PathBuf,
    /// Most instances alive at a time; a job beyond them is told `Unavailable`.
    pub instances: usize,
    pub flavour: &'static Flavour,
}

impl SandboxConfig {
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self { cache_dir: cache_dir.into(), instances: DEFAULT_INSTANCES, flavour: &PYTHON }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox cannot start: {0}")]
    Start(String),
}

impl From<wasmtime::Error> for SandboxError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Start(format!("{error:#}"))
    }
}

impl From<std::io::Error> for SandboxError {
    fn from(error: std::io::Error) -> Self {
        Self::Start(error.to_string())
    }
}

/// Runs jobs in WebAssembly instances of the Python component.
///
/// Cheap to share; one a process is enough.
pub struct Sandbox {
    config: SandboxConfig,
    stdlib: Arc<Tree>,
    unmetered: Variant,
    metered: Variant,
    running: AtomicUsize,
}

/// The component compiled in one way: its engine, and its images, loaded when first used.
struct Variant {
    metering: Metering,
    engine: OnceLock<wasmtime::Engine>,
    /// By seed. Loading one, which may compile, holds up no call of another.
    images: Vec<Mutex<Option<Loaded>>>,
}

/// An image that instances can be made of.
#[derive(Clone)]
pub struct Loaded {
    pub code: FunctionPre<State>,
    pub memory: Arc<Image>,
}

impl Variant {
    fn new(metering: Metering, flavour: &Flavour) -> Self {
        let images = flavour.images.iter().map(|_| Mutex::default()).collect();
        Self { metering, engine: OnceLock::new(), images }
    }

    fn engine(&self, config: &SandboxConfig) -> Result<&wasmtime::Engine, SandboxError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = engine::new(self.metering, config.instances)?;
        Ok(self.engine.get_or_init(|| engine))
    }

    fn image(&self, config: &SandboxConfig, seed: usize) -> Result<Loaded, SandboxError> {
        let mut loaded = self.images[seed].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*loaded {
            return Ok(image.clone());
        }
        let engine = self.engine(config)?;
        let folder = artifact::folder(&config.cache_dir);
        let component = artifact::component(&folder, engine, self.metering, config.flavour, seed)?;
        let memory = artifact::memory(&folder, config.flavour, seed)?;
        let mut linker = Linker::new(engine);
        host_api::add_to_linker(&mut linker)?;
        let code = FunctionPre::new(linker.instantiate_pre(&component)?)?;
        let image = Loaded { code, memory };
        *loaded = Some(image.clone());
        Ok(image)
    }
}

impl Sandbox {
    /// Compiles nothing yet: each variant is loaded, and compiled if need be, when a job
    /// first needs it.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        Ok(Self {
            stdlib: python_wasm::stdlib()?,
            unmetered: Variant::new(Metering::Unmetered, config.flavour),
            metered: Variant::new(Metering::Metered, config.flavour),
            running: AtomicUsize::new(0),
            config,
        })
    }

    /// Loads every image of a variant, so that no job waits for it.
    pub fn warm_up(&self, metering: Metering) -> Result<(), SandboxError> {
        (0..self.config.flavour.images.len())
            .try_for_each(|seed| self.variant(metering).image(&self.config, seed).map(|_| ()))
    }

    fn variant(&self, metering: Metering) -> &Variant {
        match metering {
            Metering::Unmetered => &self.unmetered,
            Metering::Metered => &self.metered,
        }
    }

    fn run_here(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let _place = Place::take(&self.running, self.config.instances)?;
        let metering = if job.deterministic || job.limits.fuel.is_some() {
            Metering::Metered
        } else {
            Metering::Unmetered
        };
        // The images differ in the seed of `hash`, which is set when an interpreter starts.
        let seed = if job.deterministic { 0 } else { pick(self.config.flavour.images.len()) };
        let image = self
            .variant(metering)
            .image(&self.config, seed)
            .map_err(|error| ExecutorError::Internal(error.to_string()))?;
        run::run(&image, &self.stdlib, metering, job)
    }
}

/// One of the instances that may be alive at a time.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(running: &'a AtomicUsize, most: usize) -> Result<Self, ExecutorError> {
        let one_more = |now: usize| (now < most).then_some(now + 1);
        match running.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            Ok(_) => Ok(Self(running)),
            Err(_) => Err(ExecutorError::Unavailable(format!("all {most} instances are in use"))),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn pick(choices: usize) -> usize {
    OsRng.try_next_u32().unwrap_or(0) as usize % choices
}

impl Executor for Sandbox {
    fn engine(&self) -> EngineKind {
        EngineKind::Sandbox
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        thread::with_guest_stack(|| self.run_here(job))
            .unwrap_or_else(|error| Err(ExecutorError::Internal(error.to_string())))
    }
}
