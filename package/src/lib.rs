//! Reading and checking function packages: archive, manifest, version, dependency lock,
//! schemas, engine choice.
//!
//! Everything that a package's author wrote is read here, and every mistake in it is
//! answered with the file, the line and what to change. Nothing here runs Python: what
//! has to be asked of an interpreter is asked through `model::Executor`.

#![forbid(unsafe_code)]

pub mod archive;
pub mod code;
pub mod dependencies;
mod diagnosis;
mod engine;
pub mod image;
pub mod manifest;
pub mod packed;
pub mod prepare;
pub mod problem;
pub mod schema;
mod snapshot;
mod stdlib;
pub mod testing;
pub mod version;

pub use archive::Archive;
pub use manifest::ManifestSource;
pub use prepare::{Engines, Options, PrepareError, Prepared, PreparedFunction, prepare};
pub use problem::{PackageError, Problem, Step};
pub use schema::Schema;
pub use testing::{Report, run_tests};
