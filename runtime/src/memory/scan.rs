//! Which pages of a private mapping were written, as the kernel knows it.
//!
//! `PAGEMAP_SCAN` (Linux 6.7) tells in one of two ways. Where `userfaultfd` may be used,
//! the memory is write-protected once it is made, and the kernel itself lifts that from
//! each page that is written (`WP_ASYNC`): nobody is asked, and the entries of the page
//! tables tell. Elsewhere a page that is there, or swapped out, and no longer backed by
//! the file was written since it was mapped; that looks at every page's own record, which
//! takes four times as long, and counts pages that were copied when the memory was made.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::LazyLock;
use std::thread::{self, ThreadId};

use rustix::io;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, UserfaultfdFlags, mmap_anonymous, munmap, userfaultfd};
use rustix::process::{Pid, getpid};

/// Runs of written pages fetched by one request.
const RUNS: usize = 256;

/// Written since it was protected.
const IS_WRITTEN: u64 = 1 << 1;
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
/// The page of zeros that reading memory without content shows.
const IS_ZERO_PAGE: u64 = 1 << 5;

/// Fails unless the whole range is protected.
const CHECK_PROTECTED: u64 = 1 << 1;

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

/// The argument of `userfaultfd`'s requests, all of them numbers.
struct Fault<'a, const CODE: u8, const WORDS: usize>(&'a mut [u64; WORDS]);

// SAFETY: each use below is a request of linux/userfaultfd.h with the size of its
// structure; the kernel writes to nothing else.
unsafe impl<const CODE: u8, const WORDS: usize> Ioctl for Fault<'_, CODE, WORDS> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<[u64; WORDS]>(0xAA, CODE)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> io::Result<()> {
        Ok(())
    }
}

const FAULT_API: u8 = 0x3f;
const FAULT_REGISTER: u8 = 0x00;
const FAULT_PROTECT: u8 = 0x06;

const API_VERSION: u64 = 0xAA;
/// Pages that have nothing yet are protected too; and the kernel lifts the protection.
const API_FEATURES: u64 = 1 << 13 | 1 << 15;
/// Only for faults of user code: what is allowed to everyone.
const USER_MODE_ONLY: u32 = 1;
const REGISTER_FOR_WRITES: u64 = 1 << 1;
const PROTECT: u64 = 1;

/// The process that a file tells of: after a fork it is the parent's.
struct Ours<T>(Option<T>, Pid);

impl<T> Ours<T> {
    fn get(&self) -> io::Result<&T> {
        self.0.as_ref().filter(|_| self.1 == getpid()).ok_or(io::Errno::NOSYS)
    }
}

static PAGEMAP: LazyLock<Ours<File>> =
    LazyLock::new(|| Ours(File::open("/proc/self/pagemap").ok(), getpid()));

static PROTECTION: LazyLock<Ours<OwnedFd>> = LazyLock::new(|| Ours(protection().ok(), getpid()));

fn protection() -> io::Result<OwnedFd> {
    let flags = UserfaultfdFlags::CLOEXEC
        | UserfaultfdFlags::NONBLOCK
        | UserfaultfdFlags::from_bits_retain(USER_MODE_ONLY);
    // SAFETY: the file is used for asynchronous write protection alone, which changes
    // nothing that a program sees of its memory.
    let file = unsafe { userfaultfd(flags) }?;
    // SAFETY: `struct uffdio_api` is three numbers.
    unsafe { ioctl(&file, Fault::<FAULT_API, 3>(&mut [API_VERSION, API_FEATURES, 0])) }?;
    Ok(file)
}

/// How the kernel tells what was written to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// The mapping is protected: what was written since it was made.
    Protected,
    /// What is no longer the file's, also if it was copied when the mapping was made.
    Private,
}

/// Tries of `FAULTS_COUNT`, all of which have to go well.
const TRIES: u32 = 4;

/// Most of them, as faults of another cause can spoil some.
const MAX_TRIES: u32 = 64;

/// Whether the first write to a protected page counts among its thread's faults, tried on a
/// page of our own: on that relies whoever asks a `Moment`.
static FAULTS_COUNT: LazyLock<bool> = LazyLock::new(|| {
    let page = 4096;
    // SAFETY: a new mapping at an address that the kernel chooses, written to and given back
    // here, with nothing else in it.
    unsafe {
        let Ok(start) = mmap_anonymous(
            ptr::null_mut(),
            page,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        ) else {
            return false;
        };
        let byte = start.cast::<u8>();
        byte.write_volatile(1);
        let mut counted = 0;
        for _ in 0..MAX_TRIES {
            let Some(before) = Moment::now() else { break };
            // What is not protected is written to without a fault, or this try tells nothing.
            byte.write_volatile(2);
            if !before.is_undisturbed() {
                continue;
            }
            if protect(start.addr()..start.addr() + page, &[]).is_err() {
                break;
            }
            let Some(before) = Moment::now() else { break };
            byte.write_volatile(3);
            if before.is_undisturbed() {
                counted = 0;
                break;
            }
            counted += 1;
            if counted == TRIES {
                break;
            }
        }
        let _ = munmap(start, page);
        counted == TRIES
    }
});

/// Begins to track what is written to a mapping that is as it should be put back to. Parts of
/// it, in order, count as written from the beginning.
pub fn track(range: Range<usize>, written: &[Range<usize>]) -> Tracking {
    match protect(range, written) {
        Ok(()) => Tracking::Protected,
        Err(_) => Tracking::Private,
    }
}

fn protect(range: Range<usize>, written: &[Range<usize>]) -> io::Result<()> {
    let file = PROTECTION.get()?;
    // SAFETY: `struct uffdio_register`: range, mode, and what the kernel answers.
    unsafe {
        let argument = &mut [range.start as u64, range.len() as u64, REGISTER_FOR_WRITES, 0];
        ioctl(file, Fault::<FAULT_REGISTER, 4>(argument))
    }?;
    let starts = std::iter::once(range.start).chain(written.iter().map(|part| part.end));
    let ends = written.iter().map(|part| part.start).chain([range.end]);
    for (start, end) in starts.zip(ends).filter(|(start, end)| start < end) {
        let (start, length) = (start as u64, (end - start) as u64);
        // SAFETY: `struct uffdio_writeprotect`: range and mode.
        unsafe { ioctl(file, Fault::<FAULT_PROTECT, 3>(&mut [start, length, PROTECT])) }?;
    }
    Ok(())
}

/// A moment of a thread's, and how often it had faulted by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    thread: ThreadId,
    faults: (i64, i64),
}

impl Moment {
    /// Now; nothing if the kernel does not count what it has to.
    pub fn begin() -> Option<Self> {
        if *FAULTS_COUNT { Self::now() } else { None }
    }

    fn now() -> Option<Self> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the kernel fills the structure that it is given.
        let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        // SAFETY: it is made of numbers, and was zeroed.
        let usage = unsafe { usage.assume_init() };
        (failed == 0).then(|| Self {
            thread: thread::current().id(),
            faults: (usage.ru_minflt, usage.ru_majflt),
        })
    }

    /// Whether this thread has not faulted since. Then it has not written to a protected
    /// page, whichever it was: the first write to one is a fault.
    pub fn is_undisturbed(self) -> bool {
        Self::now() == Some(self)
    }
}

/// Whether the kernel tells which pages were written.
pub fn is_supported() -> bool {
    let page = [0_u8; 1];
    let address = page.as_ptr().addr() & !4095;
    written(address..address + 4096, Tracking::Private, |_| {}).is_ok()
}

/// Calls `each` with every run of written pages within a range of addresses of this
/// process. An error says that the kernel cannot tell.
pub fn written(
    range: Range<usize>,
    tracking: Tracking,
    mut each: impl FnMut(Range<usize>),
) -> io::Result<()> {
    let pagemap = PAGEMAP.get()?;
    let mut start = range.start;
    while start < range.end {
        let mut runs = [Run::default(); RUNS];
        let mut request = Request {
            size: size_of::<Request>() as u64,
            start: start as u64,
            end: range.end as u64,
            runs: runs.as_mut_ptr().addr() as u64,
            runs_len: RUNS as u64,
            ..Request::default()
        };
        match tracking {
            Tracking::Protected => {
                request.flags = CHECK_PROTECTED;
                request.category_mask = IS_WRITTEN;
                request.return_mask = IS_WRITTEN;
            }
            Tracking::Private => {
                request.category_inverted = IS_FILE | IS_ZERO_PAGE;
                request.category_mask = IS_FILE | IS_ZERO_PAGE;
                request.category_anyof_mask = IS_PRESENT | IS_SWAPPED;
            }
        }
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
