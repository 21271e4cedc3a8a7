//! How far the handler says it has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Events;

/// Reports that follow the last one sooner are dropped, but for the end.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// Longest message that is passed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Passes a guest's reports on, not more often than anybody can look.
pub struct ProgressSink {
    events: Arc<dyn Events>,
    last: Option<Instant>,
}

impl ProgressSink {
    pub fn new(events: Arc<dyn Events>) -> Self {
        Self { events, last: None }
    }

    /// `fraction` is clamped to 0..1; a NaN is ignored.
    pub fn report(&mut self, fraction: f64, mut message: String) {
        let due = self.last.is_none_or(|last| last.elapsed() >= LEAST_INTERVAL);
        if !fraction.is_nan() && (due || fraction >= 1.0) {
            self.last = Some(Instant::now());
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            self.events.progress(fraction.clamp(0.0, 1.0), &message);
        }
    }
}
