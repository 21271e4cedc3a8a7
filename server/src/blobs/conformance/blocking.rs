//! The blocking forms, from threads that know of no runtime.

use std::io::{Read, Write};
use std::sync::Arc;

use super::{assert_empty, content, on_each, read_all};
use crate::blobs::{BlobError, BlobKey, Blobs, Stored};

/// Runs on a thread of its own, without holding up the runtime that a backend may have.
async fn on_thread(blobs: &Arc<dyn Blobs>, work: impl FnOnce(&dyn Blobs) + Send + 'static) {
    let blobs = Arc::clone(blobs);
    let thread = std::thread::spawn(move || {
        assert!(tokio::runtime::Handle::try_current().is_err());
        work(&*blobs);
    });
    let joined = tokio::task::spawn_blocking(move || thread.join()).await.unwrap();
    if let Err(panic) = joined {
        std::panic::resume_unwind(panic);
    }
}

fn read_blocking(blobs: &dyn Blobs, key: &BlobKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    blobs.open_blocking(key).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn what_is_put_is_read_in_either_form() {
    on_each(async |blobs| {
        on_thread(&blobs, |blobs| {
            for length in [0, 1, 300_000, 8 << 20] {
                let bytes = content(length);
                let stored = blobs.put_blocking(&bytes).unwrap();
                assert_eq!(stored, Stored { key: BlobKey::of(&bytes), bytes: length as u64 });
                assert!(read_blocking(blobs, &stored.key) == bytes);
            }
        })
        .await;
        let bytes = content(300_000);
        assert!(read_all(&*blobs, &BlobKey::of(&bytes)).await == Ok(bytes));

        let key = blobs.put(content(5)).await.unwrap().key;
        on_thread(&blobs, move |blobs| assert_eq!(read_blocking(blobs, &key), content(5))).await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_takes_pieces_and_keeps_to_its_limit() {
    on_each(async |blobs| {
        on_thread(&blobs, |blobs| {
            let bytes = content(500_000);
            let mut writer = blobs.stage_blocking(500_000).unwrap();
            for piece in bytes.chunks(777) {
                writer.write_all(piece).unwrap();
                writer.flush().unwrap();
            }
            let stored = writer.finish().unwrap();
            assert_eq!(stored, Stored { key: BlobKey::of(&bytes), bytes: 500_000 });
            assert!(read_blocking(blobs, &stored.key) == bytes);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_failed_stays_so_and_leaves_nothing() {
    on_each(async |blobs| {
        on_thread(&blobs, |blobs| {
            let mut writer = blobs.stage_blocking(10).unwrap();
            writer.write_all(b"0123456789").unwrap();
            for more in [b"a".as_slice(), b"b"] {
                let refused = writer.write_all(more).unwrap_err();
                assert_eq!(BlobError::from(refused), BlobError::TooLarge { limit: 10 });
            }
            assert!(writer.flush().is_err());
            assert_eq!(writer.finish(), Err(BlobError::TooLarge { limit: 10 }));
        })
        .await;
        assert_empty(&*blobs).await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_nothing() {
    on_each(async |blobs| {
        on_thread(&blobs, |blobs| {
            let mut writer = blobs.stage_blocking(u64::MAX).unwrap();
            writer.write_all(&content(300_000)).unwrap();
        })
        .await;
        assert_empty(&*blobs).await;
    })
    .await;
}

#[tokio::test]
async fn a_reader_gets_as_much_as_it_asks_for() {
    on_each(async |blobs| {
        on_thread(&blobs, |blobs| {
            let bytes = content(600_000);
            let key = blobs.put_blocking(&bytes).unwrap().key;
            let mut reader = blobs.open_blocking(&key).unwrap();
            let mut got = Vec::new();
            let mut buffer = [0; 1000];
            assert_eq!(reader.read(&mut []).unwrap(), 0);
            loop {
                let length = reader.read(&mut buffer).unwrap();
                got.extend_from_slice(&buffer[..length]);
                if length == 0 {
                    break;
                }
            }
            assert!(got == bytes);
        })
        .await;
    })
    .await;
}
