//! A call's files: inputs from the object store, outputs into it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use model::executor::FileSink;
use model::{CallFiles, FileError};
use parking_lot::Mutex;

use crate::blobs::{BlobError, BlobKey, Blobs, StagedWriter};

/// Most files that a call may write.
pub const MAX_OUTPUT_FILES: usize = 1_000;
/// Most bytes of all files that a call writes.
pub const MAX_OUTPUT_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest key of a file, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// Whether a text can be a file's key: relative, without empty parts, `.` or `..`.
pub fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= MAX_KEY_BYTES
        && !key.contains(['\\', '\0'])
        && !key.chars().any(char::is_control)
        && key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

pub struct TaskFiles {
    blobs: Arc<dyn Blobs>,
    inputs: HashMap<String, BlobKey>,
    outputs: Arc<Mutex<Outputs>>,
}

#[derive(Default)]
struct Outputs {
    files: Vec<(String, BlobKey, u64)>,
    begun: usize,
    bytes: u64,
}

impl TaskFiles {
    pub fn new(blobs: Arc<dyn Blobs>, inputs: Vec<(String, BlobKey)>) -> Self {
        Self { blobs, inputs: inputs.into_iter().collect(), outputs: Arc::default() }
    }

    /// What the call wrote; of a key written twice, the last.
    pub fn written(&self) -> Vec<(String, BlobKey, u64)> {
        let outputs = self.outputs.lock();
        let mut last: HashMap<&str, &(String, BlobKey, u64)> = HashMap::new();
        for file in &outputs.files {
            last.insert(&file.0, file);
        }
        let mut files: Vec<_> = last.into_values().cloned().collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        files
    }
}

fn told(key: &str, error: BlobError) -> FileError {
    match error {
        BlobError::NotFound => FileError::NotFound(key.to_owned()),
        // What is wrong inside is for our log, not for the function.
        error => {
            tracing::error!(%key, %error, "a call's file cannot be had");
            FileError::Unavailable(format!("`{key}` cannot be had now"))
        }
    }
}

impl CallFiles for TaskFiles {
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError> {
        if !is_key(key) {
            return Err(FileError::InvalidKey(key.to_owned()));
        }
        let content = self.inputs.get(key).ok_or_else(|| FileError::NotFound(key.to_owned()))?;
        self.blobs.open_blocking(content).map_err(|error| told(key, error))
    }

    fn create(&self, key: &str) -> Result<Box<dyn FileSink>, FileError> {
        if !is_key(key) {
            return Err(FileError::InvalidKey(key.to_owned()));
        }
        let left = {
            let mut outputs = self.outputs.lock();
            if outputs.begun >= MAX_OUTPUT_FILES {
                return Err(FileError::Unavailable(format!(
                    "a call may write at most {MAX_OUTPUT_FILES} files"
                )));
            }
            outputs.begun += 1;
            MAX_OUTPUT_BYTES - outputs.bytes
        };
        let writer = self.blobs.stage_blocking(left).map_err(|error| told(key, error))?;
        Ok(Box::new(Sink {
            key: key.to_owned(),
            writer,
            written: 0,
            outputs: self.outputs.clone(),
        }))
    }
}

struct Sink {
    key: String,
    writer: Box<dyn StagedWriter>,
    written: u64,
    outputs: Arc<Mutex<Outputs>>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut outputs = self.outputs.lock();
        if outputs.bytes + bytes.len() as u64 > MAX_OUTPUT_BYTES {
            let mib = MAX_OUTPUT_BYTES / (1024 * 1024);
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a call's files may be at most {mib} MiB together"),
            ));
        }
        let count = self.writer.write(bytes)?;
        outputs.bytes += count as u64;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl FileSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), FileError> {
        let Self { key, writer, outputs, .. } = *self;
        let stored = writer.finish().map_err(|error| told(&key, error))?;
        outputs.lock().files.push((key, stored.key, stored.bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for good in ["a", "meshes/model-123.msh", "é/b c"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a\nb", &"x".repeat(513)] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
