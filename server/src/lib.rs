//! MecaPy's server: functions deployed, versioned, executed and followed over REST.
//!
//! Knows engines by `model::Executor` alone: `wiring` and the program are where they are
//! made.

#![forbid(unsafe_code)]

pub mod app;
pub mod blobs;
pub mod callable;
pub mod canonical;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod controllers;
pub mod delivery;
pub mod deploy;
pub mod folders;
pub mod gc;
pub mod hash;
pub mod http;
pub mod identity;
pub mod links;
pub mod openapi;
pub mod problem;
pub mod remembered;
pub mod router;
pub mod sealed;
pub mod serve;
pub mod store;
pub mod tasks;
pub mod views;
pub mod webhook;
pub mod worker;
