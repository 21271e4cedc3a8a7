//! A progress bar on a terminal for what takes its time, and logs as they come.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{Events, LogEntry};

use super::{Printer, human};

/// Quicker work than this shows no bar.
const BAR_AFTER: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);
/// Steps of a bar: fractions are shown to the tenth of a percent.
const STEPS: u64 = 1_000;

const WAITING: &str = "{spinner} {msg} {elapsed:.dim}";
const MOVING: &str = "{spinner} {bar:30.cyan/dim} {percent:>3} %  {msg} {elapsed:.dim}";

/// Something going on. Dropped, it leaves the terminal as it was.
pub struct Live {
    printer: Printer,
    bar: Option<ProgressBar>,
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    pub fn start(printer: &Printer, message: &str) -> Self {
        let mut live = Self { printer: printer.clone(), bar: None, done: None, thread: None };
        if printer.json || !printer.terminal {
            return live;
        }
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden());
        bar.set_style(style(WAITING));
        bar.set_message(human::clean_line(message));
        *printer.lock() = Some(bar.clone());
        let (done, wait) = mpsc::channel::<()>();
        let shown = bar.clone();
        live.thread = Some(std::thread::spawn(move || {
            if wait.recv_timeout(BAR_AFTER) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(TICK);
            }
        }));
        live.bar = Some(bar);
        live.done = Some(done);
        live
    }

    pub fn message(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(human::clean_line(message));
        }
    }

    /// What a call tells of itself goes here.
    pub fn events(&self) -> impl Events + 'static {
        LiveEvents { printer: self.printer.clone(), bar: self.bar.clone() }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.printer.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is one").progress_chars("━╸─")
}

struct LiveEvents {
    printer: Printer,
    bar: Option<ProgressBar>,
}

impl Events for LiveEvents {
    fn log(&self, entry: &LogEntry) {
        self.printer.note(&human::log(entry));
    }

    fn progress(&self, fraction: f64, message: &str) {
        let Some(bar) = &self.bar else { return };
        if bar.position() == 0 {
            bar.set_style(style(MOVING));
        }
        bar.set_position((fraction * STEPS as f64).round() as u64);
        bar.set_message(human::clean_line(message));
    }
}
