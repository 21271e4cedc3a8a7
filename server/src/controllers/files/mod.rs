//! `/api/files`, and the signed addresses that lead to contents.

pub mod content;
pub mod list;
pub mod upload;
