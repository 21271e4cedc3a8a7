//! A request to stop a running call, and a sleep that it cuts short.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by whoever may cancel a call and the engine that runs it.
///
/// Cancelling is sticky and idempotent. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: Mutex<bool>,
    changed: Condvar,
}

impl CancelToken {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the call to stop and wakes it if it sleeps.
    pub fn cancel(&self) {
        *self.lock() = true;
        self.shared.changed.notify_all();
    }

    pub fn is_cancelled(&self) -> bool {
        *self.lock()
    }

    /// Sleeps until `deadline` or until cancelled; says whether it was cancelled.
    pub fn sleep_until(&self, deadline: Instant) -> bool {
        let mut cancelled = self.lock();
        while !*cancelled {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return false;
            }
            cancelled = self
                .shared
                .changed
                .wait_timeout(cancelled, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.shared.cancelled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_is_cut_short_by_a_cancel_from_another_thread() {
        let token = CancelToken::new();
        let remote = token.clone();
        let thread = std::thread::spawn(move || remote.cancel());
        assert!(token.sleep_until(Instant::now() + Duration::from_secs(3600)));
        thread.join().unwrap();
    }

    #[test]
    fn sleeping_ends_at_the_deadline() {
        assert!(!CancelToken::new().sleep_until(Instant::now()));
    }
}
