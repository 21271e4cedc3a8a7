//! The state of one call's imports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::guest::{FileUse, LineBuffer, LogSink, ProgressSink};
use model::{CallFiles, CancelToken, Events, Logs};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::WasiSocketsCtx;

use crate::clock::Clock;
use crate::random::Random;
use crate::tmp::Quota;
use crate::vfs::Root;
use crate::{MAX_RESOURCES, wasi};

/// Why the host ended the guest from within an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostStop {
    #[error("the call's time is up")]
    Timeout,
    #[error("the call was cancelled")]
    Cancelled,
    /// The guest asked to end the process.
    #[error("the guest exited with status {0}")]
    Exit(u8),
}

/// Everything that one call's imports act on; part of the store's data.
pub struct Ctx {
    pub(crate) table: ResourceTable,
    pub(crate) root: Root,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) logs: LogSink,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) files: Arc<dyn CallFiles>,
    pub(crate) sockets: WasiSocketsCtx,
    pub(crate) stdout: LineBuffer,
    pub(crate) stderr: LineBuffer,
    pub(crate) inodes: wasi::Inodes,
    tmp: Arc<Quota>,
    pub(crate) file_use: FileUse,
    pub(crate) progress: ProgressSink,
    /// How often the wall clock was read.
    pub(crate) wall_readings: u64,
    deterministic: bool,
    cancel: CancelToken,
    deadline: Instant,
}

/// What of a guest's state is not within its memory, or would be older than its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub random_requests: u64,
    pub wall_readings: u64,
    /// Files and folders in `/tmp`.
    pub tmp_nodes: usize,
    /// Handles of any kind.
    pub resources: usize,
    /// Files and folders that are open, the root apart.
    pub open_files: usize,
}

impl Held {
    /// What was asked since an earlier moment; what is held stays as it is.
    pub fn since(self, earlier: &Held) -> Self {
        Self {
            random_requests: self.random_requests - earlier.random_requests,
            wall_readings: self.wall_readings - earlier.wall_readings,
            ..self
        }
    }
}

/// What a context is made of.
pub struct CtxBuilder {
    pub root: Root,
    pub files: Arc<dyn CallFiles>,
    pub events: Arc<dyn Events>,
    pub cancel: CancelToken,
    pub started: Instant,
    pub timeout: Duration,
    pub log_bytes: u64,
    pub tmp_bytes: u64,
    pub deterministic: bool,
}

impl CtxBuilder {
    pub fn build(self) -> Ctx {
        let tmp = Quota::new(self.tmp_bytes);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Ctx {
            table,
            root: self.root.with_tmp(tmp.clone()),
            clock: if self.deterministic { Clock::fixed() } else { Clock::real() },
            random: if self.deterministic { Random::seeded() } else { Random::fresh() },
            logs: LogSink::new(
                self.events.clone(),
                self.started,
                self.log_bytes,
                self.deterministic,
            ),
            progress: ProgressSink::new(self.events.clone()),
            events: self.events,
            files: self.files,
            sockets: WasiSocketsCtx::default(),
            stdout: LineBuffer::new(model::LogLevel::Stdout),
            stderr: LineBuffer::new(model::LogLevel::Stderr),
            inodes: wasi::Inodes::new(),
            tmp,
            file_use: FileUse::default(),
            wall_readings: 0,
            deterministic: self.deterministic,
            cancel: self.cancel,
            deadline: self.started + self.timeout,
        }
    }
}

impl Ctx {
    /// Whether the call has to stop now, and why.
    pub fn stop(&self) -> Option<HostStop> {
        if self.cancel.is_cancelled() {
            Some(HostStop::Cancelled)
        } else if Instant::now() >= self.deadline {
            Some(HostStop::Timeout)
        } else {
            None
        }
    }

    /// Lets others have the processor, if whoever runs the call says so; what that took is
    /// not of the call's time.
    pub fn give_way(&mut self) {
        self.deadline += self.events.give_way();
    }

    /// The handler is loaded, and its call begins: from here on a deterministic call has
    /// the same clock and randomness, whether the handler was loaded here or in a snapshot.
    pub fn begin_call(&mut self) {
        self.clock.begin_call();
        if self.deterministic {
            self.random = Random::seeded();
        }
    }

    /// From now on the guest is stopped at another time.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// What the guest asked of the world so far, and holds of it.
    pub fn held(&mut self) -> Held {
        let mut held = Held {
            random_requests: self.random.requests(),
            wall_readings: self.wall_readings,
            tmp_nodes: self.tmp.nodes(),
            resources: 0,
            open_files: 0,
        };
        for entry in self.table.iter_mut() {
            held.resources += 1;
            held.open_files += usize::from(wasi::is_open_file(entry));
        }
        held
    }

    /// All files below a folder of `/tmp`, by their path within it.
    pub fn tmp_files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        self.root.tmp_files(folder)
    }

    /// Whether the call asked for more of `/tmp` than there is.
    pub fn tmp_was_full(&self) -> bool {
        self.tmp.was_full()
    }

    /// Waits for a duration of the guest's clock, or stops at the deadline or when cancelled.
    pub(crate) fn wait(&mut self, duration: Duration) -> wasmtime::Result<()> {
        if self.clock.advance(duration) {
            return Ok(());
        }
        let wake = Instant::now().checked_add(duration).unwrap_or(self.deadline);
        self.events.rest();
        let cancelled = self.cancel.sleep_until(wake.min(self.deadline));
        let waited = self.events.wake();
        if cancelled {
            return Err(wasmtime::Error::new(HostStop::Cancelled));
        }
        if wake >= self.deadline {
            return Err(wasmtime::Error::new(HostStop::Timeout));
        }
        self.deadline += waited;
        Ok(())
    }

    /// Takes what the call logged, unfinished lines included.
    pub fn take_logs(&mut self) -> Logs {
        self.stdout.flush(&mut self.logs);
        self.stderr.flush(&mut self.logs);
        self.logs.take()
    }
}
