//! A deploy's steps and words, written as they come for whoever follows it.

use std::sync::Arc;

use model::json::cut;
use package::Step;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use utoipa::ToSchema;

use crate::clock::{SharedClock, Time};
use crate::store::{Deployment, EventKind, NewEvent, Store};
use crate::tasks::Signals;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Running,
    Done,
    Failed,
}

/// One step that began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepLine {
    /// `archive`, `manifest`, `code`, `dependencies`, `engine`, `schemas`, `tests`, `publish`.
    pub name: String,
    pub state: StepState,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Time>,
    /// What it does, or why it failed.
    pub message: String,
}

/// Steps in the order in which they began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Steps(pub Vec<StepLine>);

/// Hears of a deploy, on whatever thread.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    clock: SharedClock,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    deployment: Deployment,
    steps: Steps,
    events: Vec<NewEvent>,
    closed: bool,
}

/// Writes what a log hears.
pub struct Listener {
    shared: Arc<Shared>,
}

impl Log {
    pub fn new(clock: SharedClock, deployment: Deployment) -> (Self, Listener) {
        let at = clock.now();
        let events =
            vec![NewEvent { kind: EventKind::Status, at, data: json!({"state": "running"}) }];
        let state = State { deployment, steps: Steps::default(), events, closed: false };
        let shared = Arc::new(Shared { clock, state: Mutex::new(state), changed: Notify::new() });
        shared.changed.notify_one();
        (Self { shared: shared.clone() }, Listener { shared })
    }

    /// A step begins, and the one before it is done. Said again of the same step, it goes on.
    pub fn step(&self, name: &str, message: &str) {
        let now = self.shared.clock.now();
        let mut state = self.shared.state.lock();
        let is_same = state
            .steps
            .0
            .last()
            .is_some_and(|last| last.name == name && last.state == StepState::Running);
        if is_same {
            if let Some(last) = state.steps.0.last_mut() {
                message.clone_into(&mut last.message);
            }
        } else {
            state.end_step(now, Ok(()));
            state.steps.0.push(StepLine {
                name: name.to_owned(),
                state: StepState::Running,
                started_at: now,
                finished_at: None,
                message: message.to_owned(),
            });
        }
        state.say_step(now);
        drop(state);
        self.shared.changed.notify_one();
    }

    pub fn package_step(&self, step: Step, message: &str) {
        self.step(step.as_str(), message);
    }

    pub fn line(&self, message: &str) {
        let at = self.shared.clock.now();
        let data = json!({"level": "info", "message": cut(message, 8_000)});
        self.shared.state.lock().events.push(NewEvent { kind: EventKind::Log, at, data });
        self.shared.changed.notify_one();
    }

    /// Ends the step that runs.
    pub fn end_step(&self, how: Result<(), &str>) {
        let now = self.shared.clock.now();
        self.shared.state.lock().end_step(now, how);
    }

    /// The deployment as it is, and what was not written yet; nothing is written any more.
    pub async fn close(self, writer: tokio::task::JoinHandle<()>) -> (Deployment, Vec<NewEvent>) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_one();
        let _ = writer.await;
        let mut state = self.shared.state.lock();
        let events = std::mem::take(&mut state.events);
        (state.document(), events)
    }
}

impl State {
    fn end_step(&mut self, now: Time, how: Result<(), &str>) {
        let Some(last) = self.steps.0.last_mut() else { return };
        if last.state != StepState::Running {
            return;
        }
        last.finished_at = Some(now);
        match how {
            Ok(()) => last.state = StepState::Done,
            Err(why) => {
                last.state = StepState::Failed;
                last.message = cut(why, 2_000);
            }
        }
        self.say_step(now);
    }

    fn say_step(&mut self, at: Time) {
        if let Some(last) = self.steps.0.last() {
            self.events.push(NewEvent { kind: EventKind::Step, at, data: json!(last) });
        }
    }

    fn document(&self) -> Deployment {
        let mut deployment = self.deployment.clone();
        deployment.document["steps"] = json!(self.steps);
        deployment
    }
}

impl Listener {
    /// Writes until the log is closed.
    pub async fn write(self, store: Arc<dyn Store>, signals: Arc<Signals>) {
        loop {
            self.shared.changed.notified().await;
            let (deployment, events) = {
                let mut state = self.shared.state.lock();
                if state.closed {
                    return;
                }
                (state.document(), std::mem::take(&mut state.events))
            };
            let id = deployment.id;
            if let Err(error) = store.update_deployment(deployment, events.clone()).await {
                tracing::warn!(%id, %error, "the progress of a deploy was not written");
                let mut state = self.shared.state.lock();
                let newer = std::mem::replace(&mut state.events, events);
                state.events.extend(newer);
            }
            signals.ring(id);
        }
    }
}
