//! The sandbox: Python functions in WebAssembly instances under wasmtime, each call in a
//! fresh one, within hard limits.
//!
//! `Sandbox` is the crate's `Executor`. What a guest may ask for is `host-api`'s; which
//! Python it runs is `python-wasm`'s.

mod artifact;
mod code;
mod engine;
mod limiter;
mod memory;
mod outcome;
mod run;
mod sandbox;
mod snapshot;
mod thread;

pub use engine::Metering;
pub use memory::{PoolConfig, PoolUse};
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
pub use thread::spawn as spawn_worker;
