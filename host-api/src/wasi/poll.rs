//! `wasi:io/poll`: everything is ready at once but timers, and timers wait no longer than
//! the call may.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::sync::io::poll::{Host, HostPollable};

use super::retype;
use crate::MAX_RESOURCES;
use crate::ctx::Ctx;

/// What a guest waits for.
pub enum Pollable {
    /// Memory: always ready.
    Ready,
    /// A time of the guest's monotonic clock.
    At(Duration),
}

impl Ctx {
    /// Time left until a pollable is ready.
    fn left(&mut self, pollable: &Resource<DynPollable>) -> wasmtime::Result<Duration> {
        match self.table.get(&retype::<_, Pollable>(pollable))? {
            Pollable::Ready => Ok(Duration::ZERO),
            &Pollable::At(when) => Ok(when.saturating_sub(self.clock.monotonic())),
        }
    }
}

impl Host for Ctx {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() || pollables.len() > MAX_RESOURCES {
            wasmtime::bail!("poll of {} pollables", pollables.len());
        }
        loop {
            let mut ready = Vec::new();
            let mut least = Duration::MAX;
            for (index, pollable) in (0..).zip(&pollables) {
                let left = self.left(pollable)?;
                if left.is_zero() {
                    ready.push(index);
                }
                least = least.min(left);
            }
            if !ready.is_empty() {
                return Ok(ready);
            }
            self.wait(least)?;
        }
    }
}

impl HostPollable for Ctx {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        Ok(self.left(&pollable)?.is_zero())
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let left = self.left(&pollable)?;
        if left.is_zero() { Ok(()) } else { self.wait(left) }
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Pollable>(&pollable))?;
        Ok(())
    }
}
