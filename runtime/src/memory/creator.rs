//! Hands memories to wasmtime, over the image that a call has chosen.
//!
//! `unsafe`, because wasmtime's compiled code trusts a memory to be as large and as
//! guarded as it is told: `Slot` keeps these promises.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::image::Image;
use super::pool::Pool;
use super::slot::Slot;

/// What becomes of the memory of an instance that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The call returned as it should: the memory may serve again.
    Normal,
    /// It ended in any other way: the memory is given back to the kernel.
    Abnormal,
    /// The memory is wanted as it is.
    Capture,
}

thread_local! {
    /// The image of the memory that the next instance on this thread is given.
    static IMAGE: RefCell<Option<Arc<Image>>> = const { RefCell::new(None) };
    static ENDING: Cell<Ending> = const { Cell::new(Ending::Abnormal) };
    static CAPTURED: RefCell<Option<Slot>> = const { RefCell::new(None) };
    static AT_HAND: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, in which one instance is made, over an image; says whether a memory for it
/// was at hand.
pub fn use_image<T>(image: &Arc<Image>, body: impl FnOnce() -> T) -> (T, bool) {
    AT_HAND.set(false);
    IMAGE.set(Some(image.clone()));
    let made = body();
    IMAGE.set(None);
    (made, AT_HAND.get())
}

/// Drops what holds the instance of a call; answers with its memory if it is to be captured.
pub fn end_of_call(store: impl Sized, ending: Ending) -> Option<Slot> {
    ENDING.set(ending);
    drop(store);
    ENDING.set(Ending::Abnormal);
    CAPTURED.take()
}

pub fn creator(pool: Arc<Pool>) -> Arc<dyn MemoryCreator> {
    Arc::new(Creator(pool))
}

struct Creator(Arc<Pool>);

// SAFETY: `new_memory` returns what it is asked for: `Slot` reserves the capacity and the
// guards, and only its first `size` bytes are accessible.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _type: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let image = IMAGE.take().ok_or("a memory without an image")?;
        let capacity = reserved.ok_or("a memory without a reservation")?;
        let most = maximum.unwrap_or(capacity).min(capacity);
        if minimum > image.len() || image.len() > most {
            return Err("the image does not fit the memory".to_owned());
        }
        let (slot, at_hand) =
            self.0.take(&image, capacity, guard).map_err(|error| error.to_string())?;
        AT_HAND.set(at_hand);
        Ok(Box::new(Memory { slot: Some(slot), capacity, image, pool: self.0.clone() }))
    }
}

/// The memory of one instance.
struct Memory {
    /// Taken when it is dropped.
    slot: Option<Slot>,
    capacity: usize,
    image: Arc<Image>,
    pool: Arc<Pool>,
}

impl Memory {
    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect("only dropping takes the slot")
    }
}

// SAFETY: the base never moves, `byte_size` bytes are accessible, and the reservation and
// its guards beyond them are not.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.slot().size()
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.capacity {
            wasmtime::bail!("a memory of {size} bytes is beyond its reservation");
        }
        let slot = self.slot.as_mut().expect("only dropping takes the slot");
        if size > slot.size() {
            slot.grow(size)?;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot().base()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        match ENDING.get() {
            Ending::Normal => self.pool.give(&self.image, slot),
            Ending::Abnormal => self.pool.give_back(slot),
            Ending::Capture => CAPTURED.set(Some(slot)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::tests::image;
    use super::super::pool::PoolConfig;
    use super::*;

    const WASM_PAGE: usize = 64 * 1024;
    const CAPACITY: usize = 64 * WASM_PAGE;

    fn memory(
        pool: &Arc<Pool>,
        image: &Arc<Image>,
        minimum: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let creator = Creator(pool.clone());
        let kind = MemoryType::new(1, None);
        use_image(image, || creator.new_memory(kind, minimum, None, Some(CAPACITY), 4 * WASM_PAGE))
            .0
    }

    #[test]
    fn memories_are_as_large_as_their_image_and_grow_to_their_capacity() {
        let pool = Pool::new(PoolConfig::default());
        let image = image(2, 3, &[(1, 1)]);
        let mut memory = memory(&pool, &image, WASM_PAGE).unwrap();
        assert_eq!(memory.byte_size(), 3 * WASM_PAGE);
        memory.grow_to(CAPACITY).unwrap();
        assert_eq!(memory.byte_size(), CAPACITY);
        assert!(memory.grow_to(CAPACITY + WASM_PAGE).is_err());
        end_of_call(memory, Ending::Normal);
        assert_eq!(pool.usage().given_back, 1);
    }

    #[test]
    fn a_memory_without_an_image_or_larger_than_it_is_refused() {
        let pool = Pool::new(PoolConfig::default());
        let image = image(2, 2, &[]);
        assert!(memory(&pool, &image, 3 * WASM_PAGE).is_err());
        let creator = Creator(pool);
        let kind = MemoryType::new(1, None);
        assert!(creator.new_memory(kind, WASM_PAGE, None, Some(CAPACITY), 0).is_err());
    }

    #[test]
    fn the_ending_decides_what_becomes_of_a_memory() {
        let pool = Pool::new(PoolConfig { recycle: false, ..PoolConfig::default() });
        let image = image(2, 2, &[]);
        let made = || memory(&pool, &image, WASM_PAGE).unwrap();
        let captured = end_of_call(made(), Ending::Capture).unwrap();
        assert!(captured.equals(&image));
        assert!(end_of_call(made(), Ending::Normal).is_none());
        assert!(end_of_call(made(), Ending::Abnormal).is_none());
        drop(made());
        assert_eq!(pool.usage().given_back, 3);
    }
}
