//! Who calls, what they may do, and how much.
//!
//! Service accounts with tokens are what there is. OpenID Connect is to become another way
//! to a `Caller`, in `auth`.

mod auth;
mod meter;
pub mod token;

pub use auth::{Authenticator, Caller};
pub use meter::{Held, Meter};
