//! What every engine does alike for the code that it runs: quotas of logs, files and progress,
//! and what is made of a guest's own words. So that a caller cannot tell engines apart.

mod failures;
mod files;
mod logs;
mod progress;

pub use failures::{GuestFailure, GuestFailureKind, memory_exceeded, timeout, told};
pub use files::{FileUse, MAX_READ_BYTES, check_key};
pub use logs::{LineBuffer, LogSink};
pub use progress::ProgressSink;
