//! The cap on a call's linear memory and tables, and what it reached.

use wasmtime::ResourceLimiter;

/// Most entries of any table; the interpreter needs some 5,000.
const MAX_TABLE_ELEMENTS: usize = 60_000;

/// Memory that a call gets at least beyond the interpreter's own image, whatever its limit.
pub const MIN_HEADROOM_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub struct Limiter {
    max_bytes: usize,
    peak_bytes: usize,
    denied: bool,
}

impl Limiter {
    /// `image_bytes` is what the interpreter itself takes: a limit below it would leave no
    /// call possible.
    pub fn new(max_bytes: u64, image_bytes: usize) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let max_bytes = max_bytes.max(image_bytes + MIN_HEADROOM_BYTES);
        Self { max_bytes, peak_bytes: image_bytes, denied: false }
    }

    /// Largest size that the linear memory had.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes as u64
    }

    /// Whether growth was refused.
    pub fn was_denied(&self) -> bool {
        self.denied
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.max_bytes {
            self.denied = true;
            return Ok(false);
        }
        self.peak_bytes = self.peak_bytes.max(desired);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}
