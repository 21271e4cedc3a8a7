//! Running calls: places, threads, turns, and what a call says meanwhile.
//!
//! Knows nothing of tasks, queues or leases: those are `tasks`'s.

pub mod call_files;
pub mod gate;
pub mod gated;
pub mod places;
pub mod pool;
mod run;
pub mod sink;

pub use run::{Ran, Run, start};
