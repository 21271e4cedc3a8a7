//! Who comes next.

use model::{ErrorKind, Failure};

use super::*;

fn of(tenant: &str, second: i64) -> NewTask {
    let mut new = queued();
    new.task.tenant = tenant.to_owned();
    new.task.queued_at = Some(at(second));
    new
}

async fn tenants(store: &dyn Store, after: Option<&str>, without: &[&str]) -> Option<String> {
    let without: Vec<String> = without.iter().map(|text| (*text).to_owned()).collect();
    let task = store.claim(Class::Default, after, &without, "w", at(99), at(50)).await.unwrap()?;
    store.hand_back(task.id, task.life.fence, at(50)).await.unwrap();
    Some(task.tenant)
}

#[tokio::test]
async fn tenants_take_turns() {
    on_each(async |store| {
        for (tenant, second) in [("b", 10), ("d", 5), ("a", 20)] {
            create(&*store, of(tenant, second)).await;
        }
        for (after, without, expected) in [
            (None, vec![], Some("a")),
            (Some("a"), vec![], Some("b")),
            (Some("b"), vec![], Some("d")),
            (Some("c"), vec![], Some("d")),
            (Some("d"), vec![], Some("a")),
            (Some("z"), vec![], Some("a")),
            (Some("a"), vec!["b"], Some("d")),
            (Some("a"), vec!["b", "d"], Some("a")),
            (Some("a"), vec!["a", "b", "d"], None),
            (None, vec!["a", "b", "d"], None),
        ] {
            let tenant = tenants(&*store, after, &without).await;
            assert_eq!(tenant.as_deref(), expected, "{after:?} {without:?}");
        }
        let none = store.claim(Class::LongRunning, None, &[], "w", at(99), at(50)).await.unwrap();
        assert_eq!(none, None, "classes are queues of their own");
    })
    .await;
}

#[tokio::test]
async fn a_tenants_tasks_are_taken_in_their_order() {
    on_each(async |store| {
        let mut ids = Vec::new();
        for second in [12, 10, 11, 10] {
            ids.push(create(&*store, of("acme", second)).await);
        }
        // Handed back, a task has its place again.
        let task = claim(&*store, 20).await.unwrap();
        assert_eq!(task.id, ids[1]);
        let back = store.hand_back(task.id, 1, at(21)).await.unwrap();
        assert_eq!((back.life.attempt, back.queued_at), (0, Some(at(10))));
        // One that failed waits, and then has the place of that time.
        let task = claim(&*store, 20).await.unwrap();
        assert_eq!((task.id, task.life.fence), (ids[1], 2));
        let failure = Some(Failure::new(ErrorKind::Internal, "why"));
        let failed = Finished { failure, now: at(20), ..finished(2) };
        let waits = store.finish(ids[1], failed).await.unwrap();
        assert_eq!(waits.life.not_before.map(Time::from), Some(at(21)));
        assert_eq!(store.next_start().await.unwrap(), Some(at(21)));
        let late = create(&*store, of("acme", 25)).await;
        let mut order = vec![claim(&*store, 20).await.unwrap().id];
        while let Some(task) = claim(&*store, 30).await {
            order.push(task.id);
        }
        assert_eq!(order, [ids[3], ids[2], ids[0], ids[1], late]);
    })
    .await;
}

#[tokio::test]
async fn only_a_task_that_waits_is_no_task() {
    on_each(async |store| {
        create(&*store, of("a", 10)).await;
        let task = claim(&*store, 20).await.unwrap();
        let failure = Some(Failure::new(ErrorKind::Internal, "why"));
        store.finish(task.id, Finished { failure, now: at(20), ..finished(1) }).await.unwrap();
        create(&*store, of("b", 10)).await;
        let next = store.claim(Class::Default, None, &[], "w", at(99), at(20)).await.unwrap();
        assert_eq!(next.unwrap().tenant, "b", "a has none whose time has come");
        let next = store.claim(Class::Default, Some("b"), &[], "w", at(99), at(20)).await.unwrap();
        assert_eq!(next, None);
        let next = store.claim(Class::Default, Some("b"), &[], "w", at(99), at(21)).await.unwrap();
        assert_eq!(next.unwrap().id, task.id);
    })
    .await;
}

#[tokio::test]
async fn depths_tell_what_waits() {
    on_each(async |store| {
        create(&*store, of("a", 12)).await;
        create(&*store, of("b", 11)).await;
        let mut long = of("a", 13);
        long.task.class = Class::LongRunning;
        create(&*store, long).await;
        create(&*store, completed()).await;
        let depth =
            |class, tasks, oldest: Option<i64>| QueueDepth { class, tasks, oldest: oldest.map(at) };
        let expected = [
            depth(Class::HighPriority, 0, None),
            depth(Class::Default, 2, Some(11)),
            depth(Class::LongRunning, 1, Some(13)),
        ];
        assert_eq!(store.queue_depths().await.unwrap(), expected);
        let task = claim(&*store, 20).await.unwrap();
        let failure = Some(Failure::new(ErrorKind::Internal, "why"));
        store.finish(task.id, Finished { failure, ..finished(1) }).await.unwrap();
        let depths = store.queue_depths().await.unwrap();
        assert_eq!(depths[1], depth(Class::Default, 2, Some(11)), "those that wait count too");
    })
    .await;
}
