//! What every store of blobs does: one suite, run on each backend.
//!
//! A new backend is a line in [`backends`]. What is peculiar to one (files on a disk, an
//! object store's protocol) is tested next to it.

mod blocking;
mod reading;
mod sweeping;
mod writing;

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::folder::FolderBlobs;
use super::{BlobError, BlobKey, BlobRead, Blobs};

/// An empty store, and what has to live as long as it does.
struct Made {
    blobs: Arc<dyn Blobs>,
    _keep: Box<dyn Any>,
}

type Make = fn() -> Made;

fn backends() -> Vec<(&'static str, Make)> {
    vec![("folder", folder)]
}

fn folder() -> Made {
    let root = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(&root.path().join("blobs")).unwrap();
    Made { blobs: Arc::new(blobs), _keep: Box::new(root) }
}

/// Runs a case on an empty store of each backend. The last name printed is the one it
/// failed on.
async fn on_each(case: impl AsyncFn(Arc<dyn Blobs>)) {
    for (name, make) in backends() {
        println!("backend: {name}");
        let made = make();
        case(Arc::clone(&made.blobs)).await;
    }
}

/// Later than anything was stored.
fn far() -> SystemTime {
    SystemTime::now() + Duration::from_secs(86_400)
}

/// Bytes that differ from place to place.
fn content(length: usize) -> Bytes {
    let mut state = length as u32 | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The bytes as a stream of pieces, as a network delivers them.
fn pieces(bytes: &Bytes, piece: usize) -> BoxStream<'static, io::Result<Bytes>> {
    let starts = (0..bytes.len()).step_by(piece);
    let pieces: Vec<_> =
        starts.map(|at| Ok(bytes.slice(at..bytes.len().min(at + piece)))).collect();
    stream::iter(pieces).boxed()
}

async fn collect(read: BlobRead) -> Result<Bytes, BlobError> {
    let pieces: Vec<Bytes> = read.stream.try_collect().await?;
    Ok(pieces.concat().into())
}

async fn read_all(blobs: &dyn Blobs, key: &BlobKey) -> Result<Bytes, BlobError> {
    let read = blobs.read(key, None).await?;
    let total_bytes = read.total_bytes;
    let bytes = collect(read).await?;
    assert_eq!(bytes.len() as u64, total_bytes);
    Ok(bytes)
}

/// There is no blob, and nothing on its way to become one.
async fn assert_empty(blobs: &dyn Blobs) {
    assert_eq!(blobs.list(None, 10).await, Ok(Vec::new()));
    assert_eq!(blobs.clear_staging().await, Ok(0), "something was left in staging");
}
