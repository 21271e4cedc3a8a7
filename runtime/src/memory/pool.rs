//! Memories between calls: which are kept, and for how long.
//!
//! A memory is put back by the thread that ran the call, once the call's outcome is told:
//! another thread would leave the pages that it copies in another core's cache, where the
//! next call finds them more slowly than it would have copied them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::image::{Image, MAX_MAPPED_RUNS, PAGE, Source};
use super::scan;
use super::shelf::{Cost, Shelf};
use super::slot::{Restored, Slot};

/// What a kept memory takes beside its pages: its page tables' upper levels, and kernel
/// structures of its mappings.
const FIXED_SLOT_BYTES: usize = 32 * 1024;

/// Bytes of memory that one page of page tables maps.
const PAGE_TABLE_REACH: usize = 2 * 1024 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// Memory that kept memories may take, of their own.
    pub max_bytes: usize,
    /// Mappings of the process that they may take.
    pub max_mappings: usize,
    /// Whether memories serve again at all.
    pub recycle: bool,
    /// Compares each with its image, byte for byte, before it serves again.
    pub verify: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_bytes: 1536 * 1024 * 1024,
            // Half of what Linux gives a process, unless it is told otherwise.
            max_mappings: 32_768,
            recycle: true,
            verify: false,
        }
    }
}

/// What a pool has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Memories made anew, and memories that served again.
    pub made: u64,
    pub recycled: u64,
    /// Put back by copying what was written; by mapping the image again.
    pub copied_back: u64,
    pub mapped_back: u64,
    /// Given back to the kernel: grown, or ended otherwise than by a normal return.
    pub given_back: u64,
    /// Given back for want of room.
    pub evicted: u64,
    /// Not equal to their image when they were to serve again: never, or there is a defect.
    pub unequal: u64,
    /// Memories and images with memories at hand now, and the memory that they take.
    pub kept: usize,
    pub images: usize,
    pub kept_bytes: usize,
    /// Whether the kernel tells which pages were written. If not, images are mapped again
    /// after every call, which is slower.
    pub kernel_tells: bool,
}

pub struct Pool {
    config: PoolConfig,
    kernel_tells: bool,
    shelf: Mutex<Shelf<Slot>>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    made: AtomicU64,
    recycled: AtomicU64,
    copied_back: AtomicU64,
    mapped_back: AtomicU64,
    given_back: AtomicU64,
    evicted: AtomicU64,
    unequal: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Pool {
    pub fn new(config: PoolConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            kernel_tells: scan::is_supported(),
            shelf: Mutex::default(),
            counters: Counters::default(),
        })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<Slot>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A memory that equals the image, and whether it was at hand.
    pub fn take(&self, image: &Image, capacity: usize, guard: usize) -> io::Result<(Slot, bool)> {
        let kept = self.shelf().take(image.id());
        if let Some(mut slot) = kept
            && slot.reserved() == capacity + 2 * guard
        {
            if self.config.verify && !slot.equals(image) {
                count(&self.counters.unequal);
                return Err(io::Error::other("a memory that was put back differs from its image"));
            }
            count(&self.counters.recycled);
            slot.take();
            return Ok((slot, true));
        }
        count(&self.counters.made);
        let slot = Slot::new(image, capacity, guard).or_else(|_| {
            // Out of memory, mappings or descriptors: what is only kept has to go first.
            self.evict_all();
            Slot::new(image, capacity, guard)
        })?;
        Ok((slot, false))
    }

    /// Takes a memory whose call has returned normally, and puts it back to its image.
    pub fn give(&self, image: &Image, mut slot: Slot) {
        if !self.config.recycle || slot.size() != image.len() {
            count(&self.counters.given_back);
            return;
        }
        match slot.restore(image) {
            Ok(Restored::Copied(_)) => count(&self.counters.copied_back),
            Ok(Restored::Mapped { .. }) => count(&self.counters.mapped_back),
            Err(_) => {
                count(&self.counters.given_back);
                return;
            }
        }
        let cost = cost(image, &slot);
        let mut evicted = Vec::new();
        let mut shelf = self.shelf();
        shelf.put(image.id(), slot, cost);
        while shelf.cost().bytes > self.config.max_bytes
            || shelf.cost().mappings > self.config.max_mappings
        {
            match shelf.evict() {
                Some(slot) => evicted.push(slot),
                None => break,
            }
        }
        // Others need not wait for the kernel to take them.
        drop(shelf);
        self.counters.evicted.fetch_add(evicted.len() as u64, Ordering::Relaxed);
    }

    /// Counts a memory that is not to serve again.
    pub fn give_back(&self, slot: Slot) {
        count(&self.counters.given_back);
        drop(slot);
    }

    /// Lets go of the memories of an image that will not be used again.
    pub fn forget(&self, image: &Image) {
        let kept = self.shelf().clear(image.id());
        drop(kept);
    }

    /// Gives all that is kept back to the kernel.
    pub fn evict_all(&self) {
        let shelf = std::mem::take(&mut *self.shelf());
        self.counters.evicted.fetch_add(shelf.len() as u64, Ordering::Relaxed);
    }

    pub fn usage(&self) -> PoolUse {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shelf = self.shelf();
        PoolUse {
            made: read(&counters.made),
            recycled: read(&counters.recycled),
            copied_back: read(&counters.copied_back),
            mapped_back: read(&counters.mapped_back),
            given_back: read(&counters.given_back),
            evicted: read(&counters.evicted),
            unequal: read(&counters.unequal),
            kept: shelf.len(),
            images: shelf.keys(),
            kept_bytes: shelf.cost().bytes,
            kernel_tells: self.kernel_tells,
        }
    }
}

/// What keeping a memory takes: its own pages, its page tables, its mappings.
fn cost(image: &Image, slot: &Slot) -> Cost {
    let tables = image.len().div_ceil(PAGE_TABLE_REACH) * PAGE;
    let mapped = image
        .segments()
        .iter()
        .filter(|segment| matches!(segment.source, Source::Delta { mapped: true, .. }))
        .count();
    Cost {
        bytes: slot.own_bytes() + tables + FIXED_SLOT_BYTES,
        // Each lies within another, which it parts; and the base, what follows it, guards.
        mappings: 2 * mapped.min(MAX_MAPPED_RUNS) + 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::tests::image;
    use super::*;

    const WASM_PAGE: usize = 64 * 1024;
    const CAPACITY: usize = 64 * WASM_PAGE;
    const GUARD: usize = 4 * WASM_PAGE;

    fn pool(config: PoolConfig) -> Arc<Pool> {
        Pool::new(PoolConfig { verify: true, ..config })
    }

    fn take(pool: &Pool, image: &Image) -> Slot {
        pool.take(image, CAPACITY, GUARD).unwrap().0
    }

    #[test]
    fn a_memory_serves_again_and_equals_its_image() {
        let image = image(16, 20, &[(3, 2), (40, 30)]);
        let pool = pool(PoolConfig::default());
        for round in 0..50 {
            let mut slot = take(&pool, &image);
            assert!(slot.equals(&image));
            slot.scribble(round);
            pool.give(&image, slot);
        }
        let usage = pool.usage();
        assert_eq!((usage.made, usage.recycled, usage.kept), (1, 49, 1));
        assert_eq!((usage.unequal, usage.given_back), (0, 0));
    }

    #[test]
    fn memories_that_grew_or_ended_otherwise_are_not_kept() {
        let image = image(2, 2, &[]);
        let pool = pool(PoolConfig::default());
        let mut slot = take(&pool, &image);
        slot.grow(CAPACITY).unwrap();
        pool.give(&image, slot);
        let slot = take(&pool, &image);
        pool.give_back(slot);
        assert_eq!((pool.usage().kept, pool.usage().given_back), (0, 2));
    }

    #[test]
    fn without_recycling_every_memory_is_new() {
        let image = image(2, 2, &[]);
        let pool = pool(PoolConfig { recycle: false, ..PoolConfig::default() });
        for _ in 0..3 {
            let slot = take(&pool, &image);
            pool.give(&image, slot);
        }
        assert_eq!((pool.usage().made, pool.usage().recycled), (3, 0));
    }

    #[test]
    fn the_budget_is_kept_and_the_least_recently_used_go_first() {
        let images: Vec<_> = (0..10).map(|_| image(2, 2, &[(1, 1)])).collect();
        let one = {
            let slot = Slot::new(&images[0], CAPACITY, GUARD).unwrap();
            cost(&images[0], &slot)
        };
        let pool = pool(PoolConfig { max_bytes: 3 * one.bytes, ..PoolConfig::default() });
        for image in &images {
            let slot = take(&pool, image);
            pool.give(image, slot);
            assert!(pool.usage().kept_bytes <= 3 * one.bytes);
        }
        let usage = pool.usage();
        assert_eq!((usage.kept, usage.images, usage.evicted), (3, 3, 7));
        drop(take(&pool, &images[9]));
        drop(take(&pool, &images[0]));
        assert_eq!(pool.usage().recycled, 1);
        pool.forget(&images[8]);
        assert_eq!(pool.usage().kept, 1);
    }

    #[test]
    fn the_bound_on_mappings_is_kept() {
        let image = image(16, 16, &[(3, 30)]);
        let pool = pool(PoolConfig { max_mappings: 13, ..PoolConfig::default() });
        let slots: Vec<_> = (0..5).map(|_| take(&pool, &image)).collect();
        for slot in slots {
            pool.give(&image, slot);
        }
        assert_eq!((pool.usage().kept, pool.usage().evicted), (2, 3));
    }

    #[test]
    fn concurrent_use_keeps_memories_apart_and_clean() {
        let images = [image(16, 16, &[(2, 3)]), image(16, 20, &[(100, 60), (300, 2)])];
        let pool = pool(PoolConfig::default());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (images, pool) = (&images, &pool);
                scope.spawn(move || {
                    for round in 0..100 {
                        let image = &images[(thread + round) % 2];
                        let mut slot = take(pool, image);
                        assert!(slot.equals(image));
                        slot.scribble(thread * 1000 + round);
                        pool.give(image, slot);
                    }
                });
            }
        });
        assert_eq!(pool.usage().unequal, 0);
        assert_eq!(pool.usage().made + pool.usage().recycled, 400);
    }
}
