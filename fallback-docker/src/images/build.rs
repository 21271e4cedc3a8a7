//! One build: sent, heard, bounded, and cleaned up after.
//!
//! By the daemon's own builder, which runs each step in a container: without network, with
//! bounded memory. The image has no name until it is whole and small enough, so nobody sees
//! another's unfinished one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::query_parameters::{
    BuildImageOptions, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};
use bollard::{Docker, body_try_stream};
use futures_util::StreamExt;
use model::CancelToken;
use model::image::ImageError;

use super::context::{self, Part};
use super::log::Log;
use super::room::{Room, no_room};
use super::told;
use crate::daemon::{Daemon, DaemonError};
use crate::settings::BuildLimits;

const LOOK: Duration = Duration::from_millis(50);
const LOOK_AT_DISK: Duration = Duration::from_secs(1);

/// Of a build's steps, so that they leave something for calls.
const CPUS: i32 = 2;
const CPU_PERIOD: i32 = 100_000;

/// How long the daemon may take to let go of a build that was ended.
const LETTING_GO: Duration = Duration::from_secs(60);

pub struct Order {
    pub dockerfile: String,
    pub parts: Vec<Part>,
    /// Put on at the very end, whatever the Dockerfile says.
    pub labels: Option<HashMap<String, String>>,
    /// Images that it begins with, and that are not its own.
    pub from: Vec<String>,
    /// Whose fault it is if a step fails: the author's or ours.
    pub is_authors: bool,
}

pub enum BuildError {
    /// An image that it begins with is gone.
    ParentGone(String),
    Image(ImageError),
}

impl From<ImageError> for BuildError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// What a build has made so far.
#[derive(Default)]
struct Made {
    id: Option<String>,
    containers: Vec<String>,
    images: Vec<String>,
}

/// What a build is done with.
pub struct Builder<'a> {
    pub daemon: &'a Daemon,
    pub limits: &'a BuildLimits,
    pub room: &'a Room,
    pub log: &'a Log<'a>,
    pub cancel: &'a CancelToken,
}

/// Why a build ended without an image.
enum Ended {
    Cancelled,
    Late,
    NoRoom(u64),
    Daemon(DaemonError),
}

impl From<bollard::errors::Error> for Ended {
    fn from(error: bollard::errors::Error) -> Self {
        Self::Daemon(error.into())
    }
}

impl Builder<'_> {
    /// Builds an image without a name; answers its id.
    pub fn build(&self, order: Order) -> Result<String, BuildError> {
        if let Some(free) = self.room.free(self.daemon)?
            && free < self.limits.free_bytes
        {
            return Err(no_room(free, self.limits.free_bytes).into());
        }
        let docker = self.daemon.client().map_err(told)?.with_timeout(self.limits.timeout);
        let Order { dockerfile, mut parts, labels, from, is_authors } = order;
        // Last: it replaces a package's own.
        parts.push(Part::File("Dockerfile".to_owned(), dockerfile.into_bytes()));
        let mut made = Made::default();
        let result = self.daemon.wait(self.hear(&docker, parts, labels, &mut made));
        self.log.flush();
        let result = result.map_err(|ended| self.tell(ended, is_authors));
        let result = result.and_then(|()| {
            let id = made.id.clone().ok_or_else(|| {
                let unfinished = "the Docker daemon ended a build halfway: it may be stopping";
                ImageError::Unavailable(unfinished.to_owned())
            })?;
            self.daemon.wait(self.check_size(&docker, &id))?;
            Ok(id)
        });
        // An author's stages that are not in the image stay even if all went well.
        if result.is_err() || is_authors {
            self.daemon.wait(clean(&docker, &made, result.as_deref().ok(), &from));
        }
        result
    }

    async fn hear(
        &self,
        docker: &Docker,
        parts: Vec<Part>,
        labels: Option<HashMap<String, String>>,
        made: &mut Made,
    ) -> Result<(), Ended> {
        let memory = i32::try_from(self.limits.memory_bytes).unwrap_or(i32::MAX);
        let options = BuildImageOptions {
            nocache: true,
            rm: true,
            forcerm: true,
            networkmode: Some("none".to_owned()),
            memory: Some(memory),
            memswap: Some(memory),
            cpuperiod: Some(CPU_PERIOD),
            cpuquota: Some(CPUS * CPU_PERIOD),
            labels,
            ..BuildImageOptions::default()
        };
        let body = body_try_stream(context::stream(self.daemon.handle(), parts));
        // Dropped when this returns, and with it the connection, which ends the build.
        let mut said = docker.build_image(options, None, Some(body));
        let began = Instant::now();
        let mut looks = tokio::time::interval(LOOK);
        let mut looked_at_disk = began;
        loop {
            tokio::select! {
                item = said.next() => {
                    let Some(item) = item else { return Ok(()) };
                    let item = item?;
                    if let Some(text) = item.stream {
                        made.read(&text);
                        self.log.print(&text);
                    }
                    if let Some(id) = item.aux.and_then(|aux| aux.id) {
                        made.id = Some(id);
                    }
                }
                _ = looks.tick() => {
                    if self.cancel.is_cancelled() {
                        return Err(Ended::Cancelled);
                    }
                    if began.elapsed() > self.limits.timeout {
                        return Err(Ended::Late);
                    }
                    if looked_at_disk.elapsed() > LOOK_AT_DISK {
                        looked_at_disk = Instant::now();
                        // Half of what it began with: other builds take their part.
                        let least = self.limits.free_bytes / 2;
                        if let Some(free) = self.room.seen() && free < least {
                            return Err(Ended::NoRoom(free));
                        }
                    }
                }
            }
        }
    }

    fn tell(&self, ended: Ended, is_authors: bool) -> BuildError {
        let failed = match ended {
            Ended::Cancelled => return ImageError::Cancelled.into(),
            Ended::NoRoom(free) => return no_room(free, self.limits.free_bytes).into(),
            Ended::Late => {
                let seconds = self.limits.timeout.as_secs();
                let late = format!("building the image took longer than {seconds} s");
                return if is_authors {
                    ImageError::Refused(format!("Dockerfile: {late}: let its steps do less")).into()
                } else {
                    ImageError::Unavailable(late).into()
                };
            }
            Ended::Daemon(DaemonError::Failed(message)) => message,
            Ended::Daemon(error) => return told(error).into(),
        };
        if is_gone(&failed) {
            return BuildError::ParentGone(failed);
        }
        let tail = self.log.take_tail();
        let tail = if tail.is_empty() { tail } else { format!("\n{tail}") };
        if is_authors {
            let memory = self.limits.memory_bytes / model::limits::MIB;
            // What a shell says of a process that signal 9 ended.
            let hint = if failed.contains("non-zero code: 137") {
                format!(" (a build may use {memory} MiB of memory)")
            } else {
                String::new()
            };
            ImageError::Refused(format!("Dockerfile: the build failed: {failed}{hint}{tail}"))
                .into()
        } else {
            ImageError::Internal(format!("building the image failed: {failed}{tail}")).into()
        }
    }

    async fn check_size(&self, docker: &Docker, id: &str) -> Result<(), ImageError> {
        let image = docker.inspect_image(id).await.map_err(|error| told(error.into()))?;
        let size = u64::try_from(image.size.unwrap_or(0)).unwrap_or(0);
        if size <= self.limits.image_bytes {
            return Ok(());
        }
        // It has no name: this is all of it.
        if let Err(error) = remove(docker, id).await {
            tracing::warn!(%error, image = id, "an image that is too large stays");
        }
        Err(ImageError::Refused(format!(
            "the image has {} MB, and may have {} MB with its base: leave out dependencies or files",
            size / 1_000_000,
            self.limits.image_bytes / 1_000_000,
        )))
    }
}

/// Whether a build failed for want of the image that it begins with: the daemon takes its id
/// for a name to be pulled.
fn is_gone(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let says =
        ["no such image", "pull access denied", "invalid repository name", "unknown parent image"];
    says.iter().any(|words| lower.contains(words))
}

impl Made {
    /// Notes what the daemon says of each step: ` ---> Running in 0123456789ab`, then
    /// ` ---> 0123456789ab`. A step can print the same, so what is removed is looked at.
    fn read(&mut self, text: &str) {
        for line in text.lines() {
            let Some(told) = line.strip_prefix(" ---> ") else { continue };
            let (list, id) = match told.strip_prefix("Running in ") {
                Some(id) => (&mut self.containers, id.trim()),
                None => (&mut self.images, told.trim()),
            };
            let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id && list.len() < 1000 {
                list.push(id.to_owned());
            }
        }
    }
}

/// Removes what a build has left: containers, and images without a name.
async fn clean(docker: &Docker, made: &Made, result: Option<&str>, from: &[String]) {
    let until = Instant::now() + LETTING_GO;
    for container in &made.containers {
        let ours = docker.inspect_container(container, None).await;
        // A step that prints another container's id ends nothing but itself: a build's
        // container has no name of ours, and is made of an image that the build made.
        let image = match ours {
            Ok(found) => found.image.unwrap_or_default(),
            Err(_) => continue,
        };
        let is_ours = made.images.iter().chain(from).any(|id| is_same(&image, id));
        while is_ours && Instant::now() < until {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            let removed = docker.remove_container(container, Some(options)).await;
            match removed.map_err(DaemonError::from) {
                Ok(()) | Err(DaemonError::Missing(_)) => break,
                // It is being removed already.
                Err(DaemonError::Conflict(_)) => tokio::time::sleep(LOOK).await,
                Err(error) => {
                    tracing::warn!(%error, container, "a build's container stays");
                    break;
                }
            }
        }
    }
    // The newest first: older ones are below it, and go with it.
    for image in made.images.iter().rev() {
        if from.iter().chain(result.map(str::to_owned).as_ref()).any(|id| is_same(id, image)) {
            continue;
        }
        let Ok(found) = docker.inspect_image(image).await else { continue };
        let is_named = found.repo_tags.is_some_and(|tags| !tags.is_empty())
            || found.repo_digests.is_some_and(|digests| !digests.is_empty());
        if is_named {
            continue;
        }
        while Instant::now() < until {
            match remove(docker, image).await {
                // A conflict with an image above it is for good, with a container it passes.
                Err(DaemonError::Conflict(why)) if !why.contains("dependent child") => {
                    tokio::time::sleep(LOOK).await;
                }
                _ => break,
            }
        }
    }
}

fn is_same(full: &str, short: &str) -> bool {
    full.trim_start_matches("sha256:").starts_with(short.trim_start_matches("sha256:"))
}

/// Takes an image's name, and the image with it if it has no other.
pub async fn remove(docker: &Docker, image: &str) -> Result<(), DaemonError> {
    let options = RemoveImageOptionsBuilder::default().build();
    docker.remove_image(image, Some(options), None).await?;
    Ok(())
}
