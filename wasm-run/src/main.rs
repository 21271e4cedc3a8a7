//! `wasm-run`: runs a function package on its author's machine, as the platform would.
//!
//! Reading packages is `package`'s work and running them `runtime`'s: here is the command
//! line, what it prints, and the order of things.

#![forbid(unsafe_code)]

mod args;
mod cache;
mod commands;
mod containers;
mod ending;
mod environment;
mod files;
mod inputs;
mod interrupt;
mod report;
mod session;
mod starting;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(session::main(std::env::args_os().collect()) as u8)
}
