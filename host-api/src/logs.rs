//! What a guest logs.

use model::LogLevel;

use crate::bindings::mecapy::sandbox::log::{Host, Level};
use crate::ctx::Ctx;

impl Host for Ctx {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
            Level::Error => LogLevel::Error,
        };
        self.logs.push(level, message);
        Ok(())
    }
}

impl crate::bindings::mecapy::sandbox::types::Host for Ctx {}
