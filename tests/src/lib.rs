//! What the workspace's end-to-end tests and its benchmark share: a sandbox, calls of
//! handlers given as text, the corpus of hostile guests, and a look at this process.
//!
//! The tests themselves are in `tests/`, the benchmark in `bench`.

#![forbid(unsafe_code)]

pub mod bench;
pub mod call;
pub mod corpus;
pub mod process;
pub mod repository;

pub use call::{Call, kind_of, sandbox, sandbox_with};
