//! Staging, committing, listing and removing.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use super::{assert_empty, content, far, on_each, pieces, read_all};
use crate::blobs::{BlobError, BlobKey, Stored};

#[tokio::test]
async fn a_blob_is_seen_once_it_is_committed() {
    on_each(async |blobs| {
        let bytes = content(1000);
        let staged = blobs.stage(pieces(&bytes, 7), 1000).await.unwrap();
        let key = *staged.key();
        assert_eq!((key, staged.bytes()), (BlobKey::of(&bytes), 1000));
        assert_eq!(blobs.size(&key).await, Err(BlobError::NotFound));
        assert_eq!(read_all(&*blobs, &key).await, Err(BlobError::NotFound));
        assert_eq!(blobs.list(None, 10).await, Ok(Vec::new()));

        assert_eq!(staged.commit().await, Ok(Stored { key, bytes: 1000 }));
        assert_eq!(read_all(&*blobs, &key).await, Ok(bytes));
        assert_eq!(blobs.size(&key).await, Ok(1000));
        assert_eq!(blobs.clear_staging().await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn blobs_of_all_sizes_are_kept() {
    const CHUNK: usize = 256 * 1024;
    on_each(async |blobs| {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 8 << 20] {
            let bytes = content(length);
            let stored = blobs.put(bytes.clone()).await.unwrap();
            assert_eq!(stored, Stored { key: BlobKey::of(&bytes), bytes: length as u64 });
            assert!(read_all(&*blobs, &stored.key).await == Ok(bytes), "{length}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_may_come_in_pieces_of_any_size() {
    on_each(async |blobs| {
        let bytes = content(600_000);
        for piece in [100, 4096, 100_000, 300_000, 600_000] {
            let staged = blobs.stage(pieces(&bytes, piece), u64::MAX).await.unwrap();
            assert_eq!((*staged.key(), staged.bytes()), (BlobKey::of(&bytes), 600_000));
        }
        let empty = [b"".as_slice(), b"a", b"", b"b"].map(|part| Ok(Bytes::from_static(part)));
        let staged = blobs.stage(stream::iter(empty).boxed(), 2).await.unwrap();
        assert_eq!(*staged.key(), BlobKey::of(b"ab"));
    })
    .await;
}

#[tokio::test]
async fn too_large_leaves_nothing() {
    on_each(async |blobs| {
        for (length, piece, limit) in
            [(1, 1, 0), (101, 10, 100), (101, 101, 100), (1 << 20, 1000, 300_000)]
        {
            let staged = blobs.stage(pieces(&content(length), piece), limit).await;
            assert_eq!(staged.err(), Some(BlobError::TooLarge { limit }));
            assert_empty(&*blobs).await;
        }
        // It is refused as soon as it is known: a stream that goes on for ever is left.
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"more"))).boxed();
        let staged = blobs.stage(endless, 1 << 20).await;
        assert_eq!(staged.err(), Some(BlobError::TooLarge { limit: 1 << 20 }));
        let more = stream::iter([Ok(Bytes::from_static(b"more"))]);
        let slow = more.chain(stream::once(async { panic!("it is asked for more") }));
        let staged = blobs.stage(slow.boxed(), 3).await;
        assert_eq!(staged.err(), Some(BlobError::TooLarge { limit: 3 }));
        assert_empty(&*blobs).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_staged_and_dropped_leaves_nothing() {
    on_each(async |blobs| {
        for length in [0, 10, 1 << 20] {
            drop(blobs.stage(pieces(&content(length), 1000), u64::MAX).await.unwrap());
            assert_empty(&*blobs).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_nothing() {
    on_each(async |blobs| {
        for before in [0, 10, 1 << 20] {
            // Of a kind that must not be taken for a full disk of the store.
            let broken = stream::iter([Err(io::ErrorKind::StorageFull.into())]);
            let staged =
                blobs.stage(pieces(&content(before), 1000).chain(broken).boxed(), u64::MAX).await;
            assert!(matches!(staged.err(), Some(BlobError::Unavailable(_))));
            assert_empty(&*blobs).await;
        }
    })
    .await;
}

#[tokio::test]
async fn staging_that_is_given_up_leaves_nothing() {
    on_each(async |blobs| {
        let waiting = Notify::new();
        let stuck = stream::once(async {
            waiting.notify_one();
            std::future::pending().await
        });
        let stream = pieces(&content(1 << 20), 1000).chain(stuck).boxed();
        tokio::select! {
            _ = blobs.stage(stream, u64::MAX) => panic!("it cannot have ended"),
            () = waiting.notified() => {}
        }
        assert_empty(&*blobs).await;
    })
    .await;
}

#[tokio::test]
async fn the_same_content_is_one_blob() {
    on_each(async |blobs| {
        let bytes = content(5000);
        let first = blobs.put(bytes.clone()).await.unwrap();
        let before = blobs.list(None, 10).await.unwrap();
        assert_eq!(blobs.put(bytes.clone()).await, Ok(first));
        let after = blobs.list(None, 10).await.unwrap();
        assert_eq!(after.len(), 1);
        assert!(after[0].modified >= before[0].modified);
        assert_eq!(read_all(&*blobs, &first.key).await, Ok(bytes));
        assert_eq!(blobs.clear_staging().await, Ok(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_content_at_the_same_time_is_one_blob() {
    on_each(async |blobs| {
        for round in 0..10 {
            let bytes = content(300_000 + round);
            let puts = (0..8).map(|_| {
                let (blobs, bytes) = (Arc::clone(&blobs), bytes.clone());
                tokio::spawn(async move { blobs.put(bytes).await })
            });
            let expected = Stored { key: BlobKey::of(&bytes), bytes: bytes.len() as u64 };
            for put in join_all(puts).await {
                assert_eq!(put.unwrap(), Ok(expected));
            }
            assert!(read_all(&*blobs, &expected.key).await == Ok(bytes));
            assert_eq!(blobs.list(None, 100).await.unwrap().len(), round + 1);
        }
        assert_eq!(blobs.clear_staging().await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn listings_go_through_all_keys_in_order() {
    on_each(async |blobs| {
        assert_eq!(blobs.list(None, 10).await, Ok(Vec::new()));
        let mut stored = Vec::new();
        for length in 0..40 {
            stored.push(blobs.put(content(length)).await.unwrap());
        }
        stored.sort_by_key(|stored| stored.key);
        for limit in [1, 7, 40, 100] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = blobs.list(after.as_ref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.key);
                listed.extend(page.iter().map(|at| Stored { key: at.key, bytes: at.bytes }));
            }
            assert_eq!(listed, stored, "pages of {limit}");
        }
        assert_eq!(blobs.list(None, 0).await, Ok(Vec::new()));

        // A page goes on after a key that is not, or no longer, there.
        let (middle, rest) = (stored[20].key, &stored[21..]);
        assert_eq!(blobs.remove(&middle, far()).await, Ok(true));
        let page = blobs.list(Some(&middle), 100).await.unwrap();
        assert_eq!(page.iter().map(|at| at.key).collect::<Vec<_>>(), keys(rest));
        let last: BlobKey = "f".repeat(64).parse().unwrap();
        assert_eq!(blobs.list(Some(&last), 100).await, Ok(Vec::new()));
    })
    .await;
}

fn keys(stored: &[Stored]) -> Vec<BlobKey> {
    stored.iter().map(|stored| stored.key).collect()
}

#[tokio::test]
async fn a_removed_blob_is_gone_and_can_come_back() {
    on_each(async |blobs| {
        let kept = blobs.put(content(11)).await.unwrap().key;
        let Stored { key, .. } = blobs.put(content(10)).await.unwrap();
        // Once it is gone, removing it changes nothing.
        for removed in [true, false] {
            assert_eq!(blobs.remove(&key, far()).await, Ok(removed));
            assert_eq!(blobs.size(&key).await, Err(BlobError::NotFound));
            assert_eq!(read_all(&*blobs, &key).await, Err(BlobError::NotFound));
            assert_eq!(blobs.list(None, 10).await.unwrap().len(), 1);
        }
        assert_eq!(read_all(&*blobs, &kept).await, Ok(content(11)));
        assert_eq!(blobs.put(content(10)).await.unwrap().key, key);
        assert_eq!(read_all(&*blobs, &key).await, Ok(content(10)));
    })
    .await;
}

#[tokio::test]
async fn a_check_leaves_nothing() {
    on_each(async |blobs| {
        assert_eq!(blobs.check().await, Ok(()));
        assert_empty(&*blobs).await;
    })
    .await;
}
