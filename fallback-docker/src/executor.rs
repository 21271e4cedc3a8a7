//! Docker as an `Executor`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::image::{Base, ImageError, Platform, Recipe};
use model::{CancelToken, Engine, Executor, ExecutorError, Job, Outcome};

use crate::attempt::{Inner, told};
use crate::care::Care;
use crate::containers::keeper::Keeper;
use crate::containers::ours::Ours;
use crate::containers::pool::Pool;
use crate::daemon::Daemon;
use crate::images::Images;
use crate::settings::Settings;

/// How long `close` waits for containers to be gone.
const CLOSE_WITHIN: Duration = Duration::from_secs(15);

/// Runs jobs in containers of a Docker daemon, which may come and go.
pub struct Docker {
    inner: Arc<Inner>,
    /// Before all else is let go of.
    keeper: Option<Keeper>,
}

/// What is counted, for whoever watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub containers: usize,
    /// Of these: ready for a call, and of those: paused.
    pub idle: usize,
    pub paused: usize,
    /// Calls that wait for a container.
    pub waiting: usize,
    pub started_total: u64,
    /// Made room for another.
    pub evicted_total: u64,
    /// Ended by others, or not fit to be used again.
    pub lost_total: u64,
}

impl Docker {
    /// Asks nothing of the daemon yet: it may come later.
    ///
    /// # Errors
    /// If this machine has no thread left.
    pub fn new(settings: Settings) -> Result<Self, ExecutorError> {
        let internal = |error: std::io::Error| ExecutorError::Internal(error.to_string());
        let daemon = Daemon::new(settings.host.as_deref()).map_err(internal)?;
        let inner = Arc::new(Inner {
            ours: Ours::new(daemon.clone(), &settings.owner),
            images: Images::new(daemon.clone(), &settings),
            pool: Pool::new(settings.pool.clone()),
            programs: AtomicU64::new(0),
            started: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            care: Care::default(),
            settings,
            daemon,
        });
        let cared_for = inner.clone();
        let every = inner.care_every();
        let keeper = Keeper::start(every, move || cared_for.take_care()).map_err(internal)?;
        Ok(Self { inner, keeper: Some(keeper) })
    }

    pub fn statistics(&self) -> Statistics {
        let numbers = self.inner.pool.numbers();
        Statistics {
            containers: numbers.containers,
            idle: numbers.idle,
            paused: numbers.paused,
            waiting: numbers.waiting,
            started_total: self.inner.started.load(Ordering::Relaxed),
            evicted_total: numbers.evicted,
            lost_total: self.inner.lost.load(Ordering::Relaxed),
        }
    }
}

impl Executor for Docker {
    fn engine(&self) -> Engine {
        Engine::Docker
    }

    fn measures(&self) -> Vec<(&'static str, f64)> {
        let Statistics {
            containers,
            idle,
            paused,
            waiting,
            started_total,
            evicted_total,
            lost_total,
        } = self.statistics();
        vec![
            ("containers", containers as f64),
            ("containers_idle", idle as f64),
            ("containers_paused", paused as f64),
            ("calls_waiting", waiting as f64),
            ("containers_started", started_total as f64),
            ("containers_evicted", evicted_total as f64),
            ("containers_lost", lost_total as f64),
        ]
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let mut told = None;
        self.run_then(job, &mut |outcome| told = Some(outcome))?;
        told.ok_or_else(|| ExecutorError::Internal("a call ended without an outcome".to_owned()))
    }

    fn run_then(&self, job: &Job, tell: &mut dyn FnMut(Outcome)) -> Result<(), ExecutorError> {
        // The call computes in its container, and the kernel shares the processors out there:
        // this thread waits, and must not keep others from computing meanwhile.
        job.events.rest();
        self.inner.run(job, tell)
    }

    fn platform(&self, base: &Base) -> Result<Platform, ExecutorError> {
        self.inner.images.platform(base)
    }

    fn make_ready(
        &self,
        recipe: &Recipe,
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        self.inner.images.ensure(recipe, log, cancel).map(|_| ())
    }

    fn check(&self) -> Result<(), ExecutorError> {
        self.inner.daemon.check().map_err(told)
    }

    fn close(&self) {
        self.let_go();
        // Also what a dead process left, should there have been no time for it yet.
        self.inner.reap_if_used();
    }
}

impl Docker {
    /// Without asking the daemon for anything that has to be waited for on its own runtime: also
    /// to be dropped where there is another.
    fn let_go(&self) {
        drop(self.inner.pool.drain());
        if !self.inner.ours.wait_removed(CLOSE_WITHIN) {
            tracing::warn!("some containers are not removed yet: the next start does it");
        }
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.keeper = None;
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use model::image::Installer;
    use model::manifest::PythonVersion;
    use model::{Bundle, ErrorKind, HandlerRef, Limits, Operation};

    use super::*;

    struct Nothing;

    impl Installer for Nothing {
        fn install(
            &self,
            _: &str,
            _: &Platform,
            _: &Path,
            _: &CancelToken,
        ) -> Result<(), ImageError> {
            Ok(())
        }
    }

    fn job(image: Option<Arc<Recipe>>) -> Job {
        let handler =
            HandlerRef { path: "a".to_owned(), callable: "f".to_owned(), init: Vec::new() };
        Job {
            tenant: "t".into(),
            bundle: Arc::new(Bundle { image, ..Bundle::default() }),
            operation: Operation::Call { handler, inputs: serde_json::Map::new() },
            snapshot: None,
            limits: Limits::default(),
            deterministic: false,
            files: Arc::new(()),
            events: Arc::new(()),
            cancel: CancelToken::new(),
        }
    }

    fn recipe() -> Arc<Recipe> {
        let python = PythonVersion { major: 3, minor: 12 };
        Arc::new(Recipe {
            platform: Platform { base: "none".to_owned(), python, target: String::new() },
            name: "a".to_owned(),
            version: "1".to_owned(),
            app: Arc::default(),
            lock: String::new(),
            tools: String::new(),
            preload: Vec::new(),
            is_program: false,
            installer: Arc::new(Nothing),
        })
    }

    #[test]
    fn without_a_daemon_it_says_so_and_waits_no_longer_than_its_caller() {
        let folder = tempfile::tempdir().unwrap();
        let host = Some(format!("unix://{}/none.sock", folder.path().display()));
        let docker = Docker::new(Settings { host, ..Settings::default() }).unwrap();
        assert!(matches!(docker.check(), Err(ExecutorError::Unavailable(_))));
        assert!(matches!(docker.run(&job(None)), Err(ExecutorError::Internal(_))));

        let cancelled = job(Some(recipe()));
        let token = cancelled.cancel.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            token.sleep_until(Instant::now() + Duration::from_millis(100));
            token.cancel();
        });
        let outcome = docker.run(&cancelled).unwrap();
        assert_eq!(outcome.result.unwrap_err().kind, ErrorKind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(4));
        thread.join().unwrap();

        let gone = docker.run(&job(Some(recipe())));
        assert!(matches!(gone, Err(ExecutorError::Unavailable(_))), "{gone:?}");
        assert_eq!(docker.statistics(), Statistics::default());
    }
}
