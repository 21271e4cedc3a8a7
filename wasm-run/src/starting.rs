//! The sandbox, started when it is first needed, with a word to whoever waits for it.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use model::{
    Engine, Executor, ExecutorError, Job, NoSnapshot, Outcome, SnapshotId, SnapshotJob, SnapshotRef,
};
use runtime::{Metering, Sandbox, SandboxConfig};

use crate::cache::{identity, private_folder};
use crate::report::Printer;

const NOTICE: &str =
    "preparing Python for this machine and this kind of call, once: this takes up to half a minute";

pub struct Starting {
    cache_dir: PathBuf,
    printer: Printer,
    sandbox: OnceLock<Result<Sandbox, String>>,
    ready: Mutex<Vec<Metering>>,
}

impl Starting {
    pub fn new(cache_dir: PathBuf, printer: Printer) -> Self {
        Self { cache_dir, printer, sandbox: OnceLock::new(), ready: Mutex::default() }
    }

    /// What a job of these needs is compiled and at hand.
    pub fn ready(&self, deterministic: bool, has_fuel: bool) -> Result<&Sandbox, ExecutorError> {
        let metering =
            if deterministic || has_fuel { Metering::Metered } else { Metering::Unmetered };
        let sandbox = self
            .sandbox
            .get_or_init(|| {
                Sandbox::new(SandboxConfig::new(&self.cache_dir)).map_err(|error| error.to_string())
            })
            .as_ref()
            .map_err(|message| ExecutorError::Internal(message.clone()))?;
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&metering) {
            self.compile(sandbox, metering)?;
            ready.push(metering);
        }
        Ok(sandbox)
    }

    /// The first time on a machine every image is compiled at once, so that no later call
    /// waits; afterwards each call loads the one that it needs.
    fn compile(&self, sandbox: &Sandbox, metering: Metering) -> Result<(), ExecutorError> {
        let folder = self.cache_dir.join("ready");
        let key = blake3::hash(identity().as_bytes()).to_hex();
        let mark = folder.join(format!("{}-{}", metering.name(), &key[..32]));
        if mark.exists() {
            return Ok(());
        }
        let _notice = self.printer.notice(NOTICE);
        sandbox.warm_up(metering).map_err(|error| ExecutorError::Internal(error.to_string()))?;
        if !sandbox.memory_use().kernel_tells {
            self.printer.note(
                "this kernel does not tell which memory a call has written (Linux 6.7 and later \
                 do): each call is given a new one, which takes about a millisecond",
            );
        }
        // Without the mark everything is looked at again next time, and that is all.
        let _ = private_folder(&folder).and_then(|()| std::fs::write(&mark, ""));
        Ok(())
    }
}

impl Executor for Starting {
    fn engine(&self) -> Engine {
        Engine::Sandbox
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        self.ready(job.deterministic, job.limits.fuel.is_some())?.run(job)
    }

    fn run_then(&self, job: &Job, tell: &mut dyn FnMut(Outcome)) -> Result<(), ExecutorError> {
        self.ready(job.deterministic, job.limits.fuel.is_some())?.run_then(job, tell)
    }

    fn snapshot(
        &self,
        job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        self.ready(false, job.limits.fuel.is_some())?.snapshot(job)
    }

    fn snapshot_at_hand(&self, id: &SnapshotId) -> Option<SnapshotRef> {
        self.ready(false, false).ok()?.snapshot_at_hand(id)
    }
}
