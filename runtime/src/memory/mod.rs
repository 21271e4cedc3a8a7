//! How instances' memories are made and recycled: the one place that decides it.
//!
//! An instance's memory is the image of the initialised interpreter, mapped copy-on-write.
//! When a call has ended as calls should, its memory is put back to the image, by copying
//! back the pages that the kernel says were written, and serves another call; whatever
//! ended in any other way is given back to the kernel.

mod pool;
mod scan;

pub use pool::{Image, Pool, end_of_call, use_image};

use std::sync::Arc;

use wasmtime::Config;

/// Reserved for each memory, so that it never moves: all that 32 bits can address.
const RESERVED_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Never mapped, on both sides of it: an access that is out of bounds ends here.
const GUARD_BYTES: u64 = 32 * 1024 * 1024;

pub fn configure(config: &mut Config, pool: Arc<Pool>) {
    config
        .with_host_memory(pool)
        .memory_reservation(RESERVED_BYTES)
        .memory_guard_size(GUARD_BYTES)
        .memory_may_move(false);
}
