//! A container with a runner in it, that calls are sent to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::Job;
use model::image::Recipe;

use super::attached::Attached;
use super::cgroup::{Before, Cgroup, Used};
use super::container::{Container, Fate, NotStarted, Order, too_slow};
use super::ours::Ours;
use crate::daemon::{Daemon, DaemonError};
use crate::line::{Fault, Line};
use crate::messages::Idle;
use crate::run::{self, NotReady, Talk};
use crate::settings::Settings;

/// For a runner to import what a function depends on.
pub const READY_WITHIN: Duration = Duration::from_secs(60);

/// For a runner that is well to answer a ping.
const PING_WITHIN: Duration = Duration::from_secs(2);

/// Dropped, the container goes.
pub struct Warm {
    // Let go of before the container is removed.
    line: Line<Attached>,
    container: Container,
    cgroup: Option<Cgroup>,
}

/// Why there is no container for a call.
#[derive(Debug)]
pub enum NotWarm {
    Cancelled,
    Daemon(DaemonError),
    /// It was not ready in time.
    TooSlow,
    /// The runner ended before it was ready: the function's dependencies ran in it.
    Ended(Fate),
    Broken(String),
}

impl Warm {
    /// Starts one, and waits until its runner is ready.
    pub fn start(
        daemon: &Arc<Daemon>,
        ours: &Arc<Ours>,
        settings: &Settings,
        image: &str,
        recipe: &Recipe,
        job: &Job,
    ) -> Result<Self, NotWarm> {
        let order = Order {
            image,
            limits: &job.limits,
            settings,
            labels: ours.labels(&job.tenant, recipe),
        };
        let started = Container::start(daemon, ours, order, &job.cancel);
        let (container, attached) = started.map_err(|error| match error {
            NotStarted::Cancelled => NotWarm::Cancelled,
            NotStarted::TooSlow => NotWarm::Daemon(too_slow()),
            NotStarted::Daemon(error) => NotWarm::Daemon(error),
        })?;
        // Not the daemon's time: what is slow from here on is the function's own imports.
        let until = Instant::now() + READY_WITHIN;
        let mut line = Line::new(attached);
        let prepared = run::prepare(&mut line, job, &recipe.preload);
        // While the runner starts.
        let cgroup = container.cgroup();
        let ready = prepared
            .map_err(NotReady::Fault)
            .and_then(|()| run::until_ready(&mut line, until, &job.cancel));
        match ready {
            Ok(()) => Ok(Self { line, container, cgroup }),
            Err(NotReady::Cancelled) => Err(NotWarm::Cancelled),
            Err(NotReady::TooSlow) => Err(NotWarm::TooSlow),
            Err(NotReady::Fault(Fault::Cut)) => Err(NotWarm::Ended(container.fate())),
            Err(NotReady::Fault(Fault::Broken(why))) => Err(NotWarm::Broken(why)),
        }
    }

    pub fn name(&self) -> &str {
        self.container.name()
    }

    /// Whether it can no longer serve, as far as can be seen from here.
    pub fn is_lost(&self) -> bool {
        self.line.peer().is_cut()
    }

    /// Whether it waits for a call, as it should.
    pub fn is_silent(&mut self) -> bool {
        self.line.is_silent().unwrap_or(false)
    }

    /// Runs a call, whose inputs are JSON already.
    pub fn call(&mut self, job: &Job, inputs: &Bytes, started: Instant) -> (Talk, Option<Used>) {
        let before = self.cgroup.as_mut().map(Cgroup::before);
        let talk = run::converse(&mut self.line, job, inputs, started);
        let used = self.used_since(before);
        (talk, used)
    }

    /// Waits until it is clean again.
    pub fn settle(&mut self) -> Result<Idle, Fault> {
        run::settle(&mut self.line, run::SETTLE_WITHIN)
    }

    pub fn fate(&self) -> Fate {
        self.container.fate()
    }

    /// Whether its runner answers. If so it is paused.
    pub fn pause(&mut self) -> Result<(), String> {
        run::ping(&mut self.line, PING_WITHIN).map_err(|fault| fault.to_string())?;
        self.container.pause().map_err(|error| error.to_string())
    }

    pub fn unpause(&self) -> Result<(), DaemonError> {
        self.container.unpause()
    }

    fn used_since(&mut self, before: Option<Before>) -> Option<Used> {
        self.cgroup.as_mut()?.since(&before?)
    }
}
