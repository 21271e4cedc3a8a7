//! Many who want the same at once.

use std::collections::BTreeSet;

use super::functions::publication;
use super::*;

/// Runs all of them at once, on several threads.
async fn together<T: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let started: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for task in started {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_task_is_claimed_once() {
    on_each(async |store| {
        let tasks: Vec<_> = (0..10).map(|_| queued()).collect();
        store.create_tasks(tasks.clone(), 10).await.unwrap();
        let claims = together((0..32).map(|worker: u32| {
            let store = store.clone();
            async move {
                let worker = worker.to_string();
                let claimed = store
                    .claim(Class::Default, None, &PassedOver::default(), &worker, at(99), at(11))
                    .await;
                claimed.unwrap().map(|task| task.id)
            }
        }))
        .await;
        let claimed: Vec<_> = claims.into_iter().flatten().collect();
        assert_eq!(claimed.len(), 10);
        let wanted: BTreeSet<_> = tasks.iter().map(|new| new.task.id).collect();
        assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), wanted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_ends_once_whoever_wants_it_to() {
    on_each(async |store| {
        for _ in 0..20 {
            let id = create(&*store, queued()).await;
            claim(&*store, 11).await.unwrap();
            together((0..24).map(|turn| {
                let store = store.clone();
                async move {
                    // Whoever comes too late is refused.
                    let _ = match turn % 4 {
                        0 => store.finish(id, finished(1)).await.map(drop),
                        1 => store.cancel("acme", id, at(12)).await.map(drop),
                        2 => store.hand_back(id, 1, at(12)).await.map(drop),
                        _ => store.expire(at(12), true, 0.5).await.map(drop),
                    };
                }
            }))
            .await;
            // Whatever was left of it is cancelled.
            let _ = store.cancel("acme", id, at(12)).await;
            let _ = store.expire(at(9999), true, 0.5).await;
            let told = told(&*store, id).await;
            let finals = told.iter().filter(|text| {
                ["completed", "failed", "cancelled"].iter().any(|state| text.starts_with(state))
            });
            assert_eq!(finals.count(), 1, "{told:?}");
            let task = store.task("acme", None, id).await.unwrap();
            assert!(task.life.state.is_final());
            assert_eq!(
                store.ended(id).await.unwrap().result.is_some(),
                task.life.state == TaskState::Completed
            );
        }
        let depths = store.queue_depths().await.unwrap();
        assert!(depths.iter().all(|depth| depth.tasks == 0));
        // And none is counted as queued.
        store.create_tasks(vec![queued()], 1).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_packages_one_has_the_function() {
    on_each(async |store| {
        let outcomes = together(["bolts", "nuts", "screws", "washers"].map(|package| {
            let store = store.clone();
            let publication = publication(package, "1.0.0-aaaaaaaaaaaa", &[package, "shared"]);
            async move { (package, store.publish(publication).await) }
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        assert_eq!(won.len(), 1);
        let filter = FunctionFilter::default();
        let listed = store.functions("acme", None, &filter, first(10)).await.unwrap().items;
        let packages: BTreeSet<_> =
            listed.iter().map(|function| function.release.package.as_str()).collect();
        assert_eq!(packages, BTreeSet::from([won[0].0]), "those that lost left nothing");
        for (_, outcome) in lost {
            is_conflict(outcome, won[0].0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_and_an_id_are_taken_once() {
    on_each(async |store| {
        let begun = together((0..32).map(|_| {
            let store = store.clone();
            async move {
                let account = Uuid::from_u128(1);
                store.begin_key(account, "k", [1; 32], new_id(), new_id(), at(1)).await.unwrap()
            }
        }))
        .await;
        let begun = begun.iter().filter(|state| matches!(state, KeyState::Begun { .. }));
        assert_eq!(begun.count(), 1);
        let new = completed();
        let made = together((0..32).map(|_| {
            let (store, new) = (store.clone(), new.clone());
            async move { store.create_tasks(vec![new], 1).await }
        }))
        .await;
        assert!(made.iter().all(|outcome| outcome.is_ok()));
        assert_eq!(told(&*store, new.task.id).await.len(), 3);
        let name = new.task.function.unwrap();
        let stats = store.function_stats("acme", &name).await.unwrap();
        assert_eq!(stats, [(TaskState::Completed, 1)], "counted once");
    })
    .await;
}
