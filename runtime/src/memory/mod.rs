//! How instances' memories are made and recycled: the one place that decides it.
//!
//! An instance's memory is an image, mapped copy-on-write: that of the initialised
//! interpreter, with the pages over it that a function's preparation has changed. When a
//! call has ended as calls should, its memory is put back to the image, by copying back
//! the pages that the kernel says were written, and serves another call of the same image;
//! whatever ended in any other way is given back to the kernel.
//!
//! `unsafe` is in the modules below, each with what it relies on. What holds throughout:
//!
//! - A `Slot` owns one reservation: guard, 4 GiB, guard. Nothing else is ever mapped
//!   there, and only the slot's owner changes it.
//! - Accessible within it are the first `size` bytes; all else faults.
//! - A shelved slot's accessible part equals its image, byte for byte.
//! - An image's files are never written to while they are mapped (`artifact` sees to it).

mod creator;
mod image;
mod mapping;
mod pool;
mod scan;
mod shelf;
mod slot;
#[cfg(test)]
#[allow(unsafe_code)]
mod tests;

pub use creator::{Ending, end_of_call, use_image};
pub use image::{Delta, Image, MAX_MAPPED_RUNS, PAGE, Run};
pub use mapping::Mapping;
pub use pool::{Pool, PoolConfig, PoolUse};
pub use slot::Slot;

use std::sync::Arc;

use wasmtime::Config;

/// Reserved for each memory, so that it never moves: all that 32 bits can address.
const RESERVED_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Never mapped, on both sides of it: an access that is out of bounds ends here.
const GUARD_BYTES: u64 = 32 * 1024 * 1024;

pub fn configure(config: &mut Config, pool: Arc<Pool>) {
    config
        .with_host_memory(creator::creator(pool))
        .memory_reservation(RESERVED_BYTES)
        .memory_guard_size(GUARD_BYTES)
        .memory_may_move(false);
}
