//! What a call may do with its files, whichever engine runs it.

use crate::FileError;

/// Most bytes that one read returns.
pub const MAX_READ_BYTES: u32 = 1024 * 1024;

/// Most files that a call may create, and most that it may hold open.
const MAX_CREATED: usize = 1000;
const MAX_OPEN: usize = 64;

/// Most bytes in all files that a call writes.
const MAX_WRITTEN_BYTES: u64 = 1024 * 1024 * 1024;

/// Longest key, and most parts of one.
const MAX_KEY_BYTES: usize = 1024;
const MAX_KEY_PARTS: usize = 32;

/// What a call has done with its files.
#[derive(Debug, Default)]
pub struct FileUse {
    open: usize,
    created: usize,
    written: u64,
}

impl FileUse {
    pub fn open_one(&mut self) -> Result<(), FileError> {
        if self.open == MAX_OPEN {
            return Err(FileError::Unavailable(format!("{MAX_OPEN} files are open: close some")));
        }
        self.open += 1;
        Ok(())
    }

    pub fn create_one(&mut self) -> Result<(), FileError> {
        if self.created == MAX_CREATED {
            let most = format!("a call creates at most {MAX_CREATED} files");
            return Err(FileError::Unavailable(most));
        }
        self.open_one()?;
        self.created += 1;
        Ok(())
    }

    pub fn write(&mut self, bytes: usize) -> Result<(), FileError> {
        self.written += bytes as u64;
        if self.written > MAX_WRITTEN_BYTES {
            let most = format!("a call writes at most {MAX_WRITTEN_BYTES} bytes to its files");
            return Err(FileError::Unavailable(most));
        }
        Ok(())
    }

    pub fn close_one(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

/// Refuses what is no key: empty, absolute, with `..`, or too long.
pub fn check_key(key: &str) -> Result<(), FileError> {
    let bad = key.len() > MAX_KEY_BYTES
        || key.split('/').count() > MAX_KEY_PARTS
        || key.contains(['\\', '\0'])
        || key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bad {
        return Err(FileError::InvalidKey(crate::json::cut(key, MAX_KEY_BYTES)));
    }
    Ok(())
}
