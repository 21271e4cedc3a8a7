//! A thread that looks after what nobody uses: pauses it, removes it, finds what was lost.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A task that is done again and again until this is dropped.
pub struct Keeper {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Keeper {
    /// # Errors
    /// If no thread can be made.
    pub fn start(
        every: Duration,
        mut task: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let theirs = stop.clone();
        let thread =
            std::thread::Builder::new().name("docker keeper".to_owned()).spawn(move || {
                while !theirs.asked_within(every) {
                    task();
                }
            })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Stop {
    fn asked_within(&self, time: Duration) -> bool {
        let mut asked = self.asked.lock();
        if !*asked {
            self.changed.wait_for(&mut asked, time);
        }
        *asked
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.stop.asked.lock() = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_keeper_ends_when_it_is_dropped() {
        let (told, heard) = mpsc::channel();
        let keeper = Keeper::start(Duration::from_millis(1), move || {
            let _ = told.send(());
        });
        heard.recv().unwrap();
        heard.recv().unwrap();
        drop(keeper.unwrap());
        assert!(heard.iter().count() < 1_000_000);
    }
}
