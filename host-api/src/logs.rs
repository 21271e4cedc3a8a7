//! What a call logs and prints, up to its quota.

use std::sync::Arc;
use std::time::Instant;

use model::{Events, LogEntry, LogLevel, Logs};

use crate::bindings::mecapy::sandbox::log::{Host, Level};
use crate::ctx::Ctx;

/// What an entry costs beside its message, so that empty lines count too.
const ENTRY_BYTES: u64 = 32;

/// Collects entries and passes them on as they come.
pub struct LogSink {
    events: Arc<dyn Events>,
    started: Instant,
    left: u64,
    quota: u64,
    /// Entries of deterministic calls carry no times.
    timeless: bool,
    logs: Logs,
}

impl LogSink {
    pub fn new(events: Arc<dyn Events>, started: Instant, quota: u64, timeless: bool) -> Self {
        Self { events, started, left: quota, quota, timeless, logs: Logs::default() }
    }

    pub fn push(&mut self, level: LogLevel, message: String) {
        if self.logs.truncated {
            return;
        }
        let cost = message.len() as u64 + ENTRY_BYTES;
        if cost > self.left {
            self.logs.truncated = true;
            let notice =
                format!("the log's quota of {} bytes is used up: the rest is dropped", self.quota);
            self.add(LogLevel::Warning, notice);
        } else {
            self.left -= cost;
            self.add(level, message);
        }
    }

    /// Whether nothing more will be kept.
    pub fn is_full(&self) -> bool {
        self.logs.truncated
    }

    pub fn take(&mut self) -> Logs {
        std::mem::take(&mut self.logs)
    }

    fn add(&mut self, level: LogLevel, message: String) {
        let at_ms = if self.timeless { 0.0 } else { self.started.elapsed().as_secs_f64() * 1e3 };
        let entry = LogEntry { at_ms, level, message };
        self.events.log(&entry);
        self.logs.entries.push(entry);
    }
}

impl Host for Ctx {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
            Level::Error => LogLevel::Error,
        };
        self.logs.push(level, message);
        Ok(())
    }
}

impl crate::bindings::mecapy::sandbox::types::Host for Ctx {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_cuts_once_and_says_so() {
        let mut sink = LogSink::new(Arc::new(()), Instant::now(), 100, false);
        for _ in 0..1000 {
            sink.push(LogLevel::Info, "x".to_owned());
        }
        let logs = sink.take();
        assert_eq!(logs.entries.len(), 4);
        assert!(logs.truncated);
        assert!(logs.entries[3].message.contains("quota of 100 bytes"));
    }
}
