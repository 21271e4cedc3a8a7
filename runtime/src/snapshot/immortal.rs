//! Makes the objects that live as long as any call immortal, in the image of their memory.
//!
//! CPython counts references in the objects themselves: a call writes to each page with a
//! function, a class or a string that it uses, only to leave the count as it was: half of the
//! pages that a small call wrote. Of an immortal object no
//! references are counted.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use model::{Bundle, CancelToken, Limits, Tree};

use crate::Metering;
use crate::code::Code;
use crate::memory::{Delta, Ending, Image, Mapping, Slot, end_of_call};
use crate::run::{self, Job};

use super::format;

/// What CPython sets the count of an object to that it makes immortal, where it counts in
/// 32 bits: `_Py_IMMORTAL_INITIAL_REFCNT` of Include/refcount.h.
const IMMORTAL: u32 = 5 << 28;

/// Counts from here on are immortal objects': `_Py_IMMORTAL_MINIMUM_REFCNT`.
const MINIMUM: usize = 1 << 30;

/// Alignment of what the guest's allocator gives.
const ALIGNMENT: usize = 8;

/// The whole content of an interpreter's memory, all its objects immortal.
pub fn in_memory(
    code: &Code,
    stdlib: &Arc<Tree>,
    metering: Metering,
    folder: &Path,
    mut memory: Vec<u8>,
    globals: Vec<u32>,
) -> wasmtime::Result<Vec<u8>> {
    let file = written(folder, &memory)?;
    let image = Image::of_base(Arc::new(Mapping::open(file.path())?), globals)?;
    let found = find(code, stdlib, metering, &image, true)?;
    for at in found {
        memory[at..at + 4].copy_from_slice(&IMMORTAL.to_le_bytes());
    }
    Ok(memory)
}

/// Makes the parts of modules immortal in the bytes of a snapshot, which are as they were if
/// that fails.
pub fn in_snapshot(
    code: &Code,
    stdlib: &Arc<Tree>,
    metering: Metering,
    folder: &Path,
    base: &Image,
    snapshot: &mut [u8],
) -> wasmtime::Result<()> {
    let Some((header, offset)) = format::read(snapshot) else {
        wasmtime::bail!("a snapshot that was just written cannot be read");
    };
    let runs = header.runs();
    let file = written(folder, snapshot)?;
    let delta = Delta { runs: header.runs(), mapping: Mapping::open(file.path())?, offset };
    let image = Image::new(base.base.clone(), Some(delta), header.len, header.globals)?;
    let mut found = find(code, stdlib, metering, &image, false)?.into_iter().peekable();
    let mut at = offset;
    for run in runs {
        let range = run.range();
        while found.next_if(|&object| object < range.start).is_some() {}
        while let Some(object) = found.next_if(|&object| object < range.end) {
            let count = at + (object - range.start);
            snapshot[count..count + 4].copy_from_slice(&IMMORTAL.to_le_bytes());
        }
        at += range.len();
    }
    Ok(())
}

fn written(folder: &Path, bytes: &[u8]) -> wasmtime::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Where in the image the counts of objects are that can be immortal, in order: an instance
/// over it is asked, which is of no other use then.
fn find(
    code: &Code,
    stdlib: &Arc<Tree>,
    metering: Metering,
    image: &Arc<Image>,
    everything: bool,
) -> wasmtime::Result<Vec<usize>> {
    let job = Job {
        bundle: &Bundle::default(),
        limits: &Limits { memory_bytes: 2 << 30, ..Limits::default() },
        deterministic: true,
        files: Arc::new(()),
        events: Arc::new(()),
        cancel: &CancelToken::new(),
    };
    let mut store = run::new_store(code, image, stdlib, metering, &job, Instant::now())
        .map_err(|error| wasmtime::format_err!("{error}"))?;
    let guest = code.instantiate(&mut store, image)?;
    let found = guest.exports.call_immortals(&mut store, everything)?;
    let Some(asked) = end_of_call(store, Ending::Capture) else {
        wasmtime::bail!("the instance had no memory");
    };
    let mut found: Vec<usize> = found.into_iter().map(|address| address as usize).collect();
    found.sort_unstable();
    found.dedup();
    let lowest = found.first().copied().unwrap_or_default();
    found.retain(|&address| is_object(image, &asked, address, lowest));
    Ok(found)
}

/// Whether an object that the instance has is the image's too, and mortal. What was made to
/// answer is not: where it lies the image has something else, or what is left of an object
/// that was freed, whose count is zero, or the address of the next that is free. No object
/// is below `lowest`, and no count is as high.
fn is_object(image: &Image, asked: &Slot, address: usize, lowest: usize) -> bool {
    let read = |bytes: &[u8]| {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        (word(0), word(4))
    };
    let Some(theirs) = asked.bytes().get(address..address + 8).map(read) else { return false };
    let Some(ours) = image.read::<8>(address).map(|bytes| read(&bytes)) else { return false };
    let (count, class) = ours;
    address.is_multiple_of(ALIGNMENT)
        && count > 0
        && (count as usize) < lowest.min(MINIMUM)
        && class != 0
        && class == theirs.1
}
