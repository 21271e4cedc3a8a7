//! One container, from its creation to its removal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::ContainerState;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, InspectContainerOptions,
    StartContainerOptions,
};
use model::{CancelToken, Limits};

use super::attached::Attached;
use super::cgroup::Cgroup;
use super::ours::Ours;
use super::spec;
use crate::daemon::{Daemon, DaemonError};
use crate::settings::Settings;

/// For the daemon to make and start a container.
const START_WITHIN: Duration = Duration::from_secs(60);

/// For the daemon to pause one, or to go on with it.
const PAUSE_WITHIN: Duration = Duration::from_secs(10);

/// For the daemon to say what became of a container whose streams have ended.
const FATE_WITHIN: Duration = Duration::from_secs(2);

const LOOK: Duration = Duration::from_millis(10);

/// What a container is made for.
pub struct Order<'a> {
    pub image: &'a str,
    pub limits: &'a Limits,
    pub settings: &'a Settings,
    pub labels: HashMap<String, String>,
}

/// A container that was started. Dropped, it is killed and removed, by others.
pub struct Container {
    daemon: Arc<Daemon>,
    name: Named,
    id: String,
}

#[derive(Debug)]
pub enum NotStarted {
    Cancelled,
    TooSlow,
    Daemon(DaemonError),
}

/// What `TooSlow` means to a call.
pub fn too_slow() -> DaemonError {
    DaemonError::Gone("no container was started in time".to_owned())
}

/// What became of a container whose streams have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The kernel killed it for want of memory.
    OutOfMemory,
    Exited(i64),
    /// The daemon does not answer, or knows nothing of it, or it lives but is out of reach.
    Unknown,
}

impl Fate {
    /// Whether somebody else ended it. Nothing inside can kill its first process, and a runner
    /// ends well only when its input ends: the daemon let go of it.
    pub fn is_by_others(self) -> bool {
        matches!(self, Self::Unknown | Self::Exited(0 | 137 | 143 | 255))
    }
}

/// A name that is removed with the container, should there be one.
struct Named {
    ours: Arc<Ours>,
    name: String,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.ours.remove(std::mem::take(&mut self.name));
    }
}

impl Container {
    /// Makes a container, is attached to it, and starts it.
    pub fn start(
        daemon: &Arc<Daemon>,
        ours: &Arc<Ours>,
        order: Order,
        cancel: &CancelToken,
    ) -> Result<(Self, Attached), NotStarted> {
        let name = Named { name: ours.new_name(), ours: ours.clone() };
        let work = Self::begin(daemon, &name.name, order);
        let begun = daemon.wait(async {
            tokio::select! {
                begun = tokio::time::timeout(START_WITHIN, work) => match begun {
                    Ok(begun) => begun.map_err(NotStarted::Daemon),
                    Err(_) => Err(NotStarted::TooSlow),
                },
                () = cancelled(cancel) => Err(NotStarted::Cancelled),
            }
        });
        let (id, attached) = begun?;
        Ok((Self { daemon: daemon.clone(), name, id }, attached))
    }

    async fn begin(
        daemon: &Arc<Daemon>,
        name: &str,
        order: Order<'_>,
    ) -> Result<(String, Attached), DaemonError> {
        let docker = daemon.docker().await?;
        let Order { image, limits, settings, labels } = order;
        let body = spec::body(image, limits, settings, labels);
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let created = docker.create_container(Some(options), body).await?;
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let streams = docker.attach_container(name, Some(options)).await?;
        let attached = Attached::new(daemon.handle(), streams);
        docker.start_container(name, None::<StartContainerOptions>).await?;
        Ok((created.id, attached))
    }

    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// Where the kernel counts what it uses, if that can be read here.
    pub fn cgroup(&self) -> Option<Cgroup> {
        let pid = self.state().ok()?.pid?;
        Cgroup::of(pid, &self.id)
    }

    pub fn pause(&self) -> Result<(), DaemonError> {
        self.request(async |docker, name| docker.pause_container(name).await)
    }

    pub fn unpause(&self) -> Result<(), DaemonError> {
        self.request(async |docker, name| docker.unpause_container(name).await)
    }

    /// Asked after its streams have ended: its end is known soon after, not at once.
    pub fn fate(&self) -> Fate {
        let until = Instant::now() + FATE_WITHIN;
        loop {
            match self.state() {
                Ok(state) if state.running == Some(true) && Instant::now() < until => {
                    std::thread::sleep(LOOK);
                }
                Ok(state) => return Fate::of(&state),
                Err(_) => return Fate::Unknown,
            }
        }
    }

    fn state(&self) -> Result<ContainerState, DaemonError> {
        let docker = self.daemon.client()?;
        let inspected = self.daemon.wait(async {
            let asked = docker.inspect_container(self.name(), None::<InspectContainerOptions>);
            tokio::time::timeout(FATE_WITHIN, asked).await
        });
        let inspected =
            inspected.map_err(|_| DaemonError::Gone("no answer in time".to_owned()))??;
        Ok(inspected.state.unwrap_or_default())
    }

    fn request(
        &self,
        what: impl AsyncFnOnce(&bollard::Docker, &str) -> Result<(), bollard::errors::Error>,
    ) -> Result<(), DaemonError> {
        let docker = self.daemon.client()?;
        let done = self
            .daemon
            .wait(async { tokio::time::timeout(PAUSE_WITHIN, what(&docker, self.name())).await });
        Ok(done.map_err(|_| DaemonError::Gone("no answer in time".to_owned()))??)
    }
}

impl Fate {
    fn of(state: &ContainerState) -> Self {
        match (state.oom_killed, state.running, state.exit_code) {
            (Some(true), _, _) => Self::OutOfMemory,
            (_, Some(false), Some(status)) => Self::Exited(status),
            _ => Self::Unknown,
        }
    }
}

/// Ends when a call is cancelled.
pub async fn cancelled(cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ended_a_container_shows_in_its_state() {
        let fate = |oom, running, status| {
            Fate::of(&ContainerState {
                oom_killed: Some(oom),
                running: Some(running),
                exit_code: Some(status),
                ..ContainerState::default()
            })
        };
        assert_eq!(fate(true, false, 137), Fate::OutOfMemory);
        assert!(fate(false, false, 137).is_by_others());
        assert!(!fate(false, false, 1).is_by_others());
        assert_eq!(fate(false, true, 0), Fate::Unknown);
    }
}
