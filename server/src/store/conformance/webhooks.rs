//! Deliveries and their secrets.

use super::*;

fn delivery(url: &str) -> NewDelivery {
    NewDelivery { id: new_id(), url: url.to_owned(), sealed_secret: Some(vec![1, 2]) }
}

fn attempt(second: i64, status: u16) -> DeliveryAttempt {
    DeliveryAttempt { at: at(second), status: Some(status), error: None, duration_ms: 1.5 }
}

#[tokio::test]
async fn a_delivery_waits_for_its_task_and_is_tried_until_it_arrives() {
    on_each(async |store| {
        let new = NewTask { delivery: Some(delivery("https://a")), ..queued() };
        let (task, id) = (new.task.id, new.delivery.as_ref().unwrap().id);
        create(&*store, new).await;
        let due = async |now, until| {
            let due = store.due_deliveries(at(now), at(until), 10).await.unwrap();
            due.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
        };
        assert!(due(1000, 1001).await.is_empty());
        is_conflict(store.redeliver("acme", id, at(1)).await, "not ended");
        claim(&*store, 11).await.unwrap();
        store.finish(task, finished(1)).await.unwrap();
        let there = store.delivery("acme", id).await.unwrap();
        let expected = Delivery {
            id,
            tenant: "acme".to_owned(),
            task,
            url: "https://a".to_owned(),
            sealed_secret: Some(vec![1, 2]),
            state: DeliveryState::Pending,
            created_at: at(10),
            next_attempt_at: Some(at(20)),
            attempts: vec![],
        };
        assert_eq!(there, expected);
        assert_eq!(store.delivery("other", id).await, Err(StoreError::NotFound));
        assert!(due(19, 50).await.is_empty());
        assert_eq!(due(20, 50).await, [id]);
        assert!(due(49, 90).await.is_empty(), "another has it");
        assert_eq!(due(50, 90).await, [id], "but not for ever");

        let pending = DeliveryState::Pending;
        store.record_attempt(id, attempt(51, 500), pending, Some(at(60))).await.unwrap();
        assert!(due(59, 99).await.is_empty());
        assert_eq!(due(60, 99).await, [id]);
        is_conflict(store.redeliver("acme", id, at(1)).await, "already");
        store.record_attempt(id, attempt(61, 200), DeliveryState::Delivered, None).await.unwrap();
        assert!(due(1000, 1001).await.is_empty());
        let there = store.delivery("acme", id).await.unwrap();
        assert_eq!((there.state, there.next_attempt_at), (DeliveryState::Delivered, None));
        assert_eq!(there.attempts, [attempt(51, 500), attempt(61, 200)]);

        assert_eq!(store.redeliver("other", id, at(1)).await, Err(StoreError::NotFound));
        store.redeliver("acme", id, at(100)).await.unwrap();
        assert_eq!(due(100, 101).await, [id]);
        let none = store.record_attempt(new_id(), attempt(1, 1), pending, None).await;
        assert_eq!(none, Err(StoreError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_listed_and_due_in_order() {
    on_each(async |store| {
        let mut ids = Vec::new();
        for second in [30, 10, 20] {
            let mut new = NewTask { delivery: Some(delivery("https://a")), ..completed() };
            new.task.created_at = at(second - 5);
            new.task.finished_at = Some(at(second));
            ids.push((new.task.id, new.delivery.as_ref().unwrap().id));
            create(&*store, new).await;
        }
        let due = store.due_deliveries(at(50), at(60), 2).await.unwrap();
        let due: Vec<_> = due.iter().map(|delivery| delivery.id).collect();
        assert_eq!(due, [ids[1].1, ids[2].1], "oldest first");
        let listed = pages(2, async |page| store.deliveries("acme", None, page).await).await;
        let listed: Vec<_> = listed.iter().map(|delivery| delivery.id).collect();
        assert_eq!(listed, [ids[0].1, ids[2].1, ids[1].1], "newest first");
        let of_task = store.deliveries("acme", Some(ids[1].0), first(10)).await.unwrap();
        assert_eq!(of_task.items.iter().map(|d| d.id).collect::<Vec<_>>(), [ids[1].1]);
        for task in [None, Some(ids[1].0)] {
            assert_eq!(store.deliveries("other", task, first(10)).await.unwrap().items, []);
        }
    })
    .await;
}

#[tokio::test]
async fn a_tenants_secret_is_made_once_and_replaced_on_demand() {
    on_each(async |store| {
        assert_eq!(store.webhook_secret("acme", vec![1]).await.unwrap(), [1]);
        assert_eq!(store.webhook_secret("acme", vec![2]).await.unwrap(), [1]);
        assert_eq!(store.webhook_secret("other", vec![3]).await.unwrap(), [3]);
        store.replace_webhook_secret("acme", vec![4]).await.unwrap();
        store.replace_webhook_secret("new", vec![5]).await.unwrap();
        assert_eq!(store.webhook_secret("acme", vec![6]).await.unwrap(), [4]);
        assert_eq!(store.webhook_secret("new", vec![6]).await.unwrap(), [5]);
    })
    .await;
}
