//! One memory: its reservation, an image mapped in it, and putting it back to the image.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::ptr;

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};

use super::image::{Image, PAGE, Source};
use super::mapping::Mapping;
use super::scan::{self, Moment, Tracking};

/// A memory of which more than this was written is mapped afresh: pages that are copied
/// back stay the slot's own, and would be scanned and copied after every later call.
const MAX_RESTORED_BYTES: usize = 4 * 1024 * 1024;

/// How a memory was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Written pages were copied back: so many bytes.
    Copied(usize),
    /// The image was mapped again: too much was written, or the kernel cannot tell what.
    Mapped { kernel_tells: bool },
}

/// One reservation of address space, with an image mapped at its start.
pub struct Slot {
    /// Start of the reservation, and its whole length.
    reservation: *mut c_void,
    reserved: usize,
    base: *mut u8,
    /// Accessible bytes from `base`.
    size: usize,
    tracking: Tracking,
    /// Whether it was put back since the image was mapped.
    restored: bool,
    /// What was written when it was put back last: what is not protected.
    written: Vec<Range<usize>>,
    /// When it was last taken to be used, by the thread that used it.
    taken: Option<Moment>,
    /// Memory that is the slot's own, as far as known: what was copied to make it, and
    /// what was written since.
    copied_bytes: usize,
    written_bytes: usize,
}

// SAFETY: a slot owns its mapping; nothing about it is bound to a thread.
unsafe impl Send for Slot {}
// SAFETY: shared references only read the fields and, by `bytes`, the memory.
unsafe impl Sync for Slot {}

impl Slot {
    pub fn new(image: &Image, capacity: usize, guard: usize) -> io::Result<Self> {
        let reserved = capacity + 2 * guard;
        if image.len() > capacity {
            return Err(io::Error::other("the image does not fit the memory"));
        }
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
        let mut slot = Self {
            reservation,
            reserved,
            base,
            size: 0,
            tracking: Tracking::Private,
            restored: false,
            written: Vec::new(),
            taken: None,
            copied_bytes: 0,
            written_bytes: 0,
        };
        slot.map_image(image)?;
        Ok(slot)
    }

    pub fn reserved(&self) -> usize {
        self.reserved
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn base(&self) -> *mut u8 {
        self.base
    }

    pub fn own_bytes(&self) -> usize {
        self.copied_bytes + self.written_bytes
    }

    /// The accessible memory. No instance may be running over it.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `size` bytes are accessible; whoever holds the slot itself has no
        // instance over it that could write.
        unsafe { std::slice::from_raw_parts(self.base, self.size) }
    }

    /// Maps the image afresh at the start, and nothing beyond it.
    fn map_image(&mut self, image: &Image) -> io::Result<()> {
        self.size = image.len();
        (self.copied_bytes, self.written_bytes) = (0, 0);
        let base = image.base.file().ok();
        self.map_content(0..image.base.len(), &image.base, base.as_ref(), 0)?;
        if image.len() > image.base.len() {
            self.map_zeros(image.base.len()..image.len())?;
        }
        let delta = image.delta.as_ref();
        let file = delta.and_then(|delta| delta.mapping.file().ok());
        for segment in image.segments() {
            let Source::Delta { at, mapped } = segment.source else { continue };
            if mapped && let Some(delta) = delta {
                self.map_content(segment.range.clone(), &delta.mapping, file.as_ref(), at)?;
            } else if let Some(content) =
                image.content(segment.source, segment.range.start, &segment.range)
            {
                self.copy(segment.range.start, content);
                self.copied_bytes += content.len();
            }
        }
        (self.tracking, self.restored) = (Tracking::Private, false);
        Ok(())
    }

    /// Maps a part of a file; copies it from where it is mapped already if the file is gone,
    /// as when somebody has emptied the cache folder.
    fn map_content(
        &mut self,
        range: Range<usize>,
        mapping: &Mapping,
        file: Option<&File>,
        at: usize,
    ) -> io::Result<()> {
        if let Some(file) = file {
            return self.map_file(range, file, at as u64);
        }
        let content = &mapping.bytes()[at..at + range.len()];
        self.map_zeros(range.clone())?;
        self.copy(range.start, content);
        self.copied_bytes += content.len();
        Ok(())
    }

    fn map_file(&mut self, range: Range<usize>, file: &File, at: u64) -> io::Result<()> {
        // SAFETY: the range lies within the reservation, which this slot owns: an image
        // fits the capacity.
        unsafe {
            mmap(
                self.base.add(range.start).cast(),
                range.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
                file,
                at,
            )?;
        }
        Ok(())
    }

    fn map_zeros(&mut self, range: Range<usize>) -> io::Result<()> {
        // SAFETY: as in `map_file`.
        unsafe {
            mmap_anonymous(
                self.base.add(range.start).cast(),
                range.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
            )?;
            // Written by the page, it is put back by the page.
            let _ =
                madvise(self.base.add(range.start).cast(), range.len(), Advice::LinuxNoHugepage);
        }
        Ok(())
    }

    fn copy(&mut self, to: usize, content: &[u8]) {
        assert!(to + content.len() <= self.size);
        // SAFETY: the target lies within the accessible part; no instance runs, so nothing
        // else refers to it.
        unsafe {
            ptr::copy_nonoverlapping(content.as_ptr(), self.base.add(to), content.len());
        }
    }

    fn zero(&mut self, range: Range<usize>) {
        assert!(range.end <= self.size);
        // SAFETY: as in `copy`.
        unsafe { ptr::write_bytes(self.base.add(range.start), 0, range.len()) }
    }

    pub fn grow(&mut self, size: usize) -> io::Result<()> {
        // SAFETY: the range lies within the reservation (wasmtime asks for no more than
        // the capacity that it was told), and nobody relies on it being inaccessible.
        unsafe {
            let start = self.base.add(self.size).cast();
            mprotect(start, size - self.size, MprotectFlags::READ | MprotectFlags::WRITE)?;
        }
        self.size = size;
        Ok(())
    }

    /// It is to be used, by this thread alone.
    pub fn take(&mut self) {
        self.taken = Moment::begin();
    }

    /// Makes the memory equal to its image again. It must not have grown.
    pub fn restore(&mut self, image: &Image) -> io::Result<Restored> {
        if self.size != image.len() {
            return Err(io::Error::other("a memory that grew is not put back"));
        }
        let undisturbed = self.taken.take().is_some_and(Moment::is_undisturbed);
        if undisturbed && self.tracking == Tracking::Protected {
            let written = mem::take(&mut self.written);
            self.copy_back(image, &written);
            self.written = written;
            return Ok(Restored::Copied(self.written_bytes));
        }
        let start = self.base.addr();
        let mut written = Vec::new();
        let mut bytes = 0;
        let scanned = scan::written(start..start + image.len(), self.tracking, |run| {
            bytes += run.len();
            if bytes <= MAX_RESTORED_BYTES {
                written.push(run.start - start..run.end - start);
            }
        });
        if scanned.is_err() || bytes > MAX_RESTORED_BYTES {
            self.map_image(image)?;
            return Ok(Restored::Mapped { kernel_tells: scanned.is_ok() });
        }
        if !self.restored {
            written = self.first_written(image, written);
        }
        self.copy_back(image, &written);
        self.written_bytes = match self.tracking {
            Tracking::Protected => bytes,
            // What was copied counts as written.
            Tracking::Private => bytes.saturating_sub(self.copied_bytes),
        };
        if !self.restored {
            self.restored = true;
            // Protecting takes as long as a call: nobody waits for it here. What one call has
            // written others will.
            let parts: Vec<_> =
                written.iter().map(|run| start + run.start..start + run.end).collect();
            self.tracking = scan::track(start..start + self.size, &parts);
        }
        self.written = written;
        Ok(Restored::Copied(bytes))
    }

    fn copy_back(&mut self, image: &Image, written: &[Range<usize>]) {
        for run in written {
            image.parts(run.clone(), |part, content| match content {
                Some(content) => self.copy(part.start, content),
                None => self.zero(part),
            });
        }
    }

    /// Of what is no longer the file's, what was not only copied when the memory was made.
    fn first_written(&self, image: &Image, runs: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut written: Vec<Range<usize>> = Vec::new();
        for page in runs.into_iter().flat_map(|run| run.step_by(PAGE)) {
            let page = page..page + PAGE;
            if image.is_copied(page.start) && image.equals(page.clone(), self.bytes()) {
                continue;
            }
            match written.last_mut() {
                Some(last) if last.end == page.start => last.end = page.end,
                _ => written.push(page),
            }
        }
        written
    }

    /// Writes here and there, as a call would.
    #[cfg(test)]
    pub fn scribble(&mut self, seed: usize) {
        for at in (seed % 4000..self.size).step_by(9001) {
            self.copy(at, &[(seed + at) as u8 ^ 0xa5]);
        }
    }

    /// Whether the memory equals its image.
    pub fn equals(&self, image: &Image) -> bool {
        self.size == image.len() && image.equals(0..self.size, self.bytes())
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

#[cfg(test)]
mod tests {
    use super::super::image::PAGE;
    use super::super::image::tests::image;
    use super::*;

    const WASM_PAGE: usize = 64 * 1024;
    const CAPACITY: usize = 640 * WASM_PAGE;
    const GUARD: usize = 4 * WASM_PAGE;

    /// Runs that are copied, one that is mapped, and one that lies beyond the base.
    const RUNS: [(u32, u32); 5] = [(3, 1), (5, 2), (100, 40), (600, 1), (700, 30)];

    fn write(slot: &mut Slot, at: usize, byte: u8) {
        slot.copy(at, &[byte]);
    }

    #[test]
    fn a_new_memory_equals_its_image() {
        let image = image(40, 60, &RUNS);
        let slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        assert!(slot.bytes() == image.to_vec());
        assert!(slot.equals(&image));
        assert_eq!(slot.own_bytes(), 4 * PAGE);
    }

    #[test]
    fn a_restored_memory_equals_its_image() {
        let image = image(40, 60, &RUNS);
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        for round in 0..3 {
            // Scattered writes, more runs than one request to the kernel returns.
            for at in (round..image.len()).step_by(PAGE * 2) {
                write(&mut slot, at, 0xee);
            }
            assert!(!slot.equals(&image));
            assert!(matches!(slot.restore(&image), Ok(Restored::Copied(_))));
            assert!(slot.bytes() == image.to_vec());
        }
    }

    #[test]
    fn a_memory_of_which_much_was_written_is_mapped_again() {
        let image = image(100, 600, &RUNS);
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        for at in (0..image.len()).step_by(PAGE) {
            write(&mut slot, at, 0xee);
        }
        assert_eq!(slot.restore(&image).unwrap(), Restored::Mapped { kernel_tells: true });
        assert!(slot.equals(&image));
    }

    #[test]
    fn what_is_written_is_put_back_whether_it_faulted_or_not() {
        let image = image(40, 60, &RUNS);
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        // Pages that are written in every round, in each a new one, and in some another thread's.
        for round in 0..60 {
            slot.take();
            for at in [0, 7, 101, 650] {
                write(&mut slot, at * PAGE + round, 0xee);
            }
            if round % 3 == 0 {
                write(&mut slot, (200 + round) * PAGE, 0xee);
            }
            assert!(!slot.equals(&image));
            if round % 10 == 9 {
                let (slot, image) = (&mut slot, &image);
                std::thread::scope(|scope| {
                    scope.spawn(move || {
                        write(slot, (400 + round) * PAGE, 0xee);
                        slot.restore(image).unwrap();
                    });
                });
            } else {
                slot.restore(&image).unwrap();
            }
            assert!(slot.equals(&image), "round {round}");
        }
    }

    #[test]
    fn a_memory_that_grew_is_not_put_back() {
        let image = image(2, 2, &[]);
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        slot.grow(3 * WASM_PAGE).unwrap();
        write(&mut slot, 3 * WASM_PAGE - 1, 1);
        assert!(slot.restore(&image).is_err());
        assert!(!slot.equals(&image));
    }

    #[test]
    fn two_memories_of_one_image_are_apart() {
        let image = image(2, 3, &[(1, 1)]);
        let mut first = Slot::new(&image, CAPACITY, GUARD).unwrap();
        let second = Slot::new(&image, CAPACITY, GUARD).unwrap();
        for at in (0..image.len()).step_by(1000) {
            write(&mut first, at, 0xee);
        }
        assert!(second.equals(&image));
        assert!(image.base.bytes()[..PAGE] == second.bytes()[..PAGE]);
    }

    #[test]
    fn a_memory_is_made_and_put_back_when_its_files_are_gone() {
        let sample = image(40, 60, &RUNS);
        let image = sample.image.clone();
        let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
        drop(sample);
        assert!(image.base.file().is_err());
        for slot in [&mut slot, &mut Slot::new(&image, CAPACITY, GUARD).unwrap()] {
            assert!(slot.equals(&image));
            slot.scribble(7);
            slot.restore(&image).unwrap();
            assert!(slot.equals(&image));
        }
    }

    #[test]
    fn images_larger_than_a_memory_are_refused() {
        let image = image(2, 3, &[]);
        assert!(Slot::new(&image, 2 * WASM_PAGE, GUARD).is_err());
    }
}
