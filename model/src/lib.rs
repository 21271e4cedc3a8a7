//! The vocabulary of MecaPy: names, files, manifests' meaning, invocations, outcomes,
//! limits, and the seams between crates.
//!
//! Pure: no I/O, no async runtime, no engine. Everything else depends on this crate;
//! it depends on nothing of the workspace.

pub mod cancel;
pub mod executor;
pub mod files;
pub mod guest;
pub mod ids;
pub mod image;
pub mod json;
pub mod limits;
pub mod manifest;
pub mod outcome;
pub mod snapshot;
pub mod task;

pub use cancel::CancelToken;
pub use executor::{
    Bundle, CallFiles, Events, Executor, ExecutorError, FileError, Job, NoSnapshot, Operation,
    SnapshotJob,
};
pub use files::{Tree, TreeError};
pub use ids::{Checksum, FunctionId, InvalidId, PackageVersion};
pub use limits::{Limits, Usage};
pub use manifest::{Engine, EnginePreference, FunctionSpec, HandlerRef, Manifest, TestCase};
pub use outcome::{ErrorKind, Failure, LogEntry, LogLevel, Logs, Outcome, Violation, Warning};
pub use snapshot::{Snapshot, SnapshotId, SnapshotRef, SnapshotSource};
