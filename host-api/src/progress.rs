//! How far the handler says it has come.

use crate::bindings::mecapy::sandbox::progress::Host;
use crate::ctx::Ctx;
use std::time::{Duration, Instant};

/// Reports that follow the last one sooner are dropped, but for the end.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// Longest message that is passed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

impl Host for Ctx {
    fn report(&mut self, fraction: f64, mut message: String) -> wasmtime::Result<()> {
        let due = self.last_progress.is_none_or(|last| last.elapsed() >= LEAST_INTERVAL);
        if !fraction.is_nan() && (due || fraction >= 1.0) {
            self.last_progress = Some(Instant::now());
            let end = (0..=MAX_MESSAGE_BYTES.min(message.len()))
                .rev()
                .find(|&at| message.is_char_boundary(at));
            message.truncate(end.unwrap_or(0));
            self.events.progress(fraction.clamp(0.0, 1.0), &message);
        }
        Ok(())
    }
}
