//! What a container has said and nobody has heard yet: bounded, filled by async code, emptied
//! by a thread that waits.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// What may wait. Beyond it the container waits: its pipes fill.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Which of a container's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Out,
    Err,
}

#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<(Source, Bytes)>,
    bytes: usize,
    closed: bool,
}

/// There is nothing more and never will be.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

impl Inbox {
    /// Waits for room.
    pub async fn put(&self, source: Source, piece: Bytes) {
        loop {
            // Asked for before looking, so that no notice is missed.
            let room = self.room.notified();
            {
                let mut state = self.state.lock();
                if state.bytes < MAX_WAITING_BYTES {
                    state.bytes += piece.len();
                    state.pieces.push_back((source, piece));
                    self.changed.notify_one();
                    return;
                }
            }
            room.await;
        }
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// The next piece, or nothing after so long. What came before the end is had before it.
    pub fn take(&self, patience: Duration) -> Result<Option<(Source, Bytes)>, Closed> {
        let mut state = self.state.lock();
        if state.pieces.is_empty() && !state.closed && !patience.is_zero() {
            self.changed.wait_for(&mut state, patience);
        }
        match state.pieces.pop_front() {
            Some((source, piece)) => {
                state.bytes -= piece.len();
                self.room.notify_one();
                Ok(Some((source, piece)))
            }
            None if state.closed => Err(Closed),
            None => Ok(None),
        }
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn who_says_too_much_waits_until_somebody_hears() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let inbox = Arc::new(Inbox::default());
        let filling = inbox.clone();
        let piece = Bytes::from(vec![0; MAX_WAITING_BYTES / 4]);
        let writer = runtime.spawn(async move {
            for _ in 0..16 {
                filling.put(Source::Out, piece.clone()).await;
            }
            filling.close();
        });
        let mut heard = 0;
        loop {
            assert!(inbox.state.lock().bytes <= MAX_WAITING_BYTES + MAX_WAITING_BYTES / 4);
            match inbox.take(SOON) {
                Ok(piece) => heard += piece.expect("soon").1.len(),
                Err(Closed) => break,
            }
        }
        assert_eq!(heard, MAX_WAITING_BYTES * 4);
        runtime.block_on(writer).unwrap();
    }

    #[test]
    fn nothing_comes_of_silence() {
        let inbox = Inbox::default();
        assert_eq!(inbox.take(Duration::from_millis(1)), Ok(None));
        inbox.close();
        assert_eq!(inbox.take(SOON), Err(Closed));
    }
}
