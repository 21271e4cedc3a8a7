//! The seam to object storage: bytes, named by the SHA-256 of what they are.
//!
//! Owns what may be asked of a store of blobs, and what can go wrong. Not who may read a
//! blob, what refers to one, nor when one that nobody refers to is removed: that is asked
//! of the store through [`Blobs::list`] and [`Blobs::remove`] by whoever knows. Every
//! implementation passes `conformance`.

#[cfg(test)]
mod conformance;
mod error;
pub mod folder;
mod key;

use std::io::{self, Read, Write};
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

pub use error::BlobError;
pub use key::{BlobKey, InvalidKey};

/// What was stored, or was already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: BlobKey,
    pub bytes: u64,
}

/// One blob of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: BlobKey,
    pub bytes: u64,
    /// When the content was last stored, be it again. By the clock of the store.
    pub modified: SystemTime,
}

/// A blob, or a part of it, on its way.
pub struct BlobRead {
    /// Of the whole blob, also where only a part was asked for.
    pub total_bytes: u64,
    /// An error ends it; [`BlobError`]`::from` says which. Where the whole blob was asked for
    /// and what is stored does not fit the key, the error (`Corrupt`) comes in place of the
    /// last bytes: a reader who counts has then not got them all.
    pub stream: BoxStream<'static, io::Result<Bytes>>,
}

/// A store of blobs. The blocking forms need no async runtime around them, and must not be
/// called on one of its threads.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Streams to a staging place, counting and hashing on the way: nothing is visible
    /// before [`Staged::commit`]. Dropping the future removes what was staged.
    ///
    /// `TooLarge` as soon as there are more than `limit_bytes`. An error of `stream` itself
    /// is `Unavailable`, whatever it was.
    async fn stage(
        &self,
        stream: BoxStream<'_, io::Result<Bytes>>,
        limit_bytes: u64,
    ) -> Result<Box<dyn Staged>, BlobError>;

    /// Reads a blob, or the bytes of it that are within `range`: beyond the end there are
    /// none, which is not an error (`total_bytes` tells).
    async fn read(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobRead, BlobError>;

    /// In bytes. The content is not looked at.
    async fn size(&self, key: &BlobKey) -> Result<u64, BlobError>;

    /// Removes a blob that was neither stored nor renewed at `stored_before` or since, and says
    /// whether it did; an absent one is fine. Readers who have it open read on.
    ///
    /// Atomic against `commit` and `renew`, of other processes too: what either of them said is
    /// there is there afterwards, if `stored_before` is not later than they began.
    async fn remove(&self, key: &BlobKey, stored_before: SystemTime) -> Result<bool, BlobError>;

    /// Counts blobs as stored now, since something is about to refer to them; `false` if one of
    /// them is not there (others may have been renewed then).
    async fn renew(&self, keys: &[BlobKey]) -> Result<bool, BlobError>;

    /// At most `limit` blobs, in the order of their keys, from the first one after `after`.
    async fn list(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>, BlobError>;

    /// Removes what a process that died has left in the staging place, and says how many
    /// there were. To be called at start, when nobody else stages here.
    async fn clear_staging(&self) -> Result<u64, BlobError>;

    /// Whether the store can be used now: writes, reads and removes a probe.
    async fn check(&self) -> Result<(), BlobError>;

    /// Stages and commits what is in memory.
    async fn put(&self, bytes: Bytes) -> Result<Stored, BlobError> {
        let limit_bytes = bytes.len() as u64;
        let stream = stream::once(async move { Ok(bytes) }).boxed();
        self.stage(stream, limit_bytes).await?.commit().await
    }

    /// As `put`.
    fn put_blocking(&self, bytes: &[u8]) -> Result<Stored, BlobError> {
        let mut writer = self.stage_blocking(bytes.len() as u64)?;
        writer.write_all(bytes)?;
        writer.finish()
    }

    /// As `read` of the whole blob: what does not fit the key is an error before the last
    /// bytes, not after them.
    fn open_blocking(&self, key: &BlobKey) -> Result<Box<dyn Read + Send>, BlobError>;

    /// As `stage`.
    fn stage_blocking(&self, limit_bytes: u64) -> Result<Box<dyn StagedWriter>, BlobError>;
}

/// Content that is complete, and that nobody sees yet. Dropped, it is removed.
#[async_trait]
pub trait Staged: Send {
    fn key(&self) -> &BlobKey;

    fn bytes(&self) -> u64;

    /// Makes the blob visible, and durable. Whatever was stored under its key stays, and
    /// counts as stored now.
    ///
    /// After an error, or when the future was dropped, the blob may be there or not; if it
    /// is there, it is whole.
    async fn commit(self: Box<Self>) -> Result<Stored, BlobError>;
}

/// A blob being written. Dropped, it is removed.
///
/// A failed `write` holds a [`BlobError`] (`BlobError::from` gets it), removes what was
/// staged, and is repeated by every later call: there is no blob of a part of the bytes.
pub trait StagedWriter: Write + Send {
    /// As [`Staged::commit`].
    fn finish(self: Box<Self>) -> Result<Stored, BlobError>;
}
