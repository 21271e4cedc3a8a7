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
    let tenants = without.iter().map(|text| (*text).to_owned()).collect();
    let without = PassedOver { tenants, calls: Vec::new() };
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
        let none = store
            .claim(Class::LongRunning, None, &PassedOver::default(), "w", at(99), at(50))
            .await
            .unwrap();
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
        let next = store
            .claim(Class::Default, None, &PassedOver::default(), "w", at(99), at(20))
            .await
            .unwrap();
        assert_eq!(next.unwrap().tenant, "b", "a has none whose time has come");
        let next = store
            .claim(Class::Default, Some("b"), &PassedOver::default(), "w", at(99), at(20))
            .await
            .unwrap();
        assert_eq!(next, None);
        let next = store
            .claim(Class::Default, Some("b"), &PassedOver::default(), "w", at(99), at(21))
            .await
            .unwrap();
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

#[tokio::test]
async fn identical_calls_are_taken_one_after_the_other() {
    on_each(async |store| {
        let call = |tenant: &str, second, key: u8| {
            let mut new = of(tenant, second);
            new.task.cache_key = Some([key; 32]);
            new
        };
        let first = create(&*store, call("acme", 10, 1)).await;
        let same = create(&*store, call("acme", 11, 1)).await;
        let other = create(&*store, call("acme", 12, 2)).await;
        let plain = create(&*store, of("acme", 13)).await;
        let id = async |now| claim(&*store, now).await.map(|task| task.id);
        assert_eq!(id(20).await, Some(first));
        assert_eq!(store.task("acme", None, first).await.unwrap().cache_key, Some([1; 32]));
        assert_eq!([id(20).await, id(20).await, id(20).await], [Some(other), Some(plain), None]);
        // Another tenant's is another call.
        let others = create(&*store, call("other", 14, 1)).await;
        assert_eq!(id(20).await, Some(others));

        // Whatever it is that ends it.
        store.hand_back(first, 1, at(21)).await.unwrap();
        assert_eq!([id(22).await, id(22).await], [Some(first), None]);
        let failure = Some(Failure::new(ErrorKind::Internal, "why"));
        let failed = Finished { failure, now: at(23), ..finished(2) };
        let waits = store.finish(first, failed).await.unwrap().life.not_before.unwrap();
        assert_eq!([id(23).await, id(23).await], [Some(same), None]);
        // Nor is one taken whose time has come.
        assert!(Time::from(waits) <= at(30));
        assert_eq!(id(30).await, None);
        store.finish(same, Finished { now: at(31), ..finished(1) }).await.unwrap();
        assert_eq!([id(40).await, id(40).await], [Some(first), None]);
        store.expire(at(100), false, 0.5).await.unwrap();
        let all: Vec<_> = [id(200).await, id(200).await, id(200).await, id(200).await].into();
        assert!(all.contains(&Some(first)) && all.contains(&Some(other)), "{all:?}");
    })
    .await;
}

#[tokio::test]
async fn calls_that_are_under_way_elsewhere_are_passed_over() {
    on_each(async |store| {
        let mut ids = Vec::new();
        for (tenant, key) in [("a", Some(1)), ("a", Some(2)), ("b", Some(1)), ("a", None)] {
            let mut new = of(tenant, 10 + ids.len() as i64);
            new.task.cache_key = key.map(|key: u8| [key; 32]);
            ids.push(create(&*store, new).await);
        }
        let without = PassedOver {
            tenants: Vec::new(),
            calls: vec![("a".to_owned(), [1; 32]), ("b".to_owned(), [9; 32])],
        };
        let mut taken = Vec::new();
        while let Some(task) =
            store.claim(Class::Default, Some("b"), &without, "w", at(99), at(50)).await.unwrap()
        {
            taken.push(task.id);
        }
        assert_eq!(taken, [ids[1], ids[3], ids[2]]);
        assert_eq!(claim(&*store, 50).await.map(|task| task.id), Some(ids[0]));
    })
    .await;
}

#[tokio::test]
async fn a_queue_full_of_one_call_holds_up_no_other() {
    on_each(async |store| {
        let identical = |second| {
            let mut new = of("acme", second);
            new.task.cache_key = Some([7; 32]);
            new
        };
        store.create_tasks((0..2_000).map(identical).collect(), 10_000).await.unwrap();
        assert!(claim(&*store, 9_000).await.is_some());
        let last = create(&*store, of("acme", 5_000)).await;
        assert_eq!(claim(&*store, 9_000).await.map(|task| task.id), Some(last));
        assert_eq!(claim(&*store, 9_000).await, None);
    })
    .await;
}
