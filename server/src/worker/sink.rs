//! What a call says while it runs, kept until it is written where others can follow it.

use std::time::Duration;

use model::{Events, LogEntry};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::gate::Turn;
use crate::clock::{SharedClock, Time};
use crate::store::{EventKind, NewEvent};

/// Least time between two events of progress that are kept; the last is always kept.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// Most events of progress of one call.
const MAX_PROGRESS: usize = 10_000;

/// Hears one run. Its log is bounded by the call's own quota.
pub struct Sink {
    clock: SharedClock,
    turn: Mutex<Option<Turn>>,
    heard: Mutex<Heard>,
    /// Rung when there is something new.
    pub changed: Notify,
}

#[derive(Default)]
struct Heard {
    events: Vec<NewEvent>,
    progress: usize,
    last_progress: Option<Time>,
    /// The newest, if it came too soon after the one before.
    held_back: Option<NewEvent>,
}

impl Sink {
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, turn: Mutex::default(), heard: Mutex::default(), changed: Notify::new() }
    }

    /// The run has its turn from now on.
    pub fn begin(&self, turn: Turn) {
        *self.turn.lock() = Some(turn);
    }

    /// The run is over, and its slot another's.
    pub fn end(&self) {
        self.turn.lock().take();
    }

    /// All that was not taken before.
    pub fn take(&self) -> Vec<NewEvent> {
        let mut heard = self.heard.lock();
        let held_back = heard.held_back.take();
        heard.events.extend(held_back);
        std::mem::take(&mut heard.events)
    }

    /// Events that came with a run that failed to be recorded, to be taken again.
    pub fn put_back(&self, mut events: Vec<NewEvent>) {
        let mut heard = self.heard.lock();
        events.append(&mut heard.events);
        heard.events = events;
    }
}

impl Events for Sink {
    fn log(&self, entry: &LogEntry) {
        let event = NewEvent { kind: EventKind::Log, at: self.clock.now(), data: json!(entry) };
        let mut heard = self.heard.lock();
        let held_back = heard.held_back.take();
        heard.events.extend(held_back);
        heard.events.push(event);
        drop(heard);
        self.changed.notify_one();
    }

    fn progress(&self, fraction: f64, message: &str) {
        let at = self.clock.now();
        let data = json!({"fraction": fraction, "message": model::json::cut(message, 1_000)});
        let event = NewEvent { kind: EventKind::Progress, at, data };
        let mut heard = self.heard.lock();
        let soon = heard.last_progress.is_some_and(|last| at.since(last) < PROGRESS_EVERY);
        if soon || heard.progress >= MAX_PROGRESS {
            heard.held_back = Some(event);
        } else {
            heard.held_back = None;
            heard.last_progress = Some(at);
            heard.progress += 1;
            heard.events.push(event);
        }
        drop(heard);
        self.changed.notify_one();
    }

    fn give_way(&self) -> Duration {
        self.turn.lock().as_ref().map_or(Duration::ZERO, Turn::give_way)
    }

    fn rest(&self) {
        if let Some(turn) = &*self.turn.lock() {
            turn.rest();
        }
    }

    fn wake(&self) -> Duration {
        self.turn.lock().as_ref().map_or(Duration::ZERO, Turn::wake)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::LogLevel;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn progress_is_thinned_and_its_last_word_kept() {
        let sink = Sink::new(Arc::new(SystemClock));
        for step in 0..1_000 {
            sink.progress(f64::from(step) / 1_000.0, "going on");
        }
        let events = sink.take();
        assert!(events.len() < 500, "{}", events.len());
        assert_eq!(events.last().unwrap().data["fraction"], json!(0.999));
        assert!(sink.take().is_empty());
    }

    #[test]
    fn what_was_said_keeps_its_order() {
        let sink = Sink::new(Arc::new(SystemClock));
        let entry = |message: &str| LogEntry {
            at_ms: 0.0,
            level: LogLevel::Info,
            message: message.to_owned(),
        };
        sink.progress(0.1, "a");
        sink.progress(0.2, "b");
        sink.log(&entry("c"));
        let taken = sink.take();
        sink.log(&entry("d"));
        sink.put_back(taken);
        let kinds: Vec<_> = sink.take().iter().map(|event| event.data["message"].clone()).collect();
        assert_eq!(kinds, ["a", "b", "c", "d"]);
    }
}
