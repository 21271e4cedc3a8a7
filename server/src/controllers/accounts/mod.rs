//! `/api/service-accounts`, `/api/me`, `/api/tenant`, `/api/audit`.

pub mod crud;
pub mod tenant;
pub mod tokens;
