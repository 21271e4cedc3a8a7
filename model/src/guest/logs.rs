//! What a call logs and prints, up to its quota.

use std::sync::Arc;
use std::time::Instant;

use crate::{Events, LogEntry, LogLevel, Logs};

/// What an entry costs beside its message, so that empty lines count too.
const ENTRY_BYTES: u64 = 32;

/// A printed line is passed on when it has grown to this, finished or not.
const MAX_LINE_BYTES: usize = 64 * 1024;

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

/// Printed bytes, cut into lines.
pub struct LineBuffer {
    level: LogLevel,
    line: Vec<u8>,
}

impl LineBuffer {
    pub fn new(level: LogLevel) -> Self {
        Self { level, line: Vec::new() }
    }

    pub fn write(&mut self, bytes: &[u8], logs: &mut LogSink) {
        if logs.is_full() {
            return;
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            for part in piece.chunks(MAX_LINE_BYTES) {
                self.line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    self.line.pop();
                    self.emit(logs);
                } else if self.line.len() >= MAX_LINE_BYTES {
                    self.emit(logs);
                }
            }
        }
    }

    /// Passes on an unfinished line.
    pub fn flush(&mut self, logs: &mut LogSink) {
        if !self.line.is_empty() {
            self.emit(logs);
        }
    }

    fn emit(&mut self, logs: &mut LogSink) {
        let line = std::mem::take(&mut self.line);
        logs.push(self.level, String::from_utf8_lossy(&line).into_owned());
    }
}

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
