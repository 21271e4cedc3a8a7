//! The crate's executor.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::{
    Engine as EngineKind, Executor, ExecutorError, Job, Limits, NoSnapshot, Operation, Outcome,
    SnapshotId, SnapshotJob, SnapshotRef, Tree, Warning,
};
use python_wasm::{Flavour, PYTHON};
use rand_core::{OsRng, TryRngCore};

use crate::code::Code;
use crate::engine::{self, Metering};
use crate::memory::{Image, Pool, PoolConfig, PoolUse};
use crate::{artifact, run, snapshot, thread};

/// Instances alive at a time, unless configured.
const DEFAULT_INSTANCES: usize = 64;

#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where compiled code is kept; made if absent, private to the user.
    pub cache_dir: PathBuf,
    /// Most instances alive at a time; a job beyond them is told `Unavailable`.
    pub instances: usize,
    pub flavour: &'static Flavour,
    /// Which memories serve again, and how many are kept.
    pub memories: PoolConfig,
}

impl SandboxConfig {
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            instances: DEFAULT_INSTANCES,
            flavour: &PYTHON,
            memories: PoolConfig::default(),
        }
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
    pool: Arc<Pool>,
    unmetered: Variant,
    metered: Variant,
    snapshots: snapshot::Store,
    /// Names the first image, which snapshots continue.
    identity: OnceLock<snapshot::Identity>,
    /// The flavour's images, by seed, loaded when first used.
    images: Vec<Mutex<Option<Arc<Image>>>>,
    running: AtomicUsize,
}

/// The component compiled in one way: its engine, and its code, loaded when first used.
struct Variant {
    metering: Metering,
    engine: OnceLock<wasmtime::Engine>,
    /// By seed: the first seed whose image has the same component, and so the same code.
    firsts: Vec<usize>,
    /// By first seed. Loading one, which may compile, holds up no call of another.
    codes: Vec<Mutex<Option<Arc<Code>>>>,
}

impl Variant {
    fn new(metering: Metering, flavour: &Flavour) -> Self {
        let codes = flavour.images.iter().map(|_| Mutex::default()).collect();
        let firsts = flavour.images.iter().enumerate().map(|(seed, image)| {
            let id = image.component_id();
            flavour.images.iter().position(|other| other.component_id() == id).unwrap_or(seed)
        });
        Self { metering, engine: OnceLock::new(), firsts: firsts.collect(), codes }
    }

    fn engine(&self, pool: &Arc<Pool>) -> Result<&wasmtime::Engine, SandboxError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = engine::new(self.metering, pool.clone())?;
        Ok(self.engine.get_or_init(|| engine))
    }

    fn code(
        &self,
        config: &SandboxConfig,
        pool: &Arc<Pool>,
        seed: usize,
    ) -> Result<Arc<Code>, SandboxError> {
        let mut loaded =
            self.codes[self.firsts[seed]].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = &*loaded {
            return Ok(code.clone());
        }
        let engine = self.engine(pool)?;
        let folder = artifact::folder(&config.cache_dir);
        let component = artifact::component(&folder, engine, self.metering, config.flavour, seed)?;
        let code = Arc::new(Code::new(engine, &component)?);
        *loaded = Some(code.clone());
        Ok(code)
    }
}

impl Sandbox {
    /// Compiles nothing yet: each variant is loaded, and compiled if need be, when a job
    /// first needs it.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        Ok(Self {
            stdlib: python_wasm::stdlib()?,
            pool: Pool::new(config.memories),
            unmetered: Variant::new(Metering::Unmetered, config.flavour),
            metered: Variant::new(Metering::Metered, config.flavour),
            images: config.flavour.images.iter().map(|_| Mutex::default()).collect(),
            snapshots: snapshot::Store::new(&config.cache_dir),
            identity: OnceLock::new(),
            running: AtomicUsize::new(0),
            config,
        })
    }

    /// Loads all that a variant needs, so that no job waits for it.
    pub fn warm_up(&self, metering: Metering) -> Result<(), SandboxError> {
        // Making an image runs a guest.
        thread::with_guest_stack(|| {
            (0..self.config.flavour.images.len())
                .try_for_each(|seed| self.image(metering, seed).map(|_| ()))
        })?
    }

    /// What was done with memories so far, and what is kept of them.
    pub fn memory_use(&self) -> PoolUse {
        self.pool.usage()
    }

    /// Gives the memories that are kept ready back to the kernel; later calls make their own.
    pub fn give_memories_back(&self) {
        self.pool.evict_all();
    }

    fn variant(&self, metering: Metering) -> &Variant {
        match metering {
            Metering::Unmetered => &self.unmetered,
            Metering::Metered => &self.metered,
        }
    }

    /// The image that jobs of a seed begin with. Made, if it is not at hand, by an instance.
    fn image(&self, metering: Metering, seed: usize) -> Result<Arc<Image>, SandboxError> {
        let code = self.variant(metering).code(&self.config, &self.pool, seed)?;
        let mut loaded = self.images[seed].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*loaded {
            return Ok(image.clone());
        }
        let folder = artifact::folder(&self.config.cache_dir);
        let image = artifact::memory(&folder, self.config.flavour, seed, |memory, globals| {
            snapshot::immortal::in_memory(&code, &self.stdlib, metering, &folder, memory, globals)
        })?;
        *loaded = Some(image.clone());
        Ok(image)
    }

    /// Of the first image, which is `base`.
    fn identity(&self, base: &Image) -> &snapshot::Identity {
        self.identity.get_or_init(|| artifact::identity(self.config.flavour, FIRST, base))
    }

    fn run_here(&self, job: &Job, tell: &mut dyn FnMut(Outcome)) -> Result<(), ExecutorError> {
        let _place = Place::take(&self.running, self.config.instances)?;
        let metering = metering(&job.limits, job.deterministic);
        let (snapshot, unusable) = match self.snapshot_of(metering, job) {
            Ok(image) => (image, None),
            Err(warning) => (None, Some(warning)),
        };
        // The images differ in the seed of `hash`, which is set when an interpreter starts.
        let seed = match &snapshot {
            None if !job.deterministic => pick(self.config.flavour.images.len()),
            _ => FIRST,
        };
        let code = self.code(metering, seed)?;
        let loaded = snapshot.is_some();
        let image = match snapshot {
            Some(image) => image,
            None => self.image(metering, seed).map_err(internal)?,
        };
        let beginning = run::Beginning { code: &code, image: &image, loaded, metering };
        run::run(&beginning, &self.stdlib, job, &mut |mut outcome| {
            outcome.warnings.extend(unusable.clone());
            tell(outcome);
        })
    }

    fn code(&self, metering: Metering, seed: usize) -> Result<Arc<Code>, ExecutorError> {
        self.variant(metering).code(&self.config, &self.pool, seed).map_err(internal)
    }

    /// The image of a job's snapshot, if it has one; or that it cannot be used, and the
    /// handler is imported instead.
    fn snapshot_of(&self, metering: Metering, job: &Job) -> Result<Option<Arc<Image>>, Warning> {
        let Some(snapshot) = &job.snapshot else { return Ok(None) };
        if !matches!(job.operation, Operation::Call { .. } | Operation::Describe { .. }) {
            return Ok(None);
        }
        let image =
            self.image(metering, FIRST).map_err(|error| error.to_string()).and_then(|base| {
                self.snapshots
                    .image(snapshot, &base, self.identity(&base), &self.pool)
                    .map_err(|error| error.to_string())
            });
        image.map(Some).map_err(|why| Warning {
            code: "snapshot".to_owned(),
            message: format!("the call imported its handler: {why}"),
            violations: Vec::new(),
        })
    }

    fn snapshot_here(
        &self,
        job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        let mut job = job.clone();
        let made = {
            let _place = Place::take(&self.running, self.config.instances)?;
            let metering = metering(&job.limits, false);
            let code = self.code(metering, FIRST)?;
            let image = self.image(metering, FIRST).map_err(internal)?;
            let folder = self.snapshots.folder().map_err(|error| internal(error.into()))?;
            // Without dependencies there is little to compile.
            if !job.bundle.deps.is_empty() {
                match snapshot::bytecode::of_job(&code, &image, &self.stdlib, metering, &job)? {
                    Ok(bundle) => job = SnapshotJob { bundle, ..job },
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            snapshot::make(
                &code,
                &image,
                self.identity(&image),
                &self.stdlib,
                metering,
                folder,
                &job,
            )?
        };
        let bytes = match made {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        let snapshot = self
            .snapshots
            .put(&bytes)
            .map_err(|error| ExecutorError::Internal(error.to_string()))?;
        Ok(snapshot::compare(self, &job, &snapshot)?.map(|()| snapshot))
    }
}

/// The image that deterministic calls and snapshots begin with.
const FIRST: usize = 0;

fn metering(limits: &Limits, deterministic: bool) -> Metering {
    if deterministic || limits.fuel.is_some() { Metering::Metered } else { Metering::Unmetered }
}

fn internal(error: SandboxError) -> ExecutorError {
    ExecutorError::Internal(error.to_string())
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
        let mut told = None;
        self.run_then(job, &mut |outcome| told = Some(outcome))?;
        told.ok_or_else(|| ExecutorError::Internal("a run without an outcome".to_owned()))
    }

    fn run_then(&self, job: &Job, tell: &mut dyn FnMut(Outcome)) -> Result<(), ExecutorError> {
        if thread::fits_a_guest() {
            return self.run_here(job, tell);
        }
        // A thread made for the call ends before its outcome is told: `tell` stays here.
        let mut told = None;
        thread::with_guest_stack(|| self.run_here(job, &mut |outcome| told = Some(outcome)))
            .unwrap_or_else(|error| Err(ExecutorError::Internal(error.to_string())))?;
        told.into_iter().for_each(tell);
        Ok(())
    }

    fn snapshot(
        &self,
        job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        thread::with_guest_stack(|| self.snapshot_here(job))
            .unwrap_or_else(|error| Err(ExecutorError::Internal(error.to_string())))
    }

    fn snapshot_at_hand(&self, id: &SnapshotId) -> Option<SnapshotRef> {
        self.snapshots.find(id)
    }
}
