//! How far the handler says it has come.

use crate::bindings::mecapy::sandbox::progress::Host;
use crate::ctx::Ctx;

impl Host for Ctx {
    fn report(&mut self, fraction: f64, message: String) -> wasmtime::Result<()> {
        self.progress.report(fraction, message);
        Ok(())
    }
}
