//! One call's conversation with a runner, from its inputs to how it ended.
//!
//! Knows lines and messages, not containers: what became of the container is for who owns it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use model::guest::{GuestFailure, LineBuffer, LogSink, ProgressSink};
use model::{CancelToken, Job, LogLevel, Logs, Operation};

use crate::files::{Answer, Files};
use crate::line::{Fault, Line, Peer};
use crate::messages::{Ended, Handler, Idle, LeftOut, Request, Said, Say, refused};

/// How often a call that says nothing is looked after: cancelling has no other way here.
const LOOK: Duration = Duration::from_millis(10);

/// For the runner to say that it has stopped a call. After that, the container is killed.
pub const STOP_WITHIN: Duration = Duration::from_millis(1500);

/// For the runner to clean up after a call.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// How a call ended, as far as its runner knows.
#[derive(Debug)]
pub enum End {
    /// Its result, as JSON text, if the stranger is to be believed.
    Result(Bytes),
    Failed(GuestFailure),
    /// The process ended without an answer.
    Ended(Ended),
    Stopped(Stop),
    /// The runner is gone; after how long, if it had said nothing of this call.
    Cut {
        unheard: Option<Duration>,
    },
    /// The runner broke the protocol.
    Broken(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Deadline,
    Cancelled,
}

/// What is known of a call after its conversation.
pub struct Talk {
    pub end: End,
    pub logs: Logs,
    /// From sending the call to its end.
    pub took: Duration,
    /// Whether the runner waits for the call to be swept up, so that it can serve again.
    pub settles: bool,
}

/// Has a call run. `started` is when it began for its caller.
pub fn converse<P: Peer>(line: &mut Line<P>, job: &Job, inputs: &[u8], started: Instant) -> Talk {
    let limits = &job.limits;
    let logs = LogSink::new(job.events.clone(), started, limits.log_bytes, job.deterministic);
    let mut call = Conversation {
        line,
        cancel: &job.cancel,
        files: Files::new(job.files.clone()),
        logs,
        stdout: LineBuffer::new(LogLevel::Stdout),
        stderr: LineBuffer::new(LogLevel::Stderr),
        progress: ProgressSink::new(job.events.clone()),
        sent: Instant::now(),
        heard: false,
        stop: None,
    };
    let (end, settles) = match call.hold(job, inputs) {
        Ok(end) => {
            let answered = !matches!(end, Ending::Unanswered(_));
            (end.into(), answered)
        }
        Err(Fault::Cut) => (call.cut(), false),
        Err(Fault::Broken(why)) => (End::Broken(why), false),
    };
    call.stdout.flush(&mut call.logs);
    call.stderr.flush(&mut call.logs);
    Talk { end, logs: call.logs.take(), took: call.sent.elapsed(), settles }
}

/// How a conversation ended whose line held.
enum Ending {
    Answered(End),
    /// The runner did not even stop.
    Unanswered(Stop),
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Answered(end) => end,
            Ending::Unanswered(stop) => Self::Stopped(stop),
        }
    }
}

struct Conversation<'a, P> {
    line: &'a mut Line<P>,
    cancel: &'a CancelToken,
    files: Files,
    logs: LogSink,
    stdout: LineBuffer,
    stderr: LineBuffer,
    progress: ProgressSink,
    sent: Instant,
    heard: bool,
    /// Why the runner was asked to stop, and until when it may take to do so.
    stop: Option<(Stop, Instant)>,
}

impl<P: Peer> Conversation<'_, P> {
    fn hold(&mut self, job: &Job, inputs: &[u8]) -> Result<Ending, Fault> {
        let (operation, policy) = match &job.operation {
            Operation::Call { .. } => ("call", None),
            Operation::Describe { .. } => ("describe", None),
            Operation::Test => ("test", None),
            Operation::Inspect { policy } => ("inspect", serde_json::to_vec(policy).ok()),
        };
        let run = Say::Run {
            id: 1,
            operation,
            deterministic: job.deterministic,
            output_bytes: job.limits.output_bytes,
            timeout_ms: u64::try_from(job.limits.timeout.as_millis()).unwrap_or(u64::MAX),
            bytes: true,
        };
        self.line.say(&run, Some(policy.as_deref().unwrap_or(inputs)))?;
        let deadline = self.sent + job.limits.timeout;
        loop {
            // Looked at on every turn: a call that is never silent ends as well.
            let until = match self.look(deadline)? {
                Look::Go(until) => until,
                Look::GiveUp(stop) => return Ok(Ending::Unanswered(stop)),
            };
            let patience = until.saturating_duration_since(Instant::now()).min(LOOK);
            let Some((said, bytes)) = self.line.hear(patience)? else { continue };
            self.heard = true;
            if let Some(end) = self.heed(said, bytes)? {
                // What came after it was told to stop is no answer any more.
                let stopped = self.stop.map(|(stop, _)| End::Stopped(stop));
                return Ok(Ending::Answered(stopped.unwrap_or(end)));
            }
        }
    }

    fn look(&mut self, deadline: Instant) -> Result<Look, Fault> {
        let now = Instant::now();
        let why = match self.stop {
            Some((stop, until)) if now >= until => return Ok(Look::GiveUp(stop)),
            Some((_, until)) => return Ok(Look::Go(until)),
            None if self.cancel.is_cancelled() => Stop::Cancelled,
            None if now >= deadline => Stop::Deadline,
            None => return Ok(Look::Go(deadline)),
        };
        self.line.say(&Say::Stop, None)?;
        let until = now + STOP_WITHIN;
        self.stop = Some((why, until));
        Ok(Look::Go(until))
    }

    /// Does what a message asks for; the end, if it was that.
    fn heed(&mut self, said: Said, bytes: Bytes) -> Result<Option<End>, Fault> {
        match said {
            Said::Log { level, message } => self.logs.push(level, message),
            Said::Print { is_error: false } => self.stdout.write(&bytes, &mut self.logs),
            Said::Print { is_error: true } => self.stderr.write(&bytes, &mut self.logs),
            Said::Progress { fraction, message } => self.progress.report(fraction, message),
            Said::Request(request) if self.stop.is_none() => self.serve(request, &bytes)?,
            // Nobody waits for it any more.
            Said::Request(_) => {}
            Said::Result => return Ok(Some(End::Result(bytes))),
            Said::Failed(failure) => return Ok(Some(End::Failed(failure))),
            // The runner keeps the deadline too, should we not.
            Said::Ended { stopped: true, .. } => return Ok(Some(End::Stopped(Stop::Deadline))),
            Said::Ended { how, stopped: false } => return Ok(Some(End::Ended(how))),
            said @ (Said::Ready { .. } | Said::Idle(_) | Said::Unclean { .. } | Said::Pong) => {
                return Err(Fault::Broken(format!("in the midst of a call: {}", brief(&said))));
            }
        }
        Ok(None)
    }

    fn serve(&mut self, request: Request, bytes: &Bytes) -> Result<(), Fault> {
        match self.files.answer(request, bytes) {
            Ok(Answer::Opened(handle)) => self.line.say(&Say::Opened { handle }, None),
            Ok(Answer::Content(content)) => {
                self.line.say(&Say::Read { bytes: true }, Some(&content))
            }
            Ok(Answer::Done) => self.line.say(&Say::Done, None),
            Err(error) => self.line.say(&refused(error), None),
        }
    }

    fn cut(&self) -> End {
        match self.stop {
            Some((stop, _)) => End::Stopped(stop),
            None => End::Cut { unheard: (!self.heard).then(|| self.sent.elapsed()) },
        }
    }
}

enum Look {
    Go(Instant),
    GiveUp(Stop),
}

/// Tells a new runner what it is for. It is ready when it says so: `until_ready`.
pub fn prepare<P: Peer>(line: &mut Line<P>, job: &Job, preload: &[String]) -> Result<(), Fault> {
    let handler = match &job.operation {
        Operation::Call { handler, .. } | Operation::Describe { handler } => {
            Some(Handler { path: &handler.path, callable: &handler.callable, init: &handler.init })
        }
        Operation::Inspect { .. } | Operation::Test => None,
    };
    let left_out = job.bundle.left_out.iter();
    let left_out = left_out
        .map(|import| LeftOut { name: &import.module, file: &import.file, line: import.line })
        .collect();
    let message = Say::Prepare {
        preload,
        tmp_bytes: job.limits.tmp_bytes,
        tmp_nodes: model::limits::TMP_NODES,
        handler,
        left_out,
    };
    line.say(&message, None)
}

/// Why a runner did not become ready.
#[derive(Debug)]
pub enum NotReady {
    Cancelled,
    TooSlow,
    Fault(Fault),
}

/// Waits for a new runner.
pub fn until_ready<P: Peer>(
    line: &mut Line<P>,
    until: Instant,
    cancel: &CancelToken,
) -> Result<(), NotReady> {
    loop {
        if cancel.is_cancelled() {
            return Err(NotReady::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(NotReady::TooSlow);
        }
        match line.hear(left.min(LOOK)).map_err(NotReady::Fault)? {
            None => {}
            Some((Said::Ready { python, preloaded }, _)) => {
                tracing::debug!(python, ?preloaded, "a runner is ready");
                return Ok(());
            }
            Some((said, _)) => {
                let why = format!("before it was ready: {}", brief(&said));
                return Err(NotReady::Fault(Fault::Broken(why)));
            }
        }
    }
}

/// Waits until a runner has cleaned up after a call.
pub fn settle<P: Peer>(line: &mut Line<P>, within: Duration) -> Result<Idle, Fault> {
    match expect(line, within)? {
        Some(Said::Idle(idle)) => Ok(idle),
        Some(Said::Unclean { why }) => Err(Fault::Broken(format!("not clean: {why}"))),
        Some(said) => Err(Fault::Broken(format!("after a call: {}", brief(&said)))),
        None => Err(Fault::Broken(format!("no word within {within:?} after a call"))),
    }
}

/// Whether a runner that waits for a call is well.
pub fn ping<P: Peer>(line: &mut Line<P>, within: Duration) -> Result<(), Fault> {
    line.say(&Say::Ping, None)?;
    match expect(line, within)? {
        Some(Said::Pong) => Ok(()),
        Some(said) => Err(Fault::Broken(format!("to a ping: {}", brief(&said)))),
        None => Err(Fault::Broken(format!("no answer to a ping within {within:?}"))),
    }
}

fn expect<P: Peer>(line: &mut Line<P>, within: Duration) -> Result<Option<Said>, Fault> {
    let until = Instant::now() + within;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        if let Some((said, _)) = line.hear(left)? {
            return Ok(Some(said));
        }
    }
}

/// A stranger's message, for our log.
fn brief(said: &Said) -> String {
    model::json::cut(&format!("{said:?}"), 200)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
