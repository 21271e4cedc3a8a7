//! How a job is run: which container it gets, what is done when that is lost, and what is made
//! of how it went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::image::{ImageError, Recipe};
use model::limits::{INPUT_BYTES, Phases};
use model::{ErrorKind, ExecutorError, Failure, Job, Operation, Outcome, Usage};
use serde_json::Value;

use crate::care::Care;
use crate::containers::cgroup::Used;
use crate::containers::container::Fate;
use crate::containers::ours::Ours;
use crate::containers::pool::{Lease, NotTaken, Pool, Taken};
use crate::containers::spec;
use crate::containers::warm::{NotWarm, READY_WITHIN, Warm};
use crate::daemon::{Daemon, DaemonError};
use crate::images::Images;
use crate::key::Key;
use crate::outcome;
use crate::run::{End, Talk};
use crate::settings::Settings;

/// How often a call is begun again whose container was lost before it said anything.
const MOST_ATTEMPTS: u32 = 3;

/// A loss that is seen within this time of sending a call has nothing to do with it.
const LOST_AT_ONCE: Duration = Duration::from_secs(1);

/// How long a call waits for a daemon that is gone.
const DAEMON_WITHIN: Duration = Duration::from_secs(5);
const DAEMON_LOOK: Duration = Duration::from_millis(200);

/// What runs jobs, and what of it is kept between them.
pub struct Inner {
    pub settings: Settings,
    pub daemon: Arc<Daemon>,
    pub ours: Arc<Ours>,
    pub images: Images,
    pub pool: Arc<Pool<Key, Warm>>,
    /// Calls of programs, so far.
    pub programs: AtomicU64,
    pub started: AtomicU64,
    pub lost: AtomicU64,
    pub care: Care,
}

/// What came of one attempt to run a job.
pub enum Tried {
    /// The outcome is told.
    Told,
    /// Nothing of the call has happened yet: it can be tried again, else this is why not.
    Again(ExecutorError),
}

/// Hears the outcome.
pub type Tell<'a> = &'a mut dyn FnMut(Outcome);

impl Inner {
    /// Runs a job; `tell` hears the outcome before the container is put in order.
    pub fn run(&self, job: &Job, tell: Tell) -> Result<(), ExecutorError> {
        let Some(recipe) = &job.bundle.image else {
            let message = "a package without an image cannot run in Docker: deploy it again";
            return Err(ExecutorError::Internal(message.to_owned()));
        };
        let inputs = match &job.operation {
            Operation::Call { inputs, .. } => serde_json::to_vec(inputs)
                .map_err(|error| ExecutorError::Internal(error.to_string()))?,
            _ => Vec::new(),
        };
        if inputs.len() > INPUT_BYTES {
            let message =
                format!("the inputs are {} bytes of JSON: at most {INPUT_BYTES}", inputs.len());
            tell(not_begun(Failure::new(ErrorKind::InvalidInputs, message)));
            return Ok(());
        }
        let inputs = Bytes::from(inputs);
        self.look_around_once();
        let mut attempt = 1;
        loop {
            if job.cancel.is_cancelled() {
                tell(not_begun(outcome::cancelled()));
                return Ok(());
            }
            match self.attempt(job, recipe, &inputs, tell)? {
                Tried::Told => return Ok(()),
                Tried::Again(error) if attempt == MOST_ATTEMPTS => return Err(error),
                Tried::Again(error) => tracing::info!("a call begins again: {error}"),
            }
            attempt += 1;
        }
    }

    fn attempt(
        &self,
        job: &Job,
        recipe: &Recipe,
        inputs: &Bytes,
        tell: Tell,
    ) -> Result<Tried, ExecutorError> {
        let image = match self.images.ensure(recipe, &|_| {}, &job.cancel) {
            Ok(image) => image,
            Err(ImageError::Cancelled) => return Ok(end(tell, outcome::cancelled())),
            Err(ImageError::Refused(why)) => {
                return Ok(end(tell, Failure::new(ErrorKind::InvalidPackage, why)));
            }
            Err(ImageError::Unavailable(why)) => {
                let error = ExecutorError::Unavailable(why);
                // What is wrong with a daemon that answers will not mend by asking again.
                return match self.daemon.check() {
                    Ok(()) => Err(error),
                    Err(_) => self.again_when_daemon_is_back(job, error),
                };
            }
            Err(ImageError::Internal(why)) => return Err(ExecutorError::Internal(why)),
        };
        if recipe.is_program {
            return self.run_program(job, recipe, &image, inputs, tell);
        }
        let (lease, mut warm, started, cold) = match self.warm(job, recipe, &image)? {
            Found::Warm { lease, warm, started, cold } => (lease, warm, started, cold),
            Found::Ended(failure) => return Ok(end(tell, failure)),
            Found::Again(error) => return Ok(Tried::Again(error)),
        };
        let instantiate = if cold { started.elapsed() } else { Duration::ZERO };
        let (mut talk, used) = warm.call(job, inputs, started);
        let logs = std::mem::take(&mut talk.logs);
        let result = match self.result(&talk, used.as_ref(), &warm, job) {
            Ok(result) => result,
            Err(tried) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return tried;
            }
        };
        let mut usage = Usage {
            fuel: None,
            wall_ms: milliseconds(started.elapsed()),
            cpu_ms: used.map_or(0.0, |used| milliseconds(used.cpu)),
            peak_memory_bytes: used.map_or(0, |used| used.peak_bytes),
            cold,
            phases: Phases { instantiate, load: Duration::ZERO, call: talk.took },
        };
        let mut settled = None;
        if talk.settles {
            lease.settling();
            if usage.peak_memory_bytes == 0 {
                // The kernel's counters are not to be had here: the runner has its own.
                let idle = warm.settle();
                if let Ok(idle) = &idle {
                    usage.cpu_ms = usage.cpu_ms.max(idle.cpu_ms);
                    usage.peak_memory_bytes = idle.peak_memory_bytes;
                }
                settled = Some(idle);
            }
        }
        tell(Outcome { result, logs, warnings: Vec::new(), usage });
        if talk.settles {
            match settled.unwrap_or_else(|| warm.settle()) {
                Ok(idle) => {
                    tracing::trace!(?idle, "a container is clean");
                    lease.give_back(warm);
                }
                Err(fault) => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    tracing::info!("container {} is given up: {fault}", warm.name());
                }
            }
        }
        Ok(Tried::Told)
    }

    /// A call's result, or why it has none.
    fn result(
        &self,
        talk: &Talk,
        used: Option<&Used>,
        warm: &Warm,
        job: &Job,
    ) -> Result<Result<Value, Failure>, Result<Tried, ExecutorError>> {
        let limits = &job.limits;
        Ok(match &talk.end {
            End::Result(answer) => outcome::read_answer(answer, limits),
            End::Failed(failure) => Err(outcome::failed(failure.clone(), used, limits)),
            End::Ended(how) => Err(outcome::ended(*how, used, limits)),
            End::Stopped(stop) => Err(outcome::stopped(*stop, limits)),
            End::Broken(why) => Err(outcome::broken(why)),
            End::Cut { unheard } => match warm.fate() {
                Fate::OutOfMemory => Err(model::guest::memory_exceeded(limits)),
                _ if used.is_some_and(|used| used.was_killed) => {
                    Err(model::guest::memory_exceeded(limits))
                }
                fate if fate.is_by_others() => {
                    self.care.after_loss();
                    let name = warm.name();
                    let lost = format!("the call's container {name} was ended by somebody else");
                    let lost = ExecutorError::Unavailable(lost);
                    return Err(match unheard {
                        Some(after) if *after < LOST_AT_ONCE => {
                            self.again_when_daemon_is_back(job, lost)
                        }
                        _ => Err(lost),
                    });
                }
                fate => Err(outcome::broken(&format!("its first process ended ({fate:?})"))),
            },
        })
    }

    /// A container for a job: one that waits, or a new one.
    fn warm(&self, job: &Job, recipe: &Recipe, image: &str) -> Result<Found, ExecutorError> {
        let key = Key::of(job, image);
        let lease = loop {
            match self.take(&key, job) {
                Err(NotHad::Cancelled) => return Ok(Found::Ended(outcome::cancelled())),
                Err(NotHad::Error(error)) => return Err(error),
                Ok(Taken::Room(lease)) => break lease,
                Ok(Taken::Ready { lease, what: mut warm, paused }) => {
                    let started = Instant::now();
                    let woken = !paused || warm.unpause().is_ok();
                    if woken && warm.is_silent() {
                        return Ok(Found::Warm { lease, warm, started, cold: false });
                    }
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    self.care.after_loss();
                }
            }
        };
        let started = Instant::now();
        let begun = Warm::start(&self.daemon, &self.ours, &self.settings, image, recipe, job);
        match begun {
            Ok(warm) => {
                self.started.fetch_add(1, Ordering::Relaxed);
                Ok(Found::Warm { lease, warm, started, cold: true })
            }
            Err(error) => self.not_warm(error, job, image),
        }
    }

    fn not_warm(&self, error: NotWarm, job: &Job, image: &str) -> Result<Found, ExecutorError> {
        Ok(Found::Ended(match error {
            NotWarm::Cancelled => outcome::cancelled(),
            NotWarm::TooSlow => Failure::new(
                ErrorKind::Timeout,
                format!(
                    "what the function depends on was not imported within {} s",
                    READY_WITHIN.as_secs()
                ),
            ),
            NotWarm::Ended(Fate::OutOfMemory) => model::guest::memory_exceeded(&job.limits),
            NotWarm::Ended(fate) if fate.is_by_others() => {
                self.care.after_loss();
                let lost = "a new container was ended by somebody else".to_owned();
                return found(
                    self.again_when_daemon_is_back(job, ExecutorError::Unavailable(lost)),
                );
            }
            NotWarm::Ended(fate) => outcome::broken(&format!(
                "its first process ended before the call began ({fate:?})"
            )),
            NotWarm::Broken(why) => outcome::broken(&why),
            NotWarm::Daemon(error) => return found(self.daemon_failed(error, job, image)),
        }))
    }

    /// What to do about a request that the daemon did not fulfil.
    pub fn daemon_failed(
        &self,
        error: DaemonError,
        job: &Job,
        image: &str,
    ) -> Result<Tried, ExecutorError> {
        match error {
            DaemonError::Missing(_) => {
                // Somebody removed the image: it is made again.
                self.images.forget(image);
                Ok(Tried::Again(told(error)))
            }
            DaemonError::Gone(_) => {
                self.care.after_loss();
                self.again_when_daemon_is_back(job, told(error))
            }
            error => Err(told(error)),
        }
    }

    /// Waits for the daemon for as long as a call may; `error` is answered if it stays away.
    fn again_when_daemon_is_back(
        &self,
        job: &Job,
        error: ExecutorError,
    ) -> Result<Tried, ExecutorError> {
        let until = Instant::now() + DAEMON_WITHIN;
        loop {
            if self.daemon.check().is_ok() {
                return Ok(Tried::Again(error));
            }
            let now = Instant::now();
            if now >= until {
                return Err(error);
            }
            // Cancelled, the next attempt says so.
            if job.cancel.sleep_until(now + DAEMON_LOOK) {
                return Ok(Tried::Again(error));
            }
        }
    }

    pub fn take(&self, key: &Key, job: &Job) -> Result<Taken<Key, Warm>, NotHad> {
        let bytes = spec::memory_bytes(&job.limits);
        self.pool.take(key, bytes, &job.cancel).map_err(|error| {
            let pool = &self.settings.pool;
            NotHad::Error(ExecutorError::Unavailable(match error {
                NotTaken::Cancelled => return NotHad::Cancelled,
                NotTaken::Busy(waited) => format!(
                    "all containers are busy: none of {} became free within {} s",
                    pool.containers,
                    waited.as_secs()
                ),
                NotTaken::TooLarge => format!(
                    "the call may use {} MiB, all containers together {}",
                    bytes >> 20,
                    pool.memory_bytes >> 20
                ),
            }))
        })
    }
}

enum Found {
    Warm { lease: Lease<Key, Warm>, warm: Warm, started: Instant, cold: bool },
    Ended(Failure),
    Again(ExecutorError),
}

/// Why a call has no place for a container.
pub enum NotHad {
    Cancelled,
    Error(ExecutorError),
}

fn found(tried: Result<Tried, ExecutorError>) -> Result<Found, ExecutorError> {
    match tried? {
        Tried::Again(error) => Ok(Found::Again(error)),
        Tried::Told => Err(ExecutorError::Internal("nobody was told".to_owned())),
    }
}

/// The daemon's failure, as a call's.
pub fn told(error: DaemonError) -> ExecutorError {
    match error {
        DaemonError::Gone(_) => ExecutorError::Unavailable(error.to_string()),
        DaemonError::DiskFull(why) => {
            ExecutorError::Unavailable(format!("Docker has no space left: {why}"))
        }
        DaemonError::Missing(why) => {
            ExecutorError::Unavailable(format!("what the call needs is gone: {why}"))
        }
        error => ExecutorError::Internal(error.to_string()),
    }
}

pub fn end(tell: Tell, failure: Failure) -> Tried {
    tell(not_begun(failure));
    Tried::Told
}

fn not_begun(failure: Failure) -> Outcome {
    Outcome {
        result: Err(failure),
        logs: Default::default(),
        warnings: Vec::new(),
        usage: Usage::default(),
    }
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
