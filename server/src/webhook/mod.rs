//! Webhooks as they leave the server: how a delivery is signed, where it may go, how it is
//! sent once, and how long to wait before it is sent again.
//!
//! Not here: which events exist, who subscribed, what is stored of a delivery, and the loop
//! that picks the ones that are due.

mod address;
mod resolve;
pub mod schedule;
mod send;
mod sign;
mod target;

pub use address::is_public;
pub use resolve::{PolicyResolver, ResolveError};
pub use send::{Attempt, Delivery, Sender, SenderError};
pub use sign::{
    ID_HEADER, SIGNATURE_HEADER, Secret, SecretError, TIMESTAMP_HEADER, VerifyError, sign, verify,
};
pub use target::{Target, TargetError, TargetPolicy};
