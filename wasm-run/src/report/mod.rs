//! What is printed. One printer owns the terminal: everything goes through it, so that
//! lines and a progress bar do not write over each other.

pub mod human;
pub mod json;
mod live;
pub mod summary;
mod table;
pub mod value;

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

pub use live::Live;

/// How long work is silent before a person is told what it is.
const NOTICE_AFTER: Duration = Duration::from_secs(1);

/// Columns assumed where there is no terminal to ask: nothing is cut.
const UNLIMITED: usize = usize::MAX;

#[derive(Clone)]
pub struct Printer {
    json: bool,
    terminal: bool,
    /// The bar that is drawn now.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        Self { json, terminal: std::io::stderr().is_terminal(), bar: Arc::default() }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Columns of the terminal that results are printed on.
    pub fn columns(&self) -> usize {
        if !std::io::stdout().is_terminal() {
            return UNLIMITED;
        }
        terminal_size::terminal_size().map_or(UNLIMITED, |(width, _)| usize::from(width.0))
    }

    /// The answer for a program: one line.
    pub fn object(&self, value: &Value) {
        if self.json {
            self.clear();
            write_line(anstream::stdout(), &value.to_string());
        }
    }

    /// The answer for a person.
    pub fn answer(&self, text: &str) {
        if !self.json {
            self.suspended(|| write_line(anstream::stdout(), text));
        }
    }

    /// What else a person should know.
    pub fn note(&self, text: &str) {
        if !self.json {
            self.suspended(|| write_line(anstream::stderr(), text));
        }
    }

    /// Shows what is being done while it takes its time, until dropped.
    pub fn live(&self, message: &str) -> Live {
        Live::start(self, message)
    }

    /// Says why one has to wait, if the wait is long; also where a program listens.
    pub fn notice(&self, text: &'static str) -> Notice {
        let printer = self.clone();
        let (done, wait) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            if wait.recv_timeout(NOTICE_AFTER) == Err(RecvTimeoutError::Timeout) {
                printer.suspended(|| write_line(anstream::stderr(), text));
            }
        });
        Notice { done: Some(done), thread: Some(thread) }
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    /// Clears the whole terminal, for another run.
    pub fn clear_terminal(&self) {
        if !self.json && self.terminal && std::io::stdout().is_terminal() {
            // Home, the visible part, and what has scrolled away.
            let _ = std::io::stdout().write_all(b"\x1b[H\x1b[2J\x1b[3J");
            let _ = std::io::stdout().flush();
        }
    }

    fn suspended(&self, write: impl FnOnce()) {
        match self.lock().as_ref() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes whole lines; a reader that has gone away is no error of ours.
fn write_line(mut stream: impl Write, text: &str) {
    let _ = stream.write_all(format!("{text}\n").as_bytes());
    let _ = stream.flush();
}

/// A wait that is explained if it is long.
pub struct Notice {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
