//! Fetching with the real git from repositories made here, and with programs that only
//! pretend to be git.

mod bounds;
mod hostile;
mod plain;
mod support;
