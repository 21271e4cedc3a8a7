//! `/api/functions`.

pub mod batch;
pub mod deploy;
pub mod execute;
pub mod list;
pub mod retire;
pub mod show;
pub mod versions;
