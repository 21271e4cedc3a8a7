//! Files on their way into the store: written, sealed, and then committed or removed.

use std::io::{self, BufWriter, IntoInnerError, Write};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::layout::{Folder, at};
use crate::blobs::{BlobError, BlobKey, StagedWriter, Stored};

/// Small writes are joined up to this; larger ones go by.
const BUFFER_BYTES: usize = 64 * 1024;

/// A file being written. Dropped, it is removed.
pub(super) struct StagedFile {
    folder: Arc<Folder>,
    file: BufWriter<NamedTempFile>,
    hash: Sha256,
    bytes: u64,
    limit_bytes: u64,
}

impl StagedFile {
    pub(super) fn create(folder: &Arc<Folder>, limit_bytes: u64) -> Result<Self, BlobError> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, folder.new_staged()?);
        let folder = Arc::clone(folder);
        Ok(Self { folder, file, hash: Sha256::new(), bytes: 0, limit_bytes })
    }

    /// Whether so many bytes more may come.
    pub(super) fn check_limit(&self, more: usize) -> Result<(), BlobError> {
        match self.bytes.checked_add(more as u64) {
            Some(bytes) if bytes <= self.limit_bytes => Ok(()),
            _ => Err(BlobError::TooLarge { limit: self.limit_bytes }),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.check_limit(bytes.len())?;
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// After an error the file is removed.
    pub(super) fn append_all(mut self, pieces: &[Bytes]) -> Result<Self, BlobError> {
        pieces.iter().try_for_each(|piece| self.append(piece))?;
        Ok(self)
    }

    /// Ends the writing. Everything is with the file system then, and a full disk known.
    pub(super) fn seal(self) -> Result<Sealed, BlobError> {
        let file = self.file.into_inner().map_err(IntoInnerError::into_error)?;
        let key = BlobKey::finish(self.hash);
        Ok(Sealed { folder: self.folder, file, stored: Stored { key, bytes: self.bytes } })
    }
}

/// A file that is complete. Dropped, it is removed.
pub(super) struct Sealed {
    folder: Arc<Folder>,
    file: NamedTempFile,
    stored: Stored,
}

impl Sealed {
    pub(super) fn key(&self) -> &BlobKey {
        &self.stored.key
    }

    pub(super) fn bytes(&self) -> u64 {
        self.stored.bytes
    }

    /// The content is on disk before its name is, so that a crash leaves the blob or none.
    pub(super) fn commit(self) -> Result<Stored, BlobError> {
        let Self { folder, file, stored } = self;
        let Stored { key, bytes } = stored;
        folder.ensure_prefix(&key)?;
        let held = folder.hold(&key)?;
        if !folder.touch(&held, &key, bytes)? {
            file.as_file().sync_all().map_err(at(file.path()))?;
            let path = folder.path(&key);
            file.persist(&path).map_err(|failed| at(&path)(failed.error))?;
        }
        // Also where the blob was there: who has put it there may not have come so far yet.
        held.sync()?;
        Ok(stored)
    }
}

/// The blocking form: a failure ends it, and removes the file at once.
pub(super) struct Writer(Result<StagedFile, BlobError>);

impl Writer {
    pub(super) fn new(file: StagedFile) -> Self {
        Self(Ok(file))
    }

    fn attempt(
        &mut self,
        work: impl FnOnce(&mut StagedFile) -> Result<(), BlobError>,
    ) -> io::Result<()> {
        let done = match &mut self.0 {
            Ok(file) => work(file),
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = &done {
            self.0 = Err(error.clone());
        }
        Ok(done?)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|file| file.append(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|file| Ok(file.file.flush()?))
    }
}

impl StagedWriter for Writer {
    fn finish(self: Box<Self>) -> Result<Stored, BlobError> {
        self.0?.seal()?.commit()
    }
}
