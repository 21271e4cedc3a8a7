//! Reading blobs, and parts of them.

use futures_util::StreamExt;

use super::{collect, content, far, on_each, read_all};
use crate::blobs::{BlobError, BlobKey, Stored};

#[tokio::test]
async fn a_range_is_what_there_is_of_it() {
    on_each(async |blobs| {
        for length in [0_u64, 1, 1000, 1_000_000] {
            let bytes = content(length as usize);
            let Stored { key, .. } = blobs.put(bytes.clone()).await.unwrap();
            // From each of these to each of these: inside, at and beyond the end, backwards.
            let places = [0, 1, 500, 262_144, 600_001, length, length + 1, u64::MAX];
            for (start, end) in places.into_iter().flat_map(|a| places.map(|b| (a, b))) {
                let within = |place: u64| place.min(length) as usize;
                let expected = bytes.slice(within(start).min(within(end))..within(end));
                let read = blobs.read(&key, Some(start..end)).await.unwrap();
                assert_eq!(read.total_bytes, length);
                let got = collect(read).await.unwrap();
                assert!(got == expected, "{start}..{end} of {length}: {} bytes", got.len());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_absent_is_not_found() {
    on_each(async |blobs| {
        // One with nothing near it, and one that shares its first digits with a blob.
        let near = blobs.put(content(9)).await.unwrap().key.to_string();
        let near = format!("{}{}", &near[..2], "0".repeat(62)).parse().unwrap();
        for key in [BlobKey::of(b"absent"), near] {
            assert_eq!(read_all(&*blobs, &key).await, Err(BlobError::NotFound));
            assert_eq!(blobs.read(&key, Some(0..1)).await.err(), Some(BlobError::NotFound));
            assert_eq!(blobs.size(&key).await, Err(BlobError::NotFound));
            assert_eq!(blobs.open_blocking(&key).err(), Some(BlobError::NotFound));
            assert_eq!(blobs.remove(&key, far()).await, Ok(false));
            assert_eq!(blobs.renew(&[key]).await, Ok(false));
        }
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_is_being_read_may_be_removed() {
    on_each(async |blobs| {
        let bytes = content(3_000_000);
        let Stored { key, .. } = blobs.put(bytes.clone()).await.unwrap();
        let mut read = blobs.read(&key, None).await.unwrap();
        let first = read.stream.next().await.unwrap().unwrap();
        assert_eq!(blobs.remove(&key, far()).await, Ok(true));
        let rest = collect(read).await.unwrap();
        assert!([first, rest].concat() == bytes);
    })
    .await;
}

#[tokio::test]
async fn a_reader_may_leave_early() {
    on_each(async |blobs| {
        let bytes = content(3_000_000);
        let Stored { key, .. } = blobs.put(bytes.clone()).await.unwrap();
        let mut read = blobs.read(&key, None).await.unwrap();
        read.stream.next().await.unwrap().unwrap();
        drop(read);
        assert!(read_all(&*blobs, &key).await == Ok(bytes));
    })
    .await;
}
