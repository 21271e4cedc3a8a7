//! What every store has to do, whatever it is made of. A backend is added to `backends`.

mod cursors;
mod deployments;
mod events;
mod files;
mod functions;
mod histories;
mod idempotency;
mod identity;
mod lists;
mod objects;
mod queue;
mod races;
mod tasks;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use model::task::{Event, Lease, RetryPolicy, TaskState};
use model::{Engine, Usage};
use serde_json::json;
use uuid::Uuid;

use super::sqlite::SqliteStore;
use super::*;

/// Empty stores, one of each kind.
pub(super) fn backends() -> Vec<(&'static str, Arc<dyn Store>)> {
    vec![("sqlite", SqliteStore::temporary())]
}

/// Runs a test on each kind.
async fn on_each(test: impl AsyncFn(Arc<dyn Store>)) {
    for (name, store) in backends() {
        println!("on {name}");
        test(store).await;
    }
}

pub(super) fn at(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

fn first(limit: usize) -> PageRequest {
    PageRequest { limit, after: None }
}

fn is_conflict<T: std::fmt::Debug>(outcome: Result<T>, says: &str) {
    match outcome {
        Err(StoreError::Conflict(why)) if why.contains(says) => {}
        other => panic!("expected a conflict that says `{says}`: {other:?}"),
    }
}

fn key(text: &str) -> BlobKey {
    BlobKey::of(text.as_bytes())
}

/// All pages of `limit`, one after the other.
async fn pages<T>(limit: usize, page: impl AsyncFn(PageRequest) -> Result<Page<T>>) -> Vec<T> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let got = page(PageRequest { limit, after }).await.unwrap();
        assert!(got.items.len() <= limit);
        items.extend(got.items);
        match got.next {
            Some(next) => after = Some(next),
            None => return items,
        }
    }
}

/// A task of the tenant `acme`, which is queued at second 10.
pub(super) fn queued() -> NewTask {
    let created = created();
    let life = created.task.life.after(&Event::Enqueue, at(10).into()).unwrap();
    NewTask { task: Task { life, queued_at: Some(at(10)), ..created.task }, ..created }
}

fn created() -> NewTask {
    let task = Task {
        id: new_id(),
        tenant: "acme".to_owned(),
        owner: Uuid::from_u128(1),
        function: Some(FunctionName { tenant: "acme".to_owned(), id: "bolt".to_owned() }),
        private: false,
        name: None,
        version: "1.0.0-aaaaaaaaaaaa".to_owned(),
        engine: Engine::Sandbox,
        class: Class::Default,
        life: Task::new_life(RetryPolicy::default()),
        timeout_ms: 60_000,
        deterministic: true,
        cache_key: None,
        cached: false,
        created_at: at(10),
        queued_at: None,
        started_at: None,
        finished_at: None,
        worker: None,
        usage: None,
        error: None,
        warnings: Vec::new(),
        history: Vec::new(),
        parent: None,
        retry_of: None,
        result_bytes: None,
    };
    let inputs = Document::Inline(r#"{"load":1.00}"#.to_owned());
    let payload = Payload { inputs, code: None, files: Vec::new() };
    NewTask { task, payload, delivery: None, events: Vec::new(), ended: None }
}

fn usage() -> Usage {
    Usage { wall_ms: 12.5, cpu_ms: 10.25, peak_memory_bytes: 1 << 20, ..Usage::default() }
}

/// As a synchronous execution is written: run from second 10 to 20, and completed.
pub(super) fn completed() -> NewTask {
    let mut new = created();
    let start = Event::Start { worker: "here".to_owned(), until: at(30).into() };
    let finish = Event::Finish { fence: 1, failure: None, chance: 0.5 };
    let life = new.task.life.after(&start, at(10).into()).unwrap();
    new.task.life = life.after(&finish, at(20).into()).unwrap();
    new.task.started_at = Some(at(10));
    new.task.finished_at = Some(at(20));
    new.task.worker = Some("here".to_owned());
    new.task.usage = Some(usage());
    new.task.result_bytes = Some(2);
    new.ended = Some(Ended { result: Some(Document::Inline("42".to_owned())), ..Ended::default() });
    new
}

/// As a worker says it at second 20: nothing failed.
fn finished(fence: u64) -> Finished {
    Finished {
        fence,
        failure: None,
        usage: Some(usage()),
        warnings: Vec::new(),
        cached: false,
        ended: Ended { result: Some(Document::Inline("42".to_owned())), ..Ended::default() },
        events: Vec::new(),
        chance: 1.0,
        now: at(20),
    }
}

pub(super) async fn create(store: &dyn Store, new: NewTask) -> Uuid {
    let id = new.task.id;
    store.create_tasks(vec![new], 1_000_000).await.unwrap();
    id
}

async fn claim(store: &dyn Store, now: i64) -> Option<Task> {
    let until = at(now).after(Duration::from_secs(30));
    store.claim(Class::Default, None, &PassedOver::default(), "w", until, at(now)).await.unwrap()
}

/// State and attempt of each status, and the other kinds by their names.
async fn told(store: &dyn Store, id: Uuid) -> Vec<String> {
    let events = store.events(id, 0, 1000).await.unwrap();
    for (number, event) in (1..).zip(&events) {
        assert_eq!(event.number, number, "without gaps");
    }
    let text = |event: &crate::store::Event| match event.kind {
        EventKind::Status => {
            let asked = if event.data["cancel_requested"] == json!(true) { "!" } else { "" };
            format!("{} {}{asked}", event.data["state"].as_str().unwrap(), event.data["attempt"])
        }
        kind => kind.as_str().to_owned(),
    };
    events.iter().map(text).collect()
}

fn is_held_by(task: &Task, worker: &str, until: Time) {
    let lease = Lease { worker: worker.to_owned(), fence: task.life.fence, until: until.into() };
    assert_eq!((task.life.state, &task.life.lease), (TaskState::Running, &Some(lease)));
}
