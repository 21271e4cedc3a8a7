//! Idempotency keys.

use super::*;

#[tokio::test]
async fn a_key_is_begun_once_and_answered_once() {
    on_each(async |store| {
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (server, next) = (Uuid::from_u128(10), Uuid::from_u128(11));
        let (resource, other) = (new_id(), new_id());
        let begin = async |account, print: u8, resource| {
            store.begin_key(account, "k", [print; 32], resource, server, at(1)).await.unwrap()
        };
        assert_eq!(begin(ann, 1, resource).await, KeyState::Begun { resource });
        assert_eq!(begin(ann, 1, other).await, KeyState::UnderWay { resource, holder: server });
        assert_eq!(begin(ann, 2, other).await, KeyState::Different);
        assert_eq!(begin(bob, 2, other).await, KeyState::Begun { resource: other });

        assert!(!store.take_over_key(ann, "k", next, next).await.unwrap());
        assert!(store.take_over_key(ann, "k", server, next).await.unwrap());
        assert!(!store.take_over_key(ann, "k", server, next).await.unwrap(), "another did so");
        assert_eq!(begin(ann, 1, other).await, KeyState::UnderWay { resource, holder: next });

        let answer = Answer {
            status: 201,
            headers: vec![("location".to_owned(), "/x".to_owned())],
            body: "{\"a\":1.00}".to_owned(),
        };
        store.answer_key(ann, "k", answer.clone()).await.unwrap();
        store.answer_key(ann, "k", Answer { status: 500, ..answer.clone() }).await.unwrap();
        assert_eq!(begin(ann, 1, other).await, KeyState::Answered(answer.clone()));
        assert_eq!(begin(ann, 2, other).await, KeyState::Different);
        assert!(!store.take_over_key(ann, "k", next, server).await.unwrap());
        // What was answered is not released.
        store.release_key(ann, "k").await.unwrap();
        assert_eq!(begin(ann, 1, other).await, KeyState::Answered(answer.clone()));

        store.release_key(bob, "k").await.unwrap();
        store.release_key(bob, "k").await.unwrap();
        assert_eq!(store.answer_key(bob, "k", answer).await, Err(StoreError::NotFound));
        assert_eq!(begin(bob, 3, resource).await, KeyState::Begun { resource });
    })
    .await;
}
