//! Files by key.

use super::*;

pub(super) fn file(tenant: &str, name: &str, bytes: u64) -> File {
    File {
        tenant: tenant.to_owned(),
        key: name.to_owned(),
        content: key(&format!("{name} {bytes}")),
        bytes,
        content_type: "text/csv".to_owned(),
        created_at: at(1),
        created_by: Uuid::from_u128(1),
    }
}

#[tokio::test]
async fn files_are_made_replaced_and_removed() {
    on_each(async |store| {
        store.put_file(file("acme", "a", 40), 100).await.unwrap();
        store.put_file(file("other", "a", 90), 100).await.unwrap();
        is_conflict(store.put_file(file("acme", "b", 61), 100).await, "101");
        store.put_file(file("acme", "b", 60), 100).await.unwrap();
        // A file that is replaced makes room for the one that takes its place.
        store.put_file(file("acme", "b", 10), 100).await.unwrap();
        assert_eq!(store.stored_bytes("acme").await.unwrap(), 50);
        assert_eq!(store.file("acme", "b").await.unwrap(), file("acme", "b", 10));
        assert_eq!(store.file("other", "b").await, Err(StoreError::NotFound));
        assert_eq!(store.delete_file("other", "b").await, Err(StoreError::NotFound));
        store.delete_file("acme", "b").await.unwrap();
        assert_eq!(store.delete_file("acme", "b").await, Err(StoreError::NotFound));
        assert_eq!(store.file("acme", "b").await, Err(StoreError::NotFound));
        assert_eq!(store.stored_bytes("acme").await.unwrap(), 40);
        assert_eq!(store.stored_bytes("none").await.unwrap(), 0);
        is_conflict(store.put_file(file("acme", "c", u64::MAX), u64::MAX).await, "too large");
        assert_eq!(store.stored_bytes("acme").await.unwrap(), 40);
    })
    .await;
}

#[tokio::test]
async fn files_are_listed_by_key_under_a_prefix() {
    on_each(async |store| {
        let keys = ["a", "a%/1", "a/1", "a/2", "a/\u{e9}t\u{e9}", "a0", "b", "a/10"];
        for key in keys {
            store.put_file(file("acme", key, 1), 100).await.unwrap();
        }
        store.put_file(file("other", "a/3", 1), 100).await.unwrap();
        for (prefix, expected) in [
            ("", "a a%/1 a/1 a/10 a/2 a/\u{e9}t\u{e9} a0 b"),
            ("a/", "a/1 a/10 a/2 a/\u{e9}t\u{e9}"),
            ("a/\u{e9}", "a/\u{e9}t\u{e9}"),
            ("a%", "a%/1"),
            ("c", ""),
        ] {
            for limit in [1, 2, 100] {
                let read = async |page| store.files("acme", prefix, page).await;
                let listed: Vec<_> =
                    pages(limit, read).await.into_iter().map(|file| file.key).collect();
                assert_eq!(listed.join(" "), expected, "{prefix} by {limit}");
            }
        }
    })
    .await;
}
