//! Removing what was stored before a time, while others store and renew it.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;

use super::{content, far, on_each, read_all};
use crate::blobs::{BlobError, BlobKey, Blobs};

async fn stored_at(blobs: &dyn Blobs, key: &BlobKey) -> Option<SystemTime> {
    let listed = blobs.list(None, 1_000).await.unwrap();
    listed.into_iter().find(|one| one.key == *key).map(|one| one.modified)
}

/// A time at which this blob was stored already, and what is stored from now on was not.
async fn after_this(blobs: &dyn Blobs, key: &BlobKey) -> SystemTime {
    let stored = stored_at(blobs, key).await.unwrap();
    // A store's clock goes in steps.
    loop {
        let probe = blobs.put(Bytes::from_static(b"what time is it?")).await.unwrap().key;
        let now = stored_at(blobs, &probe).await.unwrap();
        if now > stored {
            return now;
        }
        thread::yield_now();
    }
}

#[tokio::test]
async fn what_was_stored_since_is_not_removed() {
    on_each(async |blobs| {
        let key = blobs.put(content(100)).await.unwrap().key;
        assert_eq!(blobs.remove(&key, SystemTime::UNIX_EPOCH).await, Ok(false));
        let stored = stored_at(&*blobs, &key).await.unwrap();
        assert_eq!(blobs.remove(&key, stored).await, Ok(false), "at that time is not before it");
        let later = after_this(&*blobs, &key).await;
        // Again, in each way that there is to store.
        blobs.put(content(100)).await.unwrap();
        assert_eq!(blobs.remove(&key, later).await, Ok(false));
        let later = after_this(&*blobs, &key).await;
        let one = Arc::clone(&blobs);
        let blocking = thread::spawn(move || one.put_blocking(&content(100)).map(drop));
        tokio::task::spawn_blocking(|| blocking.join()).await.unwrap().unwrap().unwrap();
        assert_eq!(blobs.remove(&key, later).await, Ok(false));
        let later = after_this(&*blobs, &key).await;
        assert_eq!(blobs.renew(&[key]).await, Ok(true));
        assert_eq!(blobs.remove(&key, later).await, Ok(false));
        assert_eq!(read_all(&*blobs, &key).await, Ok(content(100)));
        let later = after_this(&*blobs, &key).await;
        assert_eq!(blobs.remove(&key, later).await, Ok(true));
        assert_eq!(read_all(&*blobs, &key).await, Err(BlobError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn what_is_gone_is_not_renewed() {
    on_each(async |blobs| {
        let [one, two, gone] = [1, 2, 3].map(content);
        let one = blobs.put(one).await.unwrap().key;
        let two = blobs.put(two).await.unwrap().key;
        let gone = blobs.put(gone).await.unwrap().key;
        assert_eq!(blobs.renew(&[]).await, Ok(true));
        let before = after_this(&*blobs, &gone).await;
        assert_eq!(blobs.renew(&[one, two, one]).await, Ok(true));
        for key in [one, two] {
            assert!(stored_at(&*blobs, &key).await >= Some(before));
        }
        assert_eq!(blobs.remove(&gone, far()).await, Ok(true));
        assert_eq!(blobs.renew(&[one, gone, two]).await, Ok(false));
        assert_eq!(blobs.renew(&[gone]).await, Ok(false));
        assert_eq!(blobs.size(&gone).await, Err(BlobError::NotFound));
    })
    .await;
}

/// Some remove what is old while others store it again, or renew it: whoever was told that it
/// is there finds it there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_takes_nothing_that_is_stored_again_meanwhile() {
    const ROUNDS: usize = 60;
    on_each(async |blobs| {
        let (mut removed_first, mut kept) = (0, 0);
        for round in 0..ROUNDS {
            let bytes = content(50);
            let key = blobs.put(bytes.clone()).await.unwrap().key;
            let before = after_this(&*blobs, &key).await;
            let removers: Vec<_> = (0..2)
                .map(|_| {
                    let blobs = Arc::clone(&blobs);
                    tokio::spawn(async move { blobs.remove(&key, before).await })
                })
                .collect();
            let keepers: Vec<_> = (0..2)
                .map(|_| {
                    let (blobs, bytes) = (Arc::clone(&blobs), bytes.clone());
                    tokio::spawn(async move {
                        // Every other round none stores it: then it may be gone.
                        if round % 2 == 0 {
                            blobs.put(bytes).await.map(|_| true)
                        } else {
                            blobs.renew(&[key]).await
                        }
                    })
                })
                .collect();
            let mut removed = false;
            for remover in removers {
                removed |= remover.await.unwrap().unwrap();
            }
            let mut is_there = false;
            for keeper in keepers {
                is_there |= keeper.await.unwrap().unwrap();
            }
            assert_eq!(blobs.size(&key).await.is_ok(), is_there, "round {round}");
            assert!(removed || is_there);
            removed_first += usize::from(removed);
            kept += usize::from(!removed);
        }
        println!("{removed_first} times the sweep came first, {kept} times it did not");
    })
    .await;
}

/// The same while the sweep goes on and on: what was stored is there until it is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_stored_stays_while_a_sweep_goes_on() {
    on_each(async |blobs| {
        let bytes = content(70);
        let key = blobs.put(bytes.clone()).await.unwrap().key;
        let before = after_this(&*blobs, &key).await;
        let sweeping = {
            let blobs = Arc::clone(&blobs);
            tokio::spawn(async move {
                for _ in 0..300 {
                    blobs.remove(&key, before).await.unwrap();
                }
            })
        };
        for _ in 0..100 {
            blobs.put(bytes.clone()).await.unwrap();
            assert_eq!(blobs.renew(&[key]).await, Ok(true));
            assert_eq!(read_all(&*blobs, &key).await, Ok(bytes.clone()));
        }
        sweeping.await.unwrap();
    })
    .await;
}
