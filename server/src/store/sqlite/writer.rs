//! The one thread that writes.
//!
//! It takes all the work that waits, does it in one transaction, each piece within its own
//! savepoint, commits once, and only then answers: the cost of making something durable is
//! shared by all who wait for it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::{as_full, open_writer};
use super::rows::run;
use crate::store::{Result, StoreError};

/// Pieces of work that may wait.
const WAITING: usize = 4096;
/// Most pieces in one transaction.
const TOGETHER: usize = 256;

/// What is done on the thread.
trait Work: Send {
    /// Does it, keeps what came of it, and says what went wrong.
    fn run(&mut self, conn: &Connection) -> Result<()>;
    /// Tells who waits, once the transaction is over.
    fn answer(self: Box<Self>, written: Result<()>);
}

struct Piece<T, F> {
    work: Option<F>,
    outcome: Result<T>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Piece<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T> + Send,
{
    fn run(&mut self, conn: &Connection) -> Result<()> {
        if let Some(work) = self.work.take() {
            // What it left half done is rolled back.
            self.outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
                .unwrap_or_else(|panic| Err(of_panic(panic.as_ref())));
        }
        self.outcome.as_ref().map(|_| ()).map_err(StoreError::clone)
    }

    fn answer(self: Box<Self>, written: Result<()>) {
        let outcome = match (self.outcome, written) {
            (Ok(_), Err(error)) => Err(error),
            // "Unavailable" may have been found to be a full disk.
            (Err(StoreError::Unavailable(_)), Err(StoreError::Full)) => Err(StoreError::Full),
            (outcome, _) => outcome,
        };
        // Who asked may have stopped waiting.
        let _ = self.answer.send(outcome);
    }
}

pub(super) fn of_panic(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    StoreError::Unavailable(format!("a defect of the server's: {}", text.unwrap_or("a panic")))
}

/// The thread, and the way to it. Dropped, it waits until all the work that was given is done.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(path: &Path, conn: Connection) -> Result<Self> {
        let (queue, waiting) = sync_channel(WAITING);
        let path = path.to_owned();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || Thread { path, conn: Some(conn) }.go_on(&waiting))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does `work` and answers once it is durable. It is all done or not at all. A caller who
    /// stops waiting does not stop the work.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let piece = Piece { work: Some(work), outcome: Err(not_done()), answer };
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(Box::new(piece)).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many writes wait already".to_owned())
            }
            TrySendError::Disconnected(_) => gone(),
        })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("the database is closed".to_owned())
}

fn not_done() -> StoreError {
    StoreError::Unavailable("it was not done".to_owned())
}

struct Thread {
    path: PathBuf,
    /// Nothing after an error that left it in an unknown state; then a new one is opened.
    conn: Option<Connection>,
}

impl Thread {
    fn go_on(&mut self, waiting: &Receiver<Box<dyn Work>>) {
        while let Ok(first) = waiting.recv() {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(TOGETHER - 1));
            while !batch.is_empty() {
                batch = self.write(batch);
            }
        }
    }

    /// Does what it can in one transaction, and answers those; the rest comes back.
    fn write(&mut self, batch: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let mut rest = batch.into_iter();
        let mut done = Vec::with_capacity(rest.len());
        let written = self.transaction(&mut rest, &mut done);
        if written.is_err() {
            // If it could not even be begun, none would fare better.
            if done.is_empty() {
                done.extend(rest.by_ref());
            }
            self.roll_back();
        }
        let written = written.map_err(|error| as_full(&self.path, error));
        for work in done {
            work.answer(written.clone());
        }
        rest.collect()
    }

    fn transaction(
        &mut self,
        rest: &mut std::vec::IntoIter<Box<dyn Work>>,
        done: &mut Vec<Box<dyn Work>>,
    ) -> Result<()> {
        let conn = match self.conn.take() {
            Some(conn) => self.conn.insert(conn),
            None => self.conn.insert(open_writer(&self.path)?),
        };
        run(conn, "BEGIN IMMEDIATE", ())?;
        let is_alone = rest.len() == 1;
        for mut work in rest.by_ref() {
            if is_alone {
                let outcome = work.run(conn);
                done.push(work);
                // There is nothing else to keep.
                outcome?;
                continue;
            }
            let outcome = run(conn, "SAVEPOINT piece", ()).and_then(|_| work.run(conn));
            done.push(work);
            // Some errors, such as that of a full disk, end the whole transaction.
            if conn.is_autocommit() {
                return outcome.and(Err(not_done()));
            }
            if outcome.is_err() {
                run(conn, "ROLLBACK TO piece", ())?;
            }
            run(conn, "RELEASE piece", ())?;
        }
        run(conn, "COMMIT", ())?;
        Ok(())
    }

    fn roll_back(&mut self) {
        if let Some(conn) = &self.conn
            && !conn.is_autocommit()
            && roll_back(conn).is_err()
        {
            self.conn = None;
        }
    }
}

fn roll_back(conn: &Connection) -> Result<()> {
    run(conn, "ROLLBACK", ())?;
    Ok(())
}
