//! How far the handler says it has come.

use crate::bindings::mecapy::sandbox::progress::Host;
use crate::ctx::Ctx;

/// Longest message that is passed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

impl Host for Ctx {
    fn report(&mut self, fraction: f64, mut message: String) -> wasmtime::Result<()> {
        if !fraction.is_nan() {
            let end = (0..=MAX_MESSAGE_BYTES.min(message.len()))
                .rev()
                .find(|&at| message.is_char_boundary(at));
            message.truncate(end.unwrap_or(0));
            self.events.progress(fraction.clamp(0.0, 1.0), &message);
        }
        Ok(())
    }
}
