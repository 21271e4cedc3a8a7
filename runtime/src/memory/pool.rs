//! Linear memories over images: mapped, handed to wasmtime, put back and kept.
//!
//! `unsafe`, because wasmtime's compiled code trusts a memory to be as large and as
//! guarded as it is told, and because mappings are made and changed by address. What
//! holds throughout:
//!
//! - A `Slot` owns one reservation: guard, 4 GiB, guard. Nothing else is ever mapped
//!   there, and only the slot's owner changes it.
//! - Accessible within it are the first `size` bytes; all else faults.
//! - A kept slot's accessible part equals its image, byte for byte.
//! - An image's file is never written to while it is mapped (`artifact` sees to it).

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::scan;

/// A memory of which more than this was written is mapped afresh: pages that are copied
/// back stay the slot's own, and would be scanned and copied after every later call.
const MAX_RESTORED_BYTES: usize = 4 * 1024 * 1024;

/// A memory that grew by more than this is not kept.
const MAX_KEPT_GROWTH_BYTES: usize = 16 * 1024 * 1024;

thread_local! {
    /// The image of the memory that the next instance on this thread is given.
    static IMAGE: RefCell<Option<Arc<Image>>> = const { RefCell::new(None) };
    /// Whether a memory that this thread drops may serve again.
    static KEEP: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, in which one instance is made, over an image.
pub fn use_image<T>(image: &Arc<Image>, body: impl FnOnce() -> T) -> T {
    IMAGE.set(Some(image.clone()));
    let made = body();
    IMAGE.set(None);
    made
}

/// Drops what holds an instance of a call; `normal` says that it returned as it should,
/// so that its memory may serve again.
pub fn end_of_call(store: impl Sized, normal: bool) {
    KEEP.set(normal);
    drop(store);
    KEEP.set(false);
}

/// The content of a memory before its first call.
pub struct Image {
    file: File,
    len: usize,
    /// A read-only mapping of the whole file, to copy from.
    pristine: *const u8,
    /// Memories that equal the image, each ready for a call.
    kept: Mutex<Vec<Slot>>,
}

// SAFETY: `pristine` points to memory that nobody writes to and that lives as long as the image.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// Maps a file whose length is a whole number of pages. The file must never change.
    pub fn map(file: File) -> io::Result<Arc<Self>> {
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if len == 0 || !len.is_multiple_of(64 * 1024) {
            return Err(io::Error::other("a memory image must be a whole number of pages"));
        }
        // SAFETY: a new mapping at an address that the kernel chooses.
        let pristine =
            unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, &file, 0)? };
        let pristine = pristine.cast_const().cast();
        Ok(Arc::new(Self { file, len, pristine, kept: Mutex::default() }))
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn take_kept(&self) -> Option<Slot> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    #[cfg(test)]
    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as the image lives, and never written to.
        unsafe { std::slice::from_raw_parts(self.pristine, self.len) }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: made by `map`; the slots that copy from it hold the image alive.
        unsafe {
            let _ = munmap(self.pristine.cast_mut().cast(), self.len);
        }
    }
}

/// One reservation of address space, with an image mapped at its start.
struct Slot {
    /// Start of the reservation, and its whole length.
    reservation: *mut c_void,
    reserved: usize,
    base: *mut u8,
    /// Accessible bytes from `base`.
    size: usize,
}

// SAFETY: a slot owns its mapping; nothing about it is bound to a thread.
unsafe impl Send for Slot {}
// SAFETY: shared references only read the fields.
unsafe impl Sync for Slot {}

impl Slot {
    fn new(image: &Image, capacity: usize, guard: usize) -> io::Result<Self> {
        let reserved = capacity + 2 * guard;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let reservation = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                reserved,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        // SAFETY: `guard` lies within the reservation.
        let base = unsafe { reservation.cast::<u8>().add(guard) };
        let mut slot = Self { reservation, reserved, base, size: 0 };
        slot.map_image(image)?;
        Ok(slot)
    }

    /// Maps the image afresh at the start, and nothing beyond it.
    fn map_image(&mut self, image: &Image) -> io::Result<()> {
        // SAFETY: the range lies within the reservation, which this slot owns.
        unsafe {
            mmap(
                self.base.cast(),
                image.len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
                &image.file,
                0,
            )?;
        }
        self.size = image.len;
        Ok(())
    }

    fn grow(&mut self, size: usize) -> io::Result<()> {
        // SAFETY: the range lies within the reservation (wasmtime asks for no more than
        // the capacity that it was told), and nobody relies on it being inaccessible.
        unsafe {
            let start = self.base.add(self.size).cast();
            mprotect(start, size - self.size, MprotectFlags::READ | MprotectFlags::WRITE)?;
        }
        self.size = size;
        Ok(())
    }

    /// Makes the memory equal to its image again.
    fn restore(&mut self, image: &Image) -> io::Result<()> {
        if self.size > image.len {
            // SAFETY: the grown part lies within the reservation; its instance is gone.
            unsafe {
                mmap_anonymous(
                    self.base.add(image.len).cast(),
                    self.size - image.len,
                    ProtFlags::empty(),
                    MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
                )?;
            }
            self.size = image.len;
        }
        let start = self.base.addr();
        let mut restored = 0;
        let scanned = scan::written(start..start + image.len, |run| {
            let (from, length) = (run.start - start, run.end - run.start);
            restored += length;
            // SAFETY: the kernel reports runs within the range asked for, which is the
            // image's length in both mappings; they do not overlap.
            unsafe {
                ptr::copy_nonoverlapping(image.pristine.add(from), self.base.add(from), length);
            }
        });
        match scanned {
            Ok(()) if restored <= MAX_RESTORED_BYTES => Ok(()),
            Ok(()) => self.map_image(image),
            // An old kernel, or none that tells: slower, and as clean.
            Err(_) => self.map_image(image),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: made by `new`; whoever used the memory is gone.
        unsafe {
            let _ = munmap(self.reservation, self.reserved);
        }
    }
}

/// Makes memories for an engine, over the image that the thread has chosen.
pub struct Pool {
    /// Most memories kept ready for each image.
    max_kept: usize,
}

impl Pool {
    pub fn new(max_kept: usize) -> Arc<Self> {
        Arc::new(Self { max_kept })
    }
}

// SAFETY: `new_memory` returns what it is asked for: `Slot` keeps the promises of size
// and guards, at the start of this module.
unsafe impl MemoryCreator for Pool {
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
        if minimum > image.len || image.len > most {
            return Err("the image does not fit the memory".to_owned());
        }
        let slot = match image.take_kept() {
            Some(slot) if slot.reserved == capacity + 2 * guard => slot,
            _ => Slot::new(&image, capacity, guard).map_err(|error| error.to_string())?,
        };
        Ok(Box::new(Memory { slot: Some(slot), capacity, image, max_kept: self.max_kept }))
    }
}

/// The memory of one instance.
struct Memory {
    /// Taken when it is dropped.
    slot: Option<Slot>,
    capacity: usize,
    image: Arc<Image>,
    max_kept: usize,
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
        self.slot().size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.capacity {
            wasmtime::bail!("a memory of {size} bytes is beyond its reservation");
        }
        let slot = self.slot.as_mut().expect("only dropping takes the slot");
        if size > slot.size {
            slot.grow(size)?;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot().base
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        let keep = KEEP.get() && slot.size - self.image.len <= MAX_KEPT_GROWTH_BYTES;
        if !keep || slot.restore(&self.image).is_err() {
            return;
        }
        let mut kept = self.image.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.max_kept {
            kept.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PAGE: usize = 64 * 1024;
    const CAPACITY: usize = 64 * PAGE;
    const GUARD: usize = 4 * PAGE;

    fn image(pages: usize) -> Arc<Image> {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..pages * PAGE).map(|at| (at / 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        Image::map(file).unwrap()
    }

    fn content(slot: &Slot) -> &[u8] {
        // SAFETY: `size` bytes are accessible, and nothing writes to them here.
        unsafe { std::slice::from_raw_parts(slot.base, slot.size) }
    }

    fn write(slot: &Slot, at: usize, byte: u8) {
        assert!(at < slot.size);
        // SAFETY: within the accessible part.
        unsafe { slot.base.add(at).write(byte) }
    }

    #[test]
    fn a_restored_memory_equals_its_image() {
        let image = image(40);
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        for round in 0..3 {
            // Scattered writes, more runs than one request to the kernel returns.
            for at in (round..image.len()).step_by(4096 * 2) {
                write(&slot, at, 0xee);
            }
            slot.grow(60 * PAGE).unwrap();
            write(&slot, 60 * PAGE - 1, 1);
            slot.restore(&image).unwrap();
            assert_eq!(slot.size, image.len());
            assert!(content(&slot) == image.bytes());
        }
        slot.grow(60 * PAGE).unwrap();
        assert!(content(&slot)[image.len()..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn two_memories_of_one_image_are_apart() {
        let image = image(2);
        let first = Slot::new(&image, CAPACITY, GUARD).unwrap();
        let second = Slot::new(&image, CAPACITY, GUARD).unwrap();
        write(&first, 5000, 0xee);
        assert!(content(&second) == image.bytes());
    }

    #[test]
    fn memories_are_kept_only_after_a_normal_end_and_within_bounds() {
        let image = image(2);
        let memory = || {
            let slot =
                image.take_kept().unwrap_or_else(|| Slot::new(&image, CAPACITY, GUARD).unwrap());
            Memory { slot: Some(slot), capacity: CAPACITY, image: image.clone(), max_kept: 2 }
        };
        let kept = || image.kept.lock().unwrap().len();
        end_of_call(memory(), false);
        assert_eq!(kept(), 0);
        let three = [memory(), memory(), memory()];
        end_of_call(three, true);
        assert_eq!(kept(), 2);
        let mut grown = memory();
        grown.grow_to(CAPACITY).unwrap();
        assert!(grown.grow_to(CAPACITY + PAGE).is_err());
        drop(grown);
        assert_eq!(kept(), 1, "dropped outside the end of a call");
    }

    #[test]
    fn images_that_are_no_memory_are_refused() {
        for length in [0, 1, PAGE - 1, PAGE + 1] {
            let file = tempfile::tempfile().unwrap();
            file.set_len(length as u64).unwrap();
            assert!(Image::map(file).is_err());
        }
    }

    #[test]
    fn concurrent_use_keeps_memories_apart_and_clean() {
        let image = image(16);
        let pool = |image: &Arc<Image>| {
            let slot = image.take_kept().map_or_else(|| Slot::new(image, CAPACITY, GUARD), Ok);
            Memory {
                slot: Some(slot.unwrap()),
                capacity: CAPACITY,
                image: image.clone(),
                max_kept: 4,
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let image = &image;
                scope.spawn(move || {
                    for round in 0..50 {
                        let memory = pool(image);
                        assert!(content(memory.slot()) == image.bytes());
                        for at in (round..image.len).step_by(9000) {
                            write(memory.slot(), at, thread);
                        }
                        end_of_call(memory, true);
                    }
                });
            }
        });
    }
}
