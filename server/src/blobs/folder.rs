//! Blobs as files of a folder: the store of one machine.
//!
//! What a disk does blocks, so all of it is written once, blocking, in the modules below:
//! here it is put on the runtime's threads for that. `objects/ab/cdef...` are the blobs,
//! `staging/` what is on its way, on the same file system.

mod layout;
mod reading;
mod staging;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::{BlobError, BlobKey, BlobRead, Blobs, Listed, Staged, StagedWriter, Stored};
use layout::Folder;
use reading::Chunks;
use staging::{Sealed, StagedFile, Writer};

/// Bytes that go to or come from a file at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Pieces of a stream that are kept until they go to the file together.
const GATHERED_PIECES: usize = 64;

/// A store of blobs in a folder. More than one process may use it at the same time, except
/// for `clear_staging`.
#[derive(Clone)]
pub struct FolderBlobs {
    folder: Arc<Folder>,
}

impl FolderBlobs {
    /// Opens the store below `root`, creating what is missing (readable by its owner only).
    /// Blocks.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        Ok(Self { folder: Arc::new(Folder::open(root)?) })
    }

    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Folder>) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(&folder)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| Err(BlobError::Unavailable(stopped.to_string())))
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn stage(
        &self,
        mut stream: BoxStream<'_, io::Result<Bytes>>,
        limit_bytes: u64,
    ) -> Result<Box<dyn Staged>, BlobError> {
        let mut file =
            self.with_folder(move |folder| StagedFile::create(folder, limit_bytes)).await?;
        let mut pieces: Vec<Bytes> = Vec::new();
        let mut gathered_bytes = 0;
        while let Some(piece) = stream.next().await {
            // Not by its kind: a full disk at the other end is not ours.
            let piece = piece.map_err(|broken| {
                BlobError::Unavailable(format!("what was to be stored broke off: {broken}"))
            })?;
            gathered_bytes += piece.len();
            file.check_limit(gathered_bytes)?;
            pieces.push(piece);
            if gathered_bytes >= CHUNK_BYTES || pieces.len() >= GATHERED_PIECES {
                let pieces = std::mem::take(&mut pieces);
                gathered_bytes = 0;
                file = blocking(move || file.append_all(&pieces)).await?;
            }
        }
        let sealed = blocking(move || file.append_all(&pieces)?.seal()).await?;
        Ok(Box::new(sealed))
    }

    async fn read(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let key = *key;
        let chunks = self.with_folder(move |folder| Chunks::open(folder, key, range)).await?;
        let total_bytes = chunks.total_bytes();
        let stream = stream::try_unfold(chunks, async |mut chunks: Chunks| {
            if let Some(first) = chunks.take_ready() {
                return Ok(Some((first, chunks)));
            }
            if chunks.is_at_end() {
                return Ok(None);
            }
            blocking(move || Ok(chunks.next()?.map(|chunk| (chunk, chunks)))).await
        });
        Ok(BlobRead { total_bytes, stream: stream.map_err(io::Error::from).boxed() })
    }

    async fn size(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let key = *key;
        self.with_folder(move |folder| folder.size(&key)).await
    }

    async fn remove(&self, key: &BlobKey, stored_before: SystemTime) -> Result<bool, BlobError> {
        let key = *key;
        self.with_folder(move |folder| folder.remove(&key, stored_before)).await
    }

    async fn renew(&self, keys: &[BlobKey]) -> Result<bool, BlobError> {
        if keys.is_empty() {
            return Ok(true);
        }
        let keys = keys.to_vec();
        self.with_folder(move |folder| {
            for key in &keys {
                if !folder.renew(key)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    async fn list(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>, BlobError> {
        let after = after.copied();
        self.with_folder(move |folder| folder.list(after, limit)).await
    }

    async fn clear_staging(&self) -> Result<u64, BlobError> {
        self.with_folder(|folder| folder.clear_staging()).await
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.with_folder(|folder| folder.check()).await
    }

    fn open_blocking(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, BlobError> {
        Ok(Box::new(Chunks::open(&self.folder, *key, None)?))
    }

    fn stage_blocking(&self, limit_bytes: u64) -> Result<Box<dyn StagedWriter>, BlobError> {
        Ok(Box::new(Writer::new(StagedFile::create(&self.folder, limit_bytes)?)))
    }
}

#[async_trait]
impl Staged for Sealed {
    fn key(&self) -> &BlobKey {
        Sealed::key(self)
    }

    fn bytes(&self) -> u64 {
        Sealed::bytes(self)
    }

    async fn commit(self: Box<Self>) -> Result<Stored, BlobError> {
        blocking(move || Sealed::commit(*self)).await
    }
}
