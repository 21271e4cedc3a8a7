//! A package's own program: one container per call, its inputs as JSON on standard input, its
//! result as JSON on standard output, and what it writes to standard error its log.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::guest::{LineBuffer, LogSink};
use model::image::Recipe;
use model::json::cut;
use model::limits::Phases;
use model::{ErrorKind, ExecutorError, Failure, Job, LogLevel, Logs, Operation, Outcome, Usage};
use serde_json::Value;

use crate::attempt::{Inner, NotHad, Tell, Tried, end, milliseconds, told};

use crate::containers::Source;
use crate::containers::attached::Attached;
use crate::containers::cgroup::{Before, Cgroup, Used};
use crate::containers::container::{Container, Fate, NotStarted, Order, too_slow};
use crate::containers::pool::Taken;
use crate::key::Key;
use crate::line::Peer;
use crate::outcome::{self, output_too_large, read_answer, stopped};
use crate::run::Stop;

/// How often a program that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(10);

/// How often its counters are read: they are gone with it.
const COUNT: Duration = Duration::from_millis(50);

/// What is kept of the end of its standard error.
const TAIL_BYTES: usize = 16 * 1024;

/// Of its last line, in a message.
const LINE_BYTES: usize = 1024;

/// How a program ended.
struct Ran {
    /// Nothing if somebody else ended its container.
    result: Option<Result<Value, Failure>>,
    logs: Logs,
    took: Duration,
    used: Used,
}

impl Inner {
    /// Runs a call of a package that brings its own image.
    pub fn run_program(
        &self,
        job: &Job,
        recipe: &Recipe,
        image: &str,
        inputs: &Bytes,
        tell: Tell,
    ) -> Result<Tried, ExecutorError> {
        if !matches!(job.operation, Operation::Call { .. }) {
            let message = "a package's own program can only be called";
            return Err(ExecutorError::Internal(message.to_owned()));
        }
        let number = self.programs.fetch_add(1, Ordering::Relaxed);
        // A place among all others, for as long as this call takes.
        let _lease = match self.take(&Key::once(number), job) {
            Ok(Taken::Room(lease) | Taken::Ready { lease, .. }) => lease,
            Err(NotHad::Cancelled) => return Ok(end(tell, outcome::cancelled())),
            Err(NotHad::Error(error)) => return Err(error),
        };
        let started = Instant::now();
        let order = Order {
            image,
            limits: &job.limits,
            settings: &self.settings,
            labels: self.ours.labels(&job.tenant, recipe),
        };
        let begun = Container::start(&self.daemon, &self.ours, order, &job.cancel);
        let (container, attached) = match begun {
            Ok(begun) => begun,
            Err(NotStarted::Cancelled) => return Ok(end(tell, outcome::cancelled())),
            Err(NotStarted::TooSlow) => return Err(told(too_slow())),
            Err(NotStarted::Daemon(error)) => return self.daemon_failed(error, job, image),
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        let instantiate = started.elapsed();
        let ran = run(&container, attached, job, inputs, started);
        let Some(result) = ran.result else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.care.after_loss();
            let name = container.name();
            let lost = format!("the call's container {name} was ended by somebody else");
            return Err(ExecutorError::Unavailable(lost));
        };
        tell(Outcome {
            result,
            logs: ran.logs,
            warnings: Vec::new(),
            usage: Usage {
                fuel: None,
                wall_ms: milliseconds(started.elapsed()),
                cpu_ms: milliseconds(ran.used.cpu),
                peak_memory_bytes: ran.used.peak_bytes,
                cold: true,
                phases: Phases { instantiate, load: Duration::ZERO, call: ran.took },
            },
        });
        Ok(Tried::Told)
    }
}

/// Runs a program that was just started.
fn run(
    container: &Container,
    mut attached: Attached,
    job: &Job,
    inputs: &Bytes,
    started: Instant,
) -> Ran {
    let limits = &job.limits;
    let logs = LogSink::new(job.events.clone(), started, limits.log_bytes, job.deterministic);
    let begun = Instant::now();
    let mut running = Running {
        job,
        deadline: begun + limits.timeout,
        stderr: LineBuffer::new(LogLevel::Stderr),
        logs,
        answer: Vec::new(),
        tail: Vec::new(),
        counted: Counted::new(container),
    };
    // One that reads nothing may answer all the same.
    let _ = attached.send(inputs.clone());
    attached.end_input();
    let result = match running.listen(&attached) {
        Ok(()) => running.tell(container.fate()),
        Err(failure) => Some(Err(failure)),
    };
    running.stderr.flush(&mut running.logs);
    let logs = running.logs.take();
    Ran { result, logs, took: begun.elapsed(), used: running.counted.used }
}

struct Running<'a> {
    job: &'a Job,
    deadline: Instant,
    logs: LogSink,
    stderr: LineBuffer,
    answer: Vec<u8>,
    tail: Vec<u8>,
    counted: Counted,
}

impl Running<'_> {
    /// Hears a program until its streams end.
    fn listen(&mut self, attached: &Attached) -> Result<(), Failure> {
        loop {
            let now = Instant::now();
            if self.job.cancel.is_cancelled() {
                return Err(stopped(Stop::Cancelled, &self.job.limits));
            }
            if now >= self.deadline {
                return Err(stopped(Stop::Deadline, &self.job.limits));
            }
            self.counted.look(now);
            match attached.take((self.deadline - now).min(LOOK)) {
                Ok(None) => {}
                Ok(Some((Source::Out, piece))) => {
                    self.answer.extend_from_slice(&piece);
                    // A line's end is not the result's.
                    if self.answer.len() as u64 > self.job.limits.output_bytes.saturating_add(2) {
                        return Err(output_too_large(&self.job.limits));
                    }
                }
                Ok(Some((Source::Err, piece))) => {
                    self.stderr.write(&piece, &mut self.logs);
                    self.tail.extend_from_slice(&piece);
                    let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
                    self.tail.drain(..surplus);
                }
                Err(_) => return Ok(()),
            }
        }
    }

    fn tell(&self, fate: Fate) -> Option<Result<Value, Failure>> {
        let limits = &self.job.limits;
        let memory = || Some(Err(model::guest::memory_exceeded(limits)));
        match fate {
            Fate::OutOfMemory => memory(),
            Fate::Exited(0) => Some(read_answer(self.answer.trim_ascii(), limits)),
            _ if self.counted.used.was_killed => memory(),
            Fate::Exited(status) if !fate.is_by_others() => Some(Err(self.failed(status))),
            Fate::Exited(_) | Fate::Unknown => None,
        }
    }

    fn failed(&self, status: i64) -> Failure {
        let tail = String::from_utf8_lossy(&self.tail);
        let mut message = format!("the program ended with status {status}");
        if let Some(last) = tail.lines().rev().find(|line| !line.trim().is_empty()) {
            message = format!("{message}: {}", cut(last.trim(), LINE_BYTES));
        }
        let traceback = (!tail.trim().is_empty()).then(|| tail.trim().to_owned());
        Failure { traceback, ..Failure::new(ErrorKind::Exception, message) }
    }
}

/// What a container has used, as it was last seen.
struct Counted {
    group: Option<Cgroup>,
    before: Before,
    used: Used,
    next: Instant,
}

impl Counted {
    fn new(container: &Container) -> Self {
        Self {
            group: container.cgroup(),
            // From its very beginning.
            before: Before::new_group(),
            used: Used::default(),
            next: Instant::now(),
        }
    }

    fn look(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.next = now + COUNT;
        if let Some(used) = self.group.as_mut().and_then(|group| group.since(&self.before)) {
            self.used = used;
        }
    }
}
