//! Reading a blob's file piece by piece, and whether it still is what its name says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use super::CHUNK_BYTES;
use super::layout::{Folder, at};
use crate::blobs::{BlobError, BlobKey};

/// A blob, or a part of it, read in pieces. The first of them is read on opening, so that a
/// small blob that is corrupt is known before anything of it was answered.
pub(super) struct Chunks {
    file: File,
    key: BlobKey,
    total_bytes: u64,
    left_bytes: u64,
    /// Of what was read, if the whole blob is.
    hash: Option<Sha256>,
    ready: Option<Bytes>,
    failed: Option<BlobError>,
}

impl Chunks {
    pub(super) fn open(
        folder: &Folder,
        key: BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Self, BlobError> {
        let (mut file, total_bytes) = folder.open_object(&key)?;
        let range = range.unwrap_or(0..total_bytes);
        let (start, end) = (range.start.min(total_bytes), range.end.min(total_bytes));
        let left_bytes = end.saturating_sub(start);
        if start > 0 {
            file.seek(SeekFrom::Start(start)).map_err(at(&folder.path(&key)))?;
        }
        let hash = (left_bytes == total_bytes).then(Sha256::new);
        let (ready, failed) = (None, None);
        let mut chunks = Self { file, key, total_bytes, left_bytes, hash, ready, failed };
        // An empty file has no last piece at which it would be looked at.
        if left_bytes == 0 {
            chunks.verify()?;
        }
        chunks.ready = chunks.fetch()?;
        Ok(chunks)
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// A piece that is there without waiting for the disk.
    pub(super) fn take_ready(&mut self) -> Option<Bytes> {
        self.ready.take()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.ready.is_none() && self.left_bytes == 0 && self.failed.is_none()
    }

    /// The next piece, which is not empty. An error is repeated by every later call.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        let fetched = self.fetch();
        self.failed = fetched.as_ref().err().cloned();
        fetched
    }

    fn fetch(&mut self) -> Result<Option<Bytes>, BlobError> {
        if self.left_bytes == 0 {
            return Ok(None);
        }
        let length = self.left_bytes.min(CHUNK_BYTES as u64);
        let mut chunk = Vec::with_capacity(length as usize);
        let got = (&self.file).take(length).read_to_end(&mut chunk);
        let got = got.map_err(|error| self.named(BlobError::from(error)))?;
        if (got as u64) < length {
            return Err(BlobError::Corrupt(format!("{} was cut while it was read", self.key)));
        }
        self.left_bytes -= length;
        if let Some(hash) = &mut self.hash {
            hash.update(&chunk);
        }
        if self.left_bytes == 0 {
            self.verify()?;
        }
        Ok(Some(chunk.into()))
    }

    /// Looks at the hash, if the whole blob was read.
    fn verify(&mut self) -> Result<(), BlobError> {
        match self.hash.take().map(BlobKey::finish) {
            Some(found) if found != self.key => {
                Err(BlobError::Corrupt(format!("{} has the content of {found}", self.key)))
            }
            _ => Ok(()),
        }
    }

    fn named(&self, error: BlobError) -> BlobError {
        match error {
            BlobError::Unavailable(why) => BlobError::Unavailable(format!("{}: {why}", self.key)),
            error => error,
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let Some(mut chunk) = self.next()? else { return Ok(0) };
        let length = buffer.len().min(chunk.len());
        chunk.copy_to_slice(&mut buffer[..length]);
        self.ready = (!chunk.is_empty()).then_some(chunk);
        Ok(length)
    }
}
