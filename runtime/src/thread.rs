//! Threads with a stack that a guest fits on.
//!
//! Wasmtime counts a guest's stack from wherever its caller stands and cannot know how
//! much is really left there; on a thread that is too small, deep recursion in a guest
//! would end the process. So a guest only ever runs on a thread made here.

use std::cell::Cell;
use std::io;
use std::thread::{self, JoinHandle};

/// Stack that a guest may use, native frames of compiled code and of host calls alike.
pub const GUEST_STACK_BYTES: usize = 4 * 1024 * 1024;

/// What is left below and above it for the host's own frames.
const HOST_STACK_BYTES: usize = 2 * 1024 * 1024;

thread_local! {
    static FITS_A_GUEST: Cell<bool> = const { Cell::new(false) };
}

/// Starts a thread on which jobs run directly, without one of their own each.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    builder(name).spawn(move || {
        FITS_A_GUEST.set(true);
        body()
    })
}

/// Whether this thread was made here.
pub fn fits_a_guest() -> bool {
    FITS_A_GUEST.get()
}

/// Runs `body` where a guest fits: here, or on a thread of its own.
pub fn with_guest_stack<T: Send>(body: impl FnOnce() -> T + Send) -> io::Result<T> {
    if fits_a_guest() {
        return Ok(body());
    }
    thread::scope(|scope| {
        let handle = builder("mecapy-call").spawn_scoped(scope, || {
            FITS_A_GUEST.set(true);
            body()
        })?;
        handle.join().map_err(|_| io::Error::other("the thread of a call panicked"))
    })
}

fn builder(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned()).stack_size(GUEST_STACK_BYTES + HOST_STACK_BYTES)
}
