//! `/api/tasks`.

pub mod control;
pub mod create;
pub mod events;
pub mod list;
pub mod output;
pub mod show;
