//! Tasks from their making to their end.

use model::task::Refused;
use model::{ErrorKind, Failure, Warning};

use super::*;

async fn task(store: &dyn Store, id: Uuid) -> Task {
    store.task("acme", None, id).await.unwrap()
}

fn failed(kind: ErrorKind, fence: u64) -> Finished {
    let failure = Some(Failure { traceback: Some("File".to_owned()), ..Failure::new(kind, "why") });
    let logs = Some(Document::Inline("{}".to_owned()));
    Finished { failure, ended: Ended { logs, ..Ended::default() }, ..finished(fence) }
}

#[tokio::test]
async fn a_task_is_kept_as_it_was_made() {
    on_each(async |store| {
        let mut new = queued();
        new.task.private = true;
        new.task.name = Some("test".to_owned());
        new.task.cache_key = Some([9; 32]);
        new.task.parent = Some(new_id());
        new.task.retry_of = Some(new_id());
        new.task.warnings = vec![Warning {
            code: "unit".to_owned(),
            message: "mm".to_owned(),
            violations: Vec::new(),
        }];
        new.payload.code = Some(Document::Object { key: key("code"), bytes: 1 << 40 });
        new.payload.files = vec![("mesh".to_owned(), key("mesh"))];
        let (expected, payload) = (new.task.clone(), new.payload.clone());
        let id = create(&*store, new.clone()).await;
        assert_eq!(task(&*store, id).await, expected);
        assert_eq!(store.payload(id).await.unwrap(), payload);
        assert_eq!(store.ended(id).await.unwrap(), Ended::default());
        assert_eq!(store.payload(new_id()).await, Err(StoreError::NotFound));
        assert_eq!(store.ended(new_id()).await, Err(StoreError::NotFound));
        // Private: its owner sees it, and administrators.
        assert!(store.task("acme", Some(expected.owner), id).await.is_ok());
        for (tenant, viewer) in
            [("other", None), ("other", Some(expected.owner)), ("acme", Some(new_id()))]
        {
            assert_eq!(store.task(tenant, viewer, id).await, Err(StoreError::NotFound));
        }
        // The same request once more changes nothing.
        let mut again = new.clone();
        again.task.version = "2".to_owned();
        create(&*store, again).await;
        assert_eq!(task(&*store, id).await, expected);
        assert_eq!(told(&*store, id).await, ["queued 0"]);
        new.task.tenant = "other".to_owned();
        is_conflict(store.create_tasks(vec![queued(), new], 10).await, "id");
        assert_eq!(
            store.tasks("acme", None, &TaskFilter::default(), first(9)).await.unwrap().items.len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_task_that_has_ended_is_made_with_all_that_follows() {
    on_each(async |store| {
        let step = NewEvent { kind: EventKind::Progress, at: at(12), data: json!(0.50) };
        let mut new = NewTask { events: vec![step], ..completed() };
        new.task.cache_key = Some([3; 32]);
        let delivery =
            NewDelivery { id: new_id(), url: "https://a".to_owned(), sealed_secret: None };
        new.delivery = Some(delivery.clone());
        let id = create(&*store, new.clone()).await;
        create(&*store, new.clone()).await;
        assert_eq!(task(&*store, id).await, new.task);
        assert_eq!(store.ended(id).await.unwrap(), new.ended.clone().unwrap());
        assert_eq!(told(&*store, id).await, ["running 1", "progress", "completed 1", "result"]);
        let sent = store.delivery("acme", delivery.id).await.unwrap();
        assert_eq!((sent.state, sent.next_attempt_at), (DeliveryState::Pending, Some(at(20))));
        assert_eq!(store.cached("acme", &[3; 32]).await.unwrap(), Some(id));
        assert_eq!(store.cached("other", &[3; 32]).await.unwrap(), None);
        let name = new.task.function.clone().unwrap();
        let stats = store.function_stats("acme", &name).await.unwrap();
        assert_eq!(stats, [(TaskState::Completed, 1)]);
        let cpu = store.cpu_ms_of_day("acme", new.task.owner, 0).await.unwrap();
        assert_eq!(cpu, (10.25, 10.25));

        let mut failed = completed();
        failed.task.life.state = TaskState::Failed;
        failed.task.cache_key = Some([4; 32]);
        failed.task.error = Some(Failure::new(ErrorKind::Timeout, "too long"));
        failed.ended = None;
        let id = create(&*store, failed.clone()).await;
        assert_eq!(told(&*store, id).await, ["running 1", "failed 1"]);
        assert_eq!(store.cached("acme", &[4; 32]).await.unwrap(), None);
        assert_eq!(task(&*store, id).await.error, failed.task.error);
        let goes_on = NewTask { ended: completed().ended, ..queued() };
        is_conflict(store.create_tasks(vec![goes_on], 10).await, "result");
        let mut without_lease = queued();
        without_lease.task.life.state = TaskState::Running;
        is_conflict(store.create_tasks(vec![without_lease], 10).await, "lease");
    })
    .await;
}

#[tokio::test]
async fn a_queue_takes_so_many_tasks_of_a_tenant() {
    on_each(async |store| {
        let two = vec![queued(), queued()];
        store.create_tasks(two.clone(), 2).await.unwrap();
        is_conflict(store.create_tasks(vec![queued()], 2).await, "queue");
        // What was there already, has ended, or is another's does not count.
        store.create_tasks(two, 1).await.unwrap();
        store.create_tasks(vec![completed()], 2).await.unwrap();
        let mut others = queued();
        others.task.tenant = "other".to_owned();
        store.create_tasks(vec![others], 2).await.unwrap();
        let waits = create(&*store, created()).await;
        assert_eq!(told(&*store, waits).await, ["created 0"]);
        is_conflict(store.enqueue("acme", waits, 2, at(11)).await, "queue");
        assert_eq!(store.enqueue("other", waits, 9, at(11)).await, Err(StoreError::NotFound));
        claim(&*store, 11).await.unwrap();
        let task = store.enqueue("acme", waits, 2, at(12)).await.unwrap();
        assert_eq!((task.life.state, task.queued_at), (TaskState::Queued, Some(at(12))));
        let again = store.enqueue("acme", waits, 9, at(13)).await;
        assert_eq!(again, Err(Refused::WrongState(TaskState::Queued).into()));
        assert_eq!(told(&*store, waits).await, ["created 0", "queued 0"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_runs_a_task_to_its_end() {
    on_each(async |store| {
        let mut new = queued();
        new.task.cache_key = Some([5; 32]);
        let id = create(&*store, new).await;
        let running = claim(&*store, 11).await.unwrap();
        is_held_by(&running, "w", at(41));
        assert_eq!((running.started_at, running.worker.as_deref()), (Some(at(11)), Some("w")));
        assert_eq!(running, task(&*store, id).await, "as it is read again");
        let wrong = store.finish(id, finished(7)).await;
        assert_eq!(wrong, Err(Refused::StaleLease.into()));
        assert_eq!(running, task(&*store, id).await);
        let mut done = finished(1);
        done.ended.files = vec![("out".to_owned(), key("out"), 3)];
        done.ended.logs = Some(Document::Object { key: key("logs"), bytes: 5 });
        let ended = store.finish(id, done.clone()).await.unwrap();
        assert_eq!(ended, task(&*store, id).await);
        assert_eq!((ended.life.state, ended.finished_at), (TaskState::Completed, Some(at(20))));
        assert_eq!((&ended.usage, ended.result_bytes), (&done.usage, Some(2)));
        assert_eq!(store.ended(id).await.unwrap(), done.ended);
        assert_eq!(store.cached("acme", &[5; 32]).await.unwrap(), Some(id));
        let once_more = store.finish(id, finished(1)).await;
        assert_eq!(once_more, Err(Refused::Ended(TaskState::Completed).into()));
        let name = ended.function.unwrap();
        assert_eq!(store.recent_wall_ms("acme", &name).await.unwrap(), (12.5, 1));
        assert_eq!(store.finish(new_id(), finished(1)).await, Err(StoreError::NotFound));

        // A result that came from the cache is not put there again.
        let mut copy = queued();
        copy.task.cache_key = Some([6; 32]);
        let copy = create(&*store, copy).await;
        claim(&*store, 11).await.unwrap();
        store.finish(copy, Finished { cached: true, ..finished(1) }).await.unwrap();
        assert_eq!(store.cached("acme", &[6; 32]).await.unwrap(), None);
        assert!(task(&*store, copy).await.cached);
    })
    .await;
}

#[tokio::test]
async fn attempts_that_fail_leave_no_more_than_their_story() {
    on_each(async |store| {
        let delivery = NewDelivery { id: new_id(), url: "u".to_owned(), sealed_secret: None };
        let id = create(&*store, NewTask { delivery: Some(delivery.clone()), ..queued() }).await;
        let mut now = 11;
        for fence in [1, 2] {
            claim(&*store, now).await.unwrap();
            let failed = Finished { now: at(now + 1), ..failed(ErrorKind::Internal, fence) };
            let again = store.finish(id, failed).await.unwrap();
            assert_eq!(again, task(&*store, id).await);
            assert_eq!((again.life.state, &again.error), (TaskState::Queued, &None));
            assert_eq!((again.usage, again.finished_at), (None, None));
            assert_eq!(store.ended(id).await.unwrap(), Ended::default());
            assert_eq!(claim(&*store, now + 1).await, None, "it waits");
            assert_eq!(store.next_start().await.unwrap(), again.life.not_before.map(Time::from));
            now += 1 + i64::try_from(fence).unwrap();
        }
        // The last one is lost with its worker.
        claim(&*store, now).await.unwrap();
        assert_eq!(store.expire(at(now + 29), false, 1.0).await.unwrap(), []);
        let lost = store.expire(at(now + 30), false, 1.0).await.unwrap();
        let dead = task(&*store, id).await;
        assert_eq!(lost, std::slice::from_ref(&dead));
        assert!(dead.life.is_dead_letter);
        assert_eq!(dead.finished_at, Some(at(now + 30)));
        let message = "the worker that ran it was lost";
        assert_eq!(dead.error, Some(Failure::new(ErrorKind::Internal, message)));
        let history: Vec<_> = dead
            .history
            .iter()
            .map(|attempt| (attempt.number, attempt.kind, attempt.message.as_str()))
            .collect();
        let internal = Some(ErrorKind::Internal);
        assert_eq!(history, [(1, internal, "why"), (2, internal, "why")]);
        let story = "queued 0,running 1,queued 1,running 2,queued 2,running 3,failed 3";
        assert_eq!(told(&*store, id).await.join(","), story);
        let sent = store.delivery("acme", delivery.id).await.unwrap();
        assert_eq!(sent.state, DeliveryState::Pending);
        assert_eq!(store.next_start().await.unwrap(), None);
        // Every attempt used the processor.
        let cpu = store.cpu_ms_of_day("acme", dead.owner, 0).await.unwrap();
        assert_eq!(cpu, (20.5, 20.5));
        let by_others = store.cpu_ms_of_day("acme", new_id(), 0).await.unwrap();
        assert_eq!(by_others, (20.5, 0.0));
        assert_eq!(store.cpu_ms_of_day("other", dead.owner, 0).await.unwrap(), (0.0, 0.0));
        assert_eq!(store.cpu_ms_of_day("acme", dead.owner, 1).await.unwrap(), (0.0, 0.0));
        let dead_letters = TaskFilter { dead_letter: Some(true), ..TaskFilter::default() };
        let listed = store.tasks("acme", None, &dead_letters, first(9)).await.unwrap();
        assert_eq!(listed.items, [dead]);
    })
    .await;
}

#[tokio::test]
async fn a_lost_worker_is_found_whatever_its_lease_says() {
    on_each(async |store| {
        let id = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        assert_eq!(store.expire(at(12), false, 0.5).await.unwrap(), []);
        let back = store.expire(at(12), true, f64::NAN).await.unwrap();
        assert_eq!(back.len(), 1);
        assert_eq!((back[0].id, back[0].life.state), (id, TaskState::Queued));
        let waits = back[0].life.not_before.map(Time::from).unwrap();
        assert!(waits > at(12) && waits <= at(13), "it waits from now, not from the lease's end");
        let attempt = &back[0].history[0];
        assert_eq!((attempt.kind, attempt.worker.as_str()), (None, "w"));
        assert_eq!((attempt.started_at, attempt.ended_at), (at(11), at(12)));
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_is_the_functions_own_ends_the_task() {
    on_each(async |store| {
        let id = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        let mut failed = failed(ErrorKind::Exception, 1);
        failed.ended.result = Some(Document::Inline("42".to_owned()));
        let ended = store.finish(id, failed).await.unwrap();
        assert_eq!((ended.life.state, ended.life.is_dead_letter), (TaskState::Failed, false));
        assert_eq!(ended.error.unwrap().traceback.as_deref(), Some("File"));
        assert_eq!((ended.history.len(), ended.result_bytes), (0, None));
        let left = store.ended(id).await.unwrap();
        assert!(left.logs.is_some() && left.result.is_none(), "what failed has no result");
        assert_eq!(told(&*store, id).await, ["queued 0", "running 1", "failed 1"]);
    })
    .await;
}

#[tokio::test]
async fn tasks_are_cancelled_at_once_or_asked_to_stop() {
    on_each(async |store| {
        let cancelled = Some(Failure::new(ErrorKind::Cancelled, "the task was cancelled"));
        let id = create(&*store, queued()).await;
        assert_eq!(store.cancel("other", id, at(11)).await, Err(StoreError::NotFound));
        let task = store.cancel("acme", id, at(11)).await.unwrap();
        assert_eq!((task.life.state, &task.error), (TaskState::Cancelled, &cancelled));
        assert_eq!(task.finished_at, Some(at(11)));
        assert_eq!(told(&*store, id).await, ["queued 0", "cancelled 0"]);
        let again = store.cancel("acme", id, at(12)).await;
        assert_eq!(again, Err(Refused::Ended(TaskState::Cancelled).into()));

        let id = create(&*store, queued()).await;
        let other = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        claim(&*store, 11).await.unwrap();
        assert!(store.renew("w", &[id], at(60)).await.unwrap().is_empty());
        let asked = store.cancel("acme", id, at(12)).await.unwrap();
        assert_eq!(store.cancel("acme", id, at(13)).await.unwrap(), asked);
        assert!(store.renew("w", &[], at(70)).await.unwrap().is_empty(), "it has none");
        assert_eq!(store.renew("w", &[id, other], at(70)).await.unwrap(), [id]);
        assert!(store.renew("another", &[id], at(70)).await.unwrap().is_empty());
        is_held_by(&store.task("acme", None, other).await.unwrap(), "w", at(70));
        let stopped = store.finish(id, failed(ErrorKind::Internal, 1)).await.unwrap();
        assert_eq!((stopped.life.state, stopped.error), (TaskState::Cancelled, cancelled.clone()));
        let story = ["queued 0", "running 1", "running 1!", "cancelled 1"];
        assert_eq!(told(&*store, id).await, story);

        // A lost worker, and one that stops, let go of it all the same.
        store.cancel("acme", other, at(12)).await.unwrap();
        let back = store.hand_back(other, 1, at(13)).await.unwrap();
        assert_eq!((back.life.state, back.error), (TaskState::Cancelled, cancelled.clone()));
        let lost = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        store.cancel("acme", lost, at(12)).await.unwrap();
        let expired = store.expire(at(99), false, 0.5).await.unwrap();
        assert_eq!((expired[0].id, &expired[0].error), (lost, &cancelled));
        let name = expired[0].function.clone().unwrap();
        let stats = store.function_stats("acme", &name).await.unwrap();
        assert_eq!(stats, [(TaskState::Cancelled, 4)]);
    })
    .await;
}

#[tokio::test]
async fn one_task_is_started_without_the_queue() {
    on_each(async |store| {
        let id = create(&*store, created()).await;
        let start = async |tenant: &str| store.start(tenant, id, "here", at(60), at(11)).await;
        assert_eq!(start("other").await, Err(StoreError::NotFound));
        let task = start("acme").await.unwrap();
        is_held_by(&task, "here", at(60));
        assert_eq!(start("acme").await, Err(Refused::WrongState(TaskState::Running).into()));
        assert_eq!(told(&*store, id).await, ["created 0", "running 1"]);
    })
    .await;
}

#[tokio::test]
async fn numbers_that_json_has_not_do_no_harm() {
    on_each(async |store| {
        let mut new = completed();
        new.task.usage = Some(Usage { wall_ms: f64::NAN, cpu_ms: f64::INFINITY, ..usage() });
        let id = create(&*store, new).await;
        let usage = task(&*store, id).await.usage.unwrap();
        assert_eq!((usage.wall_ms, usage.cpu_ms), (0.0, 0.0));
        let id = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        let failed = Finished { chance: f64::NAN, ..failed(ErrorKind::Internal, 1) };
        assert_eq!(store.finish(id, failed).await.unwrap().life.state, TaskState::Queued);
    })
    .await;
}
