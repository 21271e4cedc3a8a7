//! What is needed, what is forgotten, and copies of it all.

use std::collections::BTreeSet;

use model::{ErrorKind, Failure};

use super::deployments::deployment;
use super::files::file;
use super::functions::{publication, version};
use super::*;

async fn is_needed(store: &dyn Store, text: &str) -> bool {
    let (asked, absent) = (key(text), key("nobody's"));
    let found = store.referenced(&[absent, asked]).await.unwrap();
    assert!(found.iter().all(|found| *found == asked));
    !found.is_empty()
}

#[tokio::test]
async fn objects_are_needed_as_long_as_something_names_them() {
    on_each(async |store| {
        assert_eq!(store.referenced(&[]).await.unwrap(), []);
        store.put_file(file("acme", "a", 1), 100).await.unwrap();
        store.put_file(file("acme", "a", 2), 100).await.unwrap();
        assert!(!is_needed(&*store, "a 1").await && is_needed(&*store, "a 2").await);
        let mut new = queued();
        new.payload.files = vec![("a".to_owned(), key("a 2"))];
        new.payload.inputs = Document::Object { key: key("inputs"), bytes: 9 };
        new.payload.code = Some(Document::Object { key: key("code"), bytes: 9 });
        let id = create(&*store, new).await;
        store.delete_file("acme", "a").await.unwrap();
        // The task was given it.
        for text in ["a 2", "inputs", "code"] {
            assert!(is_needed(&*store, text).await, "{text}");
        }
        claim(&*store, 11).await.unwrap();
        let object = |text: &str| Some(Document::Object { key: key(text), bytes: 9 });
        let ended = |text: &str| Ended {
            result: object(&format!("{text} result")),
            logs: object(&format!("{text} logs")),
            files: vec![("out".to_owned(), key(&format!("{text} file")), 9)],
        };
        let failure = Some(Failure::new(ErrorKind::Internal, "why"));
        let failed = Finished { failure, ended: ended("first"), ..finished(1) };
        store.finish(id, failed).await.unwrap();
        assert!(!is_needed(&*store, "first logs").await);
        claim(&*store, 30).await.unwrap();
        let done = Finished { ended: ended("second"), ..finished(2) };
        store.finish(id, done.clone()).await.unwrap();
        assert_eq!(store.ended(id).await.unwrap(), done.ended);
        for part in ["result", "logs", "file"] {
            assert!(is_needed(&*store, &format!("second {part}")).await, "{part}");
            assert!(!is_needed(&*store, &format!("first {part}")).await, "{part}");
        }
        let made = create(&*store, NewTask { ended: Some(ended("made")), ..completed() }).await;
        assert_eq!(store.ended(made).await.unwrap(), ended("made"));
        assert!(is_needed(&*store, "made logs").await);
    })
    .await;
}

#[tokio::test]
async fn all_that_is_needed_is_told_page_by_page() {
    on_each(async |store| {
        assert_eq!(store.references(None, 10).await.unwrap(), []);
        for number in 0..7 {
            let name = number.to_string();
            // Two files of the same content are one object.
            let content = key(&(number / 2).to_string());
            store.put_file(File { content, ..file("acme", &name, 1) }, 1_000).await.unwrap();
        }
        let mut new = queued();
        new.payload.files = vec![("a".to_owned(), key("a file")), ("b".to_owned(), key("b"))];
        create(&*store, new).await;
        let keys = ["a file", "b", "0", "1", "2", "3"].map(key);
        let expected: Vec<_> = BTreeSet::from(keys).into_iter().collect();
        for limit in [1, 2, 100] {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = store.references(after.as_ref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(*last);
                all.extend(page);
            }
            assert_eq!(all, expected, "pages of {limit}");
        }
        store.delete_file("acme", "6").await.unwrap();
        assert_eq!(store.references(None, 100).await.unwrap().len(), expected.len() - 1);
    })
    .await;
}

#[tokio::test]
async fn a_releases_objects_are_needed_until_no_function_of_it_is_left() {
    on_each(async |store| {
        let name = |id: &str| FunctionName { tenant: "acme".to_owned(), id: id.to_owned() };
        let text = "1.0.0-aaaaaaaaaaaa";
        let source = format!("source of bolts {text}");
        let snapshot = format!("snapshot {text}");
        let one = publication("bolts", text, &["bolt", "nut"]);
        store.publish(one.clone()).await.unwrap();
        store.delete_function(&name("bolt"), at(2)).await.unwrap();
        for text in [&source, &snapshot, "dependencies"] {
            assert!(is_needed(&*store, text).await, "{text}");
        }
        store.delete_release(&name("nut"), &version(text), at(3)).await.unwrap();
        for text in [&source, &snapshot, "dependencies"] {
            assert!(!is_needed(&*store, text).await, "{text}");
        }
        // They may be gone by now: what is brought anew takes their place.
        let mut again = one.clone();
        again.release.source = key("packed again");
        again.release.created_at = at(9);
        store.publish(again).await.unwrap();
        assert!(is_needed(&*store, "packed again").await && !is_needed(&*store, &source).await);
        let found = store.function(&name("nut"), &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!((found.release.source, found.release.created_at), (key("packed again"), at(1)));
        // A snapshot that was made anew replaces the one before.
        let mut fresh = one;
        for function in &mut fresh.functions {
            if let Some((_, blob)) = &mut function.snapshot {
                *blob = key("fresh snapshot");
            }
        }
        store.publish(fresh).await.unwrap();
        assert!(is_needed(&*store, "fresh snapshot").await && !is_needed(&*store, &snapshot).await);
        assert!(is_needed(&*store, "packed again").await);
    })
    .await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_a_little_at_a_time() {
    on_each(async |store| {
        let account = Uuid::from_u128(1);
        let begin = async |key: &str, second| {
            let state =
                store.begin_key(account, key, [1; 32], new_id(), new_id(), at(second)).await;
            matches!(state, Ok(KeyState::Begun { .. }))
        };
        assert!(begin("old", 1).await && begin("new", 100).await);
        let mut ended = Vec::new();
        for (second, byte) in [(1, 1), (2, 2), (100, 3)] {
            let mut new = completed();
            new.task.cache_key = Some([byte; 32]);
            new.task.finished_at = Some(at(second));
            let id = new_id();
            new.delivery = Some(NewDelivery { id, url: "u".to_owned(), sealed_secret: None });
            create(&*store, new).await;
            let attempt =
                DeliveryAttempt { at: at(second), status: None, error: None, duration_ms: 0.0 };
            store.record_attempt(id, attempt, DeliveryState::Failed, None).await.unwrap();
            ended.push(id);
        }
        let mut deploys = Vec::new();
        for second in [1, 100] {
            let one = deployment();
            store.create_deployment(one.clone()).await.unwrap();
            let step = NewEvent { kind: EventKind::Step, at: at(1), data: json!(1) };
            let (state, finished_at) = (DeploymentState::Failed, Some(at(second)));
            let done = Deployment { state, finished_at, ..one };
            store.update_deployment(done.clone(), vec![step]).await.unwrap();
            deploys.push(done);
        }
        let unfinished = deployment();
        store.create_deployment(unfinished.clone()).await.unwrap();
        let day = at(50);
        let before =
            Retention { answers: day, cached_results: day, deployments: day, deliveries: day };
        assert_eq!(store.forget(&before, 1).await.unwrap(), 4);
        assert_eq!(store.forget(&before, 100).await.unwrap(), 2);
        assert_eq!(store.forget(&before, 100).await.unwrap(), 0);
        assert!(begin("old", 1).await && !begin("new", 100).await);
        assert_eq!(store.cached("acme", &[1; 32]).await.unwrap(), None);
        assert!(store.cached("acme", &[3; 32]).await.unwrap().is_some());
        assert_eq!(store.deployment("acme", deploys[0].id).await, Err(StoreError::NotFound));
        assert_eq!(store.events(deploys[0].id, 0, 9).await.unwrap(), []);
        assert!(store.deployment("acme", deploys[1].id).await.is_ok());
        assert!(store.deployment("acme", unfinished.id).await.is_ok());
        assert_eq!(store.events(deploys[1].id, 0, 9).await.unwrap().len(), 1);
        assert_eq!(store.delivery("acme", ended[1]).await, Err(StoreError::NotFound));
        assert!(store.delivery("acme", ended[2]).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_store_answers_whether_it_can_be_used() {
    on_each(async |store| {
        store.check().await.unwrap();
        store.check().await.unwrap();
    })
    .await;
}
