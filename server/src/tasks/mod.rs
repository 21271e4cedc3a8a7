//! Tasks from the request to their end: made, run here or queued, waited for, cancelled.

mod carry;
mod dispatch;
mod heartbeat;
mod inline;
mod queue;
mod recording;
mod running;
mod signals;
mod single;
mod submission;
mod taking;
mod wait;

pub use dispatch::{Dispatcher, Progress, Wiring, executor};
pub use inline::{Inline, InlineError, MAX_CODE_BYTES, invalid_package};
pub use queue::{DatabaseQueue, Queue};
pub use recording::{put_document, read_document};
pub use running::chance;
pub use signals::{Ear, Signals};
pub use submission::{Options, Submission, Target, Webhook, invalid_inputs};
pub use wait::Ended;
