//! The threads that calls run on: never those of the HTTP server.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// What a thread is to do once.
pub type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread; on what stack is its business.
pub type Spawn = dyn Fn(&str, Box<dyn FnOnce() + Send>) -> std::io::Result<()> + Send + Sync;

/// A fixed number of threads, and work for them.
///
/// The line is as long as there are places (`Places`), so it is bounded by whoever asks for
/// one.
pub struct Pool {
    state: Arc<Shared>,
}

struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    work: VecDeque<Work>,
    closed: bool,
}

impl Pool {
    pub fn start(threads: usize, spawn: &Spawn) -> std::io::Result<Self> {
        let state = Arc::new(Shared { line: Mutex::default(), changed: Condvar::new() });
        for number in 0..threads {
            let state = state.clone();
            spawn(&format!("mecapy-call-{number}"), Box::new(move || state.serve()))?;
        }
        Ok(Self { state })
    }

    /// Runs it on the next free thread.
    pub fn run(&self, work: Work) {
        self.state.line.lock().work.push_back(work);
        self.state.changed.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.state.line.lock().closed = true;
        self.state.changed.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        loop {
            let work = {
                let mut line = self.line.lock();
                loop {
                    if let Some(work) = line.work.pop_front() {
                        break work;
                    }
                    if line.closed {
                        return;
                    }
                    self.changed.wait(&mut line);
                }
            };
            // A mistake of ours in one call must not take the thread from the next; whoever
            // waits for the call hears of it because its channel closes.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                tracing::error!("the thread of a call panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn spawn(name: &str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(|_| ())
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let pool = Pool::start(1, &spawn).unwrap();
        pool.run(Box::new(|| panic!("a mistake")));
        let (sender, receiver) = mpsc::channel();
        pool.run(Box::new(move || sender.send(5).unwrap()));
        assert_eq!(receiver.recv(), Ok(5));
    }
}
