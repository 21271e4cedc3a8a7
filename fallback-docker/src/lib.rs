//! Docker: images, warm containers, and the runner in them; an `Executor`.
//!
//! Knows nothing of packages' manifests, of the sandbox or of the server.
#![forbid(unsafe_code)]

mod attempt;
mod care;
pub mod containers;
pub mod daemon;
pub mod executor;
mod files;
mod frames;
pub mod images;
mod key;
mod line;
mod messages;
mod outcome;
mod program;
mod run;
pub mod settings;

pub use executor::{Docker, Statistics};
pub use settings::Settings;
