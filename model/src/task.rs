//! The life of a task: one call of one function version, from its creation to its end.
//!
//! A machine without time, chance or storage of its own: a store reads a task, asks for the
//! next state, and writes it if the task is still the one that it read (`revision`). So two
//! workers can never both own a task, nor both finish it.
//!
//! ```text
//! created ──> queued ──> running ──> completed | failed | cancelled
//!    └───────────────────^  │
//!             ^─────────────┘ handed back, lost, or to be tried again
//! ```

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::ErrorKind;

/// Attempts of a task, unless its function or the operator says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Known, and not to be run yet.
    Created,
    /// Waits for a worker.
    Queued,
    /// A worker holds it.
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl TaskState {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A worker's hold on a running task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub worker: String,
    /// Larger than that of any lease of the task before: what holds an older one is too late.
    pub fence: u64,
    /// The task may be given to another worker from then on.
    pub until: SystemTime,
}

/// How often a task is tried, and after what wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// At least one.
    pub max_attempts: u32,
    /// Whether the function asked to be called again after an exception.
    pub on_exception: bool,
    /// Before the second attempt; doubled before each that follows.
    pub first_wait: Duration,
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            on_exception: false,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Whether a failure may be another worker's luck. A limit that was crossed, or wrong
    /// inputs, would be so again.
    fn may_succeed(&self, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::Internal | ErrorKind::EngineUnavailable => true,
            ErrorKind::Exception => self.on_exception,
            ErrorKind::InvalidPackage
            | ErrorKind::InvalidInputs
            | ErrorKind::InvalidOutputs
            | ErrorKind::Timeout
            | ErrorKind::FuelExhausted
            | ErrorKind::MemoryExceeded
            | ErrorKind::OutputTooLarge
            | ErrorKind::Cancelled => false,
        }
    }

    /// The wait after an attempt. `chance`, from 0 to 1, spreads tasks that failed together
    /// over the upper half of it.
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        whole.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// What of a task decides what may happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub state: TaskState,
    /// Grows with every change.
    pub revision: u64,
    /// How often it was given to a worker; handed back, an attempt does not count.
    pub attempt: u32,
    /// The last lease's, whether it is still held or not.
    pub fence: u64,
    /// While it is running.
    pub lease: Option<Lease>,
    /// Queued, it is not given to a worker before.
    pub not_before: Option<SystemTime>,
    /// Its worker has been asked to stop it.
    pub cancel_requested: bool,
    /// It failed because its attempts were used up, not by its own doing.
    pub is_dead_letter: bool,
    pub retry: RetryPolicy,
}

/// What is asked of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Enqueue,
    /// A worker takes it up, until its lease ends.
    Start {
        worker: String,
        until: SystemTime,
    },
    /// The worker goes on.
    Renew {
        fence: u64,
        until: SystemTime,
    },
    /// The worker is done: nothing failed, or this did. `chance` spreads the next attempt.
    Finish {
        fence: u64,
        failure: Option<ErrorKind>,
        chance: f64,
    },
    /// The worker stops before it has begun, and another may take it.
    HandBack {
        fence: u64,
    },
    /// Somebody found that the lease may have ended.
    Expire {
        chance: f64,
    },
    /// Its caller does not want it any more.
    Cancel,
}

/// Why something cannot happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has ended; its result stays what it is.
    #[error("the task has ended already: it is {}", .0.as_str())]
    Ended(TaskState),
    /// It is not in a state in which this can be.
    #[error("the task is {}", .0.as_str())]
    WrongState(TaskState),
    /// Another worker has it, or had it since.
    #[error("the task's lease is another's")]
    StaleLease,
    /// Its lease has not ended, or its wait.
    #[error("it is too early")]
    TooEarly,
}

impl Task {
    pub fn new(retry: RetryPolicy) -> Self {
        Self {
            state: TaskState::Created,
            revision: 0,
            attempt: 0,
            fence: 0,
            lease: None,
            not_before: None,
            cancel_requested: false,
            is_dead_letter: false,
            retry,
        }
    }

    /// The task after an event. It is the same task, one revision on; or nothing happens, and
    /// this says why.
    pub fn after(&self, event: &Event, now: SystemTime) -> Result<Self, Refused> {
        if self.state.is_final() {
            return Err(Refused::Ended(self.state));
        }
        let mut next = self.clone();
        next.revision += 1;
        match event {
            Event::Enqueue => {
                self.must_be(&[TaskState::Created])?;
                next.state = TaskState::Queued;
            }
            Event::Start { worker, until } => {
                // A call that its caller waits for is taken up without a queue.
                self.must_be(&[TaskState::Created, TaskState::Queued])?;
                if self.not_before.is_some_and(|time| now < time) {
                    return Err(Refused::TooEarly);
                }
                next.state = TaskState::Running;
                next.attempt += 1;
                next.fence += 1;
                next.not_before = None;
                next.lease =
                    Some(Lease { worker: worker.clone(), fence: next.fence, until: *until });
            }
            Event::Renew { fence, until } => {
                let lease = self.held(*fence)?;
                // A message that comes late does not shorten it.
                let until = lease.until.max(*until);
                next.lease = Some(Lease { until, ..lease.clone() });
            }
            Event::Finish { fence, failure, chance } => {
                self.held(*fence)?;
                match failure {
                    None => next.end(TaskState::Completed),
                    Some(ErrorKind::Cancelled) => next.end(TaskState::Cancelled),
                    Some(kind) if self.retry.may_succeed(*kind) => next.try_again(now, *chance),
                    Some(_) => next.end(TaskState::Failed),
                }
            }
            Event::HandBack { fence } => {
                self.held(*fence)?;
                if self.cancel_requested {
                    next.end(TaskState::Cancelled);
                } else {
                    next.queue(None);
                    next.attempt -= 1;
                }
            }
            Event::Expire { chance } => {
                self.must_be(&[TaskState::Running])?;
                if self.lease.as_ref().is_some_and(|lease| now < lease.until) {
                    return Err(Refused::TooEarly);
                }
                next.try_again(now, *chance);
            }
            Event::Cancel if self.state == TaskState::Running => {
                if self.cancel_requested {
                    // Asked again, nothing changes.
                    return Ok(self.clone());
                }
                next.cancel_requested = true;
            }
            Event::Cancel => next.end(TaskState::Cancelled),
        }
        Ok(next)
    }

    fn must_be(&self, states: &[TaskState]) -> Result<(), Refused> {
        if states.contains(&self.state) { Ok(()) } else { Err(Refused::WrongState(self.state)) }
    }

    /// The lease, if it is this one. It holds until another worker has the task, however late
    /// it is: what a worker has finished is not thrown away for nothing.
    fn held(&self, fence: u64) -> Result<&Lease, Refused> {
        let Some(lease) = &self.lease else {
            let never = fence == 0 || fence > self.fence;
            return Err(if never { Refused::WrongState(self.state) } else { Refused::StaleLease });
        };
        if lease.fence == fence { Ok(lease) } else { Err(Refused::StaleLease) }
    }

    fn try_again(&mut self, now: SystemTime, chance: f64) {
        if self.cancel_requested {
            self.end(TaskState::Cancelled);
        } else if self.attempt >= self.retry.max_attempts {
            self.is_dead_letter = true;
            self.end(TaskState::Failed);
        } else {
            self.queue(Some(now + self.retry.wait(self.attempt, chance)));
        }
    }

    fn queue(&mut self, not_before: Option<SystemTime>) {
        self.state = TaskState::Queued;
        self.lease = None;
        self.not_before = not_before;
    }

    fn end(&mut self, state: TaskState) {
        self.state = state;
        self.lease = None;
        self.not_before = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [ErrorKind; 11] = [
        ErrorKind::InvalidPackage,
        ErrorKind::InvalidInputs,
        ErrorKind::InvalidOutputs,
        ErrorKind::Exception,
        ErrorKind::Timeout,
        ErrorKind::FuelExhausted,
        ErrorKind::MemoryExceeded,
        ErrorKind::OutputTooLarge,
        ErrorKind::EngineUnavailable,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ];

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn start(worker: &str, until: u64) -> Event {
        Event::Start { worker: worker.to_owned(), until: at(until) }
    }

    fn finish(fence: u64, failure: Option<ErrorKind>) -> Event {
        Event::Finish { fence, failure, chance: 1.0 }
    }

    fn queued() -> Task {
        Task::new(RetryPolicy::default()).after(&Event::Enqueue, at(0)).unwrap()
    }

    #[test]
    fn a_task_is_queued_run_and_completed() {
        let task = queued().after(&start("a", 30), at(1)).unwrap();
        let lease = Lease { worker: "a".to_owned(), fence: 1, until: at(30) };
        assert_eq!((task.state, task.lease.as_ref()), (TaskState::Running, Some(&lease)));
        let task = task.after(&finish(1, None), at(2)).unwrap();
        assert_eq!((task.state, task.attempt, task.lease), (TaskState::Completed, 1, None));
    }

    #[test]
    fn who_lost_a_task_cannot_finish_it() {
        let lost = queued().after(&start("a", 30), at(1)).unwrap();
        assert_eq!(lost.after(&Event::Expire { chance: 0.0 }, at(29)), Err(Refused::TooEarly));
        let again = lost.after(&Event::Expire { chance: 1.0 }, at(30)).unwrap();
        assert_eq!((again.state, again.not_before), (TaskState::Queued, Some(at(31))));
        assert_eq!(again.after(&finish(1, None), at(30)), Err(Refused::StaleLease));
        assert_eq!(again.after(&start("b", 60), at(30)), Err(Refused::TooEarly));
        let taken = again.after(&start("b", 60), at(31)).unwrap();
        for event in [
            finish(1, None),
            Event::Renew { fence: 1, until: at(90) },
            Event::HandBack { fence: 1 },
        ] {
            assert_eq!(taken.after(&event, at(32)), Err(Refused::StaleLease));
        }
        assert_eq!(taken.after(&finish(2, None), at(32)).unwrap().state, TaskState::Completed);
    }

    #[test]
    fn a_late_worker_may_finish_what_nobody_else_took() {
        let task = queued().after(&start("a", 30), at(1)).unwrap();
        assert_eq!(task.after(&finish(1, None), at(99)).unwrap().state, TaskState::Completed);
    }

    #[test]
    fn attempts_end_with_a_dead_letter() {
        let mut task = queued();
        for (attempt, wait) in [(1, Some(1)), (2, Some(2)), (3, None)] {
            let now = task.not_before.unwrap_or(at(100));
            task = task.after(&start("a", 1_000), now).unwrap();
            task = task.after(&finish(attempt, Some(ErrorKind::Internal)), now).unwrap();
            assert_eq!(task.not_before, wait.map(|wait| now + Duration::from_secs(wait)));
        }
        assert_eq!((task.state, task.is_dead_letter), (TaskState::Failed, true));
    }

    #[test]
    fn only_what_may_succeed_is_tried_again() {
        for on_exception in [false, true] {
            for kind in KINDS {
                let retry = RetryPolicy { on_exception, ..RetryPolicy::default() };
                let task = Task::new(retry).after(&start("a", 30), at(1)).unwrap();
                let after = task.after(&finish(1, Some(kind)), at(2)).unwrap();
                let expected = match kind {
                    ErrorKind::Internal | ErrorKind::EngineUnavailable => TaskState::Queued,
                    ErrorKind::Exception if on_exception => TaskState::Queued,
                    ErrorKind::Cancelled => TaskState::Cancelled,
                    _ => TaskState::Failed,
                };
                assert_eq!(after.state, expected, "{kind:?}");
                assert!(!after.is_dead_letter);
            }
        }
    }

    #[test]
    fn a_task_is_cancelled_in_every_state() {
        let created = Task::new(RetryPolicy::default());
        for task in [created, queued()] {
            assert_eq!(task.after(&Event::Cancel, at(1)).unwrap().state, TaskState::Cancelled);
        }
        let running = queued().after(&start("a", 30), at(1)).unwrap();
        let asked = running.after(&Event::Cancel, at(2)).unwrap();
        assert_eq!((asked.state, asked.cancel_requested), (TaskState::Running, true));
        assert_eq!(asked.after(&Event::Cancel, at(3)).unwrap(), asked);
        // However its worker then lets go of it; but a result that is there is kept.
        for (event, state) in [
            (finish(1, Some(ErrorKind::Cancelled)), TaskState::Cancelled),
            (finish(1, Some(ErrorKind::Internal)), TaskState::Cancelled),
            (Event::HandBack { fence: 1 }, TaskState::Cancelled),
            (Event::Expire { chance: 0.0 }, TaskState::Cancelled),
            (finish(1, None), TaskState::Completed),
            (finish(1, Some(ErrorKind::Timeout)), TaskState::Failed),
        ] {
            assert_eq!(asked.after(&event, at(50)).unwrap().state, state, "{event:?}");
        }
    }

    #[test]
    fn handing_back_costs_no_attempt() {
        let running = queued().after(&start("a", 30), at(1)).unwrap();
        let back = running.after(&Event::HandBack { fence: 1 }, at(2)).unwrap();
        assert_eq!((back.state, back.attempt, back.not_before), (TaskState::Queued, 0, None));
        let taken = back.after(&start("b", 30), at(2)).unwrap();
        assert_eq!(taken.fence, 2, "the first worker's lease is over");
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        let policy = RetryPolicy::default();
        let waits = [1, 2, 3, 7, 40, u32::MAX].map(|attempt| policy.wait(attempt, 1.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 60, 60, 60]);
        assert_eq!(policy.wait(2, 0.0), Duration::from_secs(1));
        assert_eq!(policy.wait(2, f64::NAN.max(0.5)), Duration::from_millis(1500));
        assert_eq!(policy.wait(2, 7.0), Duration::from_secs(2));
    }

    fn event() -> impl Strategy<Value = Event> {
        let failure = prop_oneof![
            2 => Just(None),
            3 => (0..KINDS.len()).prop_map(|kind| Some(KINDS[kind])),
        ];
        prop_oneof![
            Just(Event::Enqueue),
            (0..4_u8, 0..200_u64).prop_map(|(worker, until)| Event::Start {
                worker: worker.to_string(),
                until: at(until)
            }),
            (0..5_u64, 0..200_u64)
                .prop_map(|(fence, until)| Event::Renew { fence, until: at(until) }),
            (0..5_u64, failure, 0.0..1.0).prop_map(|(fence, failure, chance)| Event::Finish {
                fence,
                failure,
                chance
            }),
            (0..5_u64).prop_map(|fence| Event::HandBack { fence }),
            (0.0..1.0).prop_map(|chance| Event::Expire { chance }),
            Just(Event::Cancel),
        ]
    }

    proptest! {
        /// Whatever is asked, by whomever, in whatever order.
        #[test]
        fn any_history_keeps_the_rules(
            events in prop::collection::vec((event(), 0..200_u64), 0..60),
            max_attempts in 1..5_u32,
            on_exception in any::<bool>(),
        ) {
            let retry = RetryPolicy { max_attempts, on_exception, ..RetryPolicy::default() };
            let mut task = Task::new(retry);
            let mut finished = 0;
            for (event, second) in events {
                let before = task.clone();
                let Ok(next) = before.after(&event, at(second)) else { continue };
                prop_assert!(!before.state.is_final(), "nothing follows an end");
                prop_assert!(next == before || next.revision == before.revision + 1);
                prop_assert!(next.fence == before.fence || next.fence == before.fence + 1);
                prop_assert_eq!(next.lease.is_some(), next.state == TaskState::Running);
                prop_assert!(next.attempt <= max_attempts);
                prop_assert!(next.not_before.is_none() || next.state == TaskState::Queued);
                prop_assert!(!next.is_dead_letter || next.state == TaskState::Failed);
                prop_assert!(next.state != TaskState::Created || before.state == next.state);
                if let Some(lease) = &next.lease {
                    prop_assert_eq!(lease.fence, next.fence);
                }
                match &event {
                    Event::Finish { fence, .. } | Event::HandBack { fence }
                    | Event::Renew { fence, .. } => {
                        prop_assert_eq!(before.lease.as_ref().map(|lease| lease.fence), Some(*fence));
                    }
                    _ => {}
                }
                if before.cancel_requested {
                    prop_assert!(next.state != TaskState::Queued, "it is not run again");
                }
                finished += usize::from(next.state.is_final());
                task = next;
            }
            prop_assert!(finished <= 1);
        }
    }
}
