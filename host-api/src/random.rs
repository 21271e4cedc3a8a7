//! The guest's entropy: fresh in every call, or the same in every deterministic one.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

/// Most bytes that one request may ask for.
pub const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// ChaCha20, whose output for a seed is fixed across versions and machines.
pub struct Random {
    source: ChaCha20Rng,
    /// How often the guest asked.
    requests: u64,
}

impl Random {
    pub fn fresh() -> Self {
        Self { source: ChaCha20Rng::from_os_rng(), requests: 0 }
    }

    pub fn seeded() -> Self {
        Self { source: ChaCha20Rng::from_seed(*b"mecapy: deterministic call seed."), requests: 0 }
    }

    pub fn requests(&self) -> u64 {
        self.requests
    }

    pub fn bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        if length > MAX_REQUEST_BYTES {
            wasmtime::bail!("{length} random bytes at once: at most {MAX_REQUEST_BYTES}");
        }
        let mut bytes = vec![0; length as usize];
        self.requests += 1;
        self.source.fill_bytes(&mut bytes);
        Ok(bytes)
    }

    pub fn next(&mut self) -> u64 {
        self.requests += 1;
        self.source.next_u64()
    }
}
