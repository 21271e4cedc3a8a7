//! Events of tasks, and whoever follows them.

use model::task::Refused;
use serde_json::Value;

use super::*;

fn log(text: &str) -> NewEvent {
    let data: Value = serde_json::from_str(text).unwrap();
    NewEvent { kind: EventKind::Log, at: at(12), data }
}

#[tokio::test]
async fn events_are_numbered_and_read_on_from_any() {
    on_each(async |store| {
        let id = create(&*store, queued()).await;
        claim(&*store, 11).await.unwrap();
        let batches = [vec![log("1.10"), log("2"), log("3")], vec![], vec![log("4"), log("5")]];
        for batch in batches {
            store.append_events(id, 1, batch).await.unwrap();
        }
        store.finish(id, Finished { events: vec![log("6")], ..finished(1) }).await.unwrap();
        let kinds = told(&*store, id).await;
        let expected = "queued 0,running 1,log,log,log,log,log,log,completed 1,result";
        assert_eq!(kinds.join(","), expected);
        let all = store.events(id, 0, 1000).await.unwrap();
        assert_eq!(all[2].data.to_string(), "1.10", "numbers keep their text");
        assert_eq!((all[2].kind, all[2].at, all[2].number), (EventKind::Log, at(12), 3));
        assert_eq!(all[9].data, Value::Null);
        for after in 0..12 {
            let read = store.events(id, after, 1000).await.unwrap();
            let expected: Vec<_> = (after + 1..=10).collect();
            let numbers: Vec<_> = read.iter().map(|event| event.number).collect();
            assert_eq!(numbers, expected);
            let some = store.events(id, after, 0).await.unwrap();
            assert_eq!(some.first(), read.first(), "at least one");
        }
        assert!(store.events(id, 0, 3).await.unwrap().len() < 10, "about as many as asked for");
        assert_eq!(store.events(id, u64::MAX, 3).await.unwrap(), []);
        assert_eq!(store.events(new_id(), 0, 3).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn only_who_holds_a_task_adds_to_its_events() {
    on_each(async |store| {
        let id = create(&*store, queued()).await;
        let append = async |fence| store.append_events(id, fence, vec![log("1")]).await;
        assert_eq!(append(1).await, Err(Refused::WrongState(TaskState::Queued).into()));
        claim(&*store, 11).await.unwrap();
        assert_eq!(append(2).await, Err(Refused::StaleLease.into()));
        store.hand_back(id, 1, at(12)).await.unwrap();
        assert_eq!(append(1).await, Err(Refused::StaleLease.into()));
        claim(&*store, 13).await.unwrap();
        assert_eq!(append(1).await, Err(Refused::StaleLease.into()));
        append(2).await.unwrap();
        store.finish(id, finished(2)).await.unwrap();
        let ended = Err(Refused::Ended(TaskState::Completed).into());
        assert_eq!(append(2).await, ended);
        assert_eq!(store.append_events(new_id(), 1, vec![]).await, Err(StoreError::NotFound));
        let kinds = told(&*store, id).await.join(",");
        assert_eq!(kinds, "queued 0,running 1,queued 0,running 1,log,completed 1,result");
    })
    .await;
}
