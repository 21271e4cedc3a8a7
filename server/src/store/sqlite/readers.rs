//! Threads that read: each has a connection, and sees what was committed when it begins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::open_reader;
use super::rows::run;
use super::writer::{gone, of_panic};
use crate::store::{Result, StoreError};

const THREADS: usize = 4;
/// Questions that may wait.
const WAITING: usize = 4096;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The threads, and the way to them. Dropped, it waits until they have ended.
pub(super) struct Readers {
    queue: Option<SyncSender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub fn start(path: &Path) -> Result<Self> {
        let (queue, waiting) = sync_channel::<Question>(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut readers = Self { queue: Some(queue), threads: Vec::new() };
        for number in 0..THREADS {
            let conn = open_reader(path)?;
            let waiting = waiting.clone();
            let thread = thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || answer(&conn, &waiting))
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// All that `work` reads is of one moment.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |conn| {
            // Nobody may be waiting any more.
            if !answer.is_closed() {
                let _ = answer.send(within_transaction(conn, work));
            }
        });
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many reads wait already".to_owned())
            }
            TrySendError::Disconnected(_) => gone(),
        })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn within_transaction<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    run(conn, "BEGIN", ())?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
        .unwrap_or_else(|panic| Err(of_panic(panic.as_ref())));
    if !conn.is_autocommit() {
        run(conn, "COMMIT", ())?;
    }
    outcome
}

fn answer(conn: &Connection, waiting: &Mutex<Receiver<Question>>) {
    loop {
        // The lock is given back before the work begins.
        let question = waiting.lock().recv();
        match question {
            Ok(question) => question(conn),
            Err(_) => return,
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
