//! Containers: how they are locked down, started, kept ready, watched and removed.

pub mod attached;
pub mod cgroup;
pub mod container;
mod inbox;
pub mod keeper;
pub mod ours;
pub mod pool;
pub mod spec;
pub mod warm;

pub use inbox::Source;
