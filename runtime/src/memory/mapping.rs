//! A file's content, mapped to be read and to be mapped again.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A read-only mapping of a whole file, which must never change.
///
/// No descriptor is held: there may be as many mappings as functions. To be mapped into
/// a slot the file is opened again, and is refused if it is not the same file any more.
pub struct Mapping {
    path: PathBuf,
    identity: Identity,
    start: *const u8,
    len: usize,
}

/// What tells that a path still names the file that was mapped.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

// SAFETY: `start` points to memory that nobody writes to and that lives as long as the mapping.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a file that is not empty.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let identity = Identity::of(&file)?;
        let len = usize::try_from(identity.len).map_err(io::Error::other)?;
        if len == 0 {
            return Err(io::Error::other("an empty file cannot be mapped"));
        }
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start =
            unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, &file, 0)? };
        Ok(Self { path: path.to_owned(), identity, start: start.cast_const().cast(), len })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as `self` lives, and never written to.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The file, to be mapped elsewhere.
    pub fn file(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        if Identity::of(&file)? != self.identity {
            let path = self.path.display();
            return Err(io::Error::other(format!("{path} is not the file that it was")));
        }
        Ok(file)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `open`; what is read from it borrows the mapping.
        unsafe {
            let _ = munmap(self.start.cast_mut().cast(), self.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_replaced_is_not_mapped_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        assert!(Mapping::open(&path).is_err());
        std::fs::write(&path, b"").unwrap();
        assert!(Mapping::open(&path).is_err());
        std::fs::write(&path, b"content").unwrap();
        let mapping = Mapping::open(&path).unwrap();
        assert!(mapping.file().is_ok());
        std::fs::remove_file(&path).unwrap();
        assert!(mapping.file().is_err());
        std::fs::write(&path, b"CONTENT").unwrap();
        assert!(mapping.file().is_err());
        assert_eq!(mapping.bytes(), b"content");
    }
}
