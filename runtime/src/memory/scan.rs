//! Which pages of a private mapping were written, as the kernel knows it.
//!
//! `PAGEMAP_SCAN` (Linux 6.7): a page that is there, or swapped out, and no longer backed
//! by the file was written since it was mapped.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::sync::LazyLock;

use rustix::io;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use rustix::process::{Pid, getpid};

/// Runs of written pages fetched by one request.
const RUNS: usize = 256;

const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
/// The page of zeros that reading memory without content shows.
const IS_ZERO_PAGE: u64 = 1 << 5;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Run {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Request {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    runs: u64,
    runs_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

struct PagemapScan<'a>(&'a mut Request);

// SAFETY: the opcode is PAGEMAP_SCAN's, whose argument is a `pm_scan_arg`; the kernel
// writes `walk_end` and at most `runs_len` entries to `runs`, which `written` provides.
unsafe impl Ioctl for PagemapScan<'_> {
    type Output = usize;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Request>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(count: IoctlOutput, _: *mut c_void) -> io::Result<usize> {
        Ok(count.unsigned_abs() as usize)
    }
}

/// The file, and the process whose memory it tells of: after a fork it is the parent's.
static PAGEMAP: LazyLock<Option<(File, Pid)>> =
    LazyLock::new(|| Some((File::open("/proc/self/pagemap").ok()?, getpid())));

/// Whether the kernel tells which pages were written.
pub fn is_supported() -> bool {
    let page = [0_u8; 1];
    let address = page.as_ptr().addr() & !4095;
    written(address..address + 4096, |_| {}).is_ok()
}

/// Calls `each` with every run of written pages within a range of addresses of this
/// process. An error says that the kernel cannot tell.
pub fn written(range: Range<usize>, mut each: impl FnMut(Range<usize>)) -> io::Result<()> {
    let (pagemap, process) = PAGEMAP.as_ref().ok_or(io::Errno::NOSYS)?;
    if *process != getpid() {
        return Err(io::Errno::NOSYS);
    }
    let mut start = range.start;
    while start < range.end {
        let mut runs = [Run::default(); RUNS];
        let mut request = Request {
            size: size_of::<Request>() as u64,
            start: start as u64,
            end: range.end as u64,
            runs: runs.as_mut_ptr().addr() as u64,
            runs_len: RUNS as u64,
            category_inverted: IS_FILE | IS_ZERO_PAGE,
            category_mask: IS_FILE | IS_ZERO_PAGE,
            category_anyof_mask: IS_PRESENT | IS_SWAPPED,
            ..Request::default()
        };
        // The kernel writes to `runs` through an address: it must know that we expose it.
        let _ = runs.as_mut_ptr().expose_provenance();
        // SAFETY: `runs` outlives the call and has room for RUNS entries.
        let count = unsafe { ioctl(pagemap, PagemapScan(&mut request)) }?;
        for run in &runs[..count.min(RUNS)] {
            each(run.start as usize..run.end as usize);
        }
        let next = request.walk_end as usize;
        if next <= start {
            return Err(io::Errno::INVAL);
        }
        start = next;
    }
    Ok(())
}
