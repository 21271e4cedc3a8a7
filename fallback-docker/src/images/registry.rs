//! The registry that workers share images through.
//!
//! It is believed half: an image that comes from there has to say that it is what was asked
//! for, and to consist of the very base that is here. It is never needed: what cannot be
//! pulled is built, and what cannot be pushed stays here.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, PushImageOptionsBuilder, RemoveImageOptionsBuilder,
    TagImageOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use model::CancelToken;
use model::image::ImageError;
use parking_lot::Mutex;

use super::layers::{Kind, Layer};
use super::log::Log;
use super::{CONTENT, PARENT, label};
use crate::daemon::{Daemon, DaemonError};
use crate::settings::Registry;

const LOOK: Duration = Duration::from_millis(50);

/// For how long a registry that did not answer is not asked for images.
const PAUSE: Duration = Duration::from_secs(60);

pub struct Remote {
    registry: Registry,
    /// What image names begin with here.
    images: String,
    timeout: Duration,
    silent_since: Mutex<Option<Instant>>,
}

/// Why nothing was pulled or pushed.
#[derive(Debug)]
pub enum Failed {
    Cancelled,
    Late,
    Daemon(DaemonError),
}

impl Remote {
    pub fn new(registry: &Registry, images: &str, timeout: Duration) -> Self {
        Self {
            registry: registry.clone(),
            images: images.to_owned(),
            timeout,
            silent_since: Mutex::new(None),
        }
    }

    /// Under which name the registry has a layer.
    fn repository(&self, layer: &Layer) -> String {
        let name = layer.repository.strip_prefix(&self.images).unwrap_or(&layer.repository);
        format!("{}/{}", self.registry.prefix.trim_end_matches('/'), name.trim_start_matches('/'))
    }

    /// Credentials, for a reference that is this registry's.
    pub fn credentials(&self, reference: &str) -> Option<DockerCredentials> {
        let host = self.registry.prefix.split('/').next().unwrap_or_default();
        let is_its = reference.split('/').next() == Some(host);
        (is_its && self.registry.user.is_some()).then(|| DockerCredentials {
            username: self.registry.user.clone(),
            password: self.registry.password.clone(),
            serveraddress: Some(host.to_owned()),
            ..DockerCredentials::default()
        })
    }

    /// Brings a layer here and names it, if the registry has it and it is what it should be.
    pub fn pull(
        &self,
        daemon: &Daemon,
        layer: &Layer,
        base: &[String],
        image_bytes: u64,
        log: &Log<'_>,
        cancel: &CancelToken,
    ) -> Result<Option<String>, ImageError> {
        if self.silent_since.lock().is_some_and(|since| since.elapsed() < PAUSE) {
            return Ok(None);
        }
        let repository = self.repository(layer);
        let reference = format!("{repository}:{}", layer.content);
        let docker = daemon.client().map_err(super::told)?.with_timeout(self.timeout);
        let pulled = daemon.wait(pull(
            &docker,
            &reference,
            self.credentials(&reference),
            self.timeout,
            cancel,
        ));
        match pulled {
            Ok(()) => {}
            Err(Failed::Cancelled) => return Err(ImageError::Cancelled),
            Err(Failed::Daemon(DaemonError::Gone(why))) if daemon.check().is_err() => {
                return Err(super::told(DaemonError::Gone(why)));
            }
            Err(Failed::Daemon(error)) if is_absent(&error) => return Ok(None),
            Err(failed) => {
                *self.silent_since.lock() = Some(Instant::now());
                log.say(&format!("warning: `{reference}` cannot be pulled: {failed}"));
                return Ok(None);
            }
        }
        daemon.wait(async {
            let image = docker.inspect_image(&reference).await.map_err(told)?;
            let fits = fits(&image, layer, base, image_bytes);
            if fits.is_ok() {
                name(&docker, &reference, &layer.repository, &layer.content).await.map_err(told)?;
            }
            unname(&docker, &reference).await;
            match fits {
                Ok(()) => {
                    log.say(&format!("pulled {}", layer.tag()));
                    Ok(image.id)
                }
                Err(why) => {
                    tracing::warn!(reference, why, "the registry has a wrong image");
                    log.say(&format!("warning: `{reference}` is not used: {why}"));
                    Ok(None)
                }
            }
        })
    }

    /// Gives a layer to the registry. Going without is no failure.
    pub fn push(
        &self,
        daemon: &Daemon,
        layer: &Layer,
        log: &Log<'_>,
        cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        let repository = self.repository(layer);
        let reference = format!("{repository}:{}", layer.content);
        let docker = daemon.client().map_err(super::told)?.with_timeout(self.timeout);
        let pushed = daemon.wait(async {
            name(&docker, &layer.tag(), &repository, &layer.content).await?;
            let options = PushImageOptionsBuilder::default().tag(&layer.content).build();
            let credentials = self.credentials(&reference);
            let said = docker.push_image(&repository, Some(options), credentials);
            let pushed = hear(said, self.timeout, cancel).await;
            unname(&docker, &reference).await;
            pushed
        });
        match pushed {
            Ok(()) => log.say(&format!("pushed {reference}")),
            Err(Failed::Cancelled) => return Err(ImageError::Cancelled),
            Err(failed) => {
                tracing::warn!(reference, %failed, "an image cannot be pushed");
                log.say(&format!("warning: `{reference}` cannot be pushed: {failed}"));
            }
        }
        Ok(())
    }
}

/// Whether a pulled image is what it is called.
fn fits(
    image: &ImageInspect,
    layer: &Layer,
    base: &[String],
    image_bytes: u64,
) -> Result<(), String> {
    for (name, expected) in [(CONTENT, &layer.content), (PARENT, &layer.parent)] {
        if label(image, name) != Some(expected.as_str()) {
            return Err(format!("its label `{name}` is not `{expected}`"));
        }
    }
    let layers = image.root_fs.as_ref().and_then(|root| root.layers.as_deref()).unwrap_or_default();
    if !layers.starts_with(base) {
        return Err("it is not made of the base image that is here".to_owned());
    }
    let user = image.config.as_ref().and_then(|config| config.user.as_deref());
    let is_last = matches!(layer.kind, Kind::App | Kind::Program);
    if is_last && user != Some("65534:65534") {
        return Err("it does not run as a user without rights".to_owned());
    }
    let size = u64::try_from(image.size.unwrap_or(0)).unwrap_or(0);
    if size > image_bytes {
        return Err(format!("it has {} MB", size / 1_000_000));
    }
    Ok(())
}

/// Whether a registry answered that it has no such image.
pub fn is_absent(error: &DaemonError) -> bool {
    match error {
        DaemonError::Missing(_) => true,
        DaemonError::Failed(why) | DaemonError::Refused(why) => {
            let lower = why.to_ascii_lowercase();
            ["manifest unknown", "not found", "name unknown"]
                .iter()
                .any(|words| lower.contains(words))
        }
        _ => false,
    }
}

/// Pulls whatever a reference names.
pub async fn pull(
    docker: &Docker,
    reference: &str,
    credentials: Option<DockerCredentials>,
    timeout: Duration,
    cancel: &CancelToken,
) -> Result<(), Failed> {
    let options = CreateImageOptionsBuilder::default().from_image(reference).build();
    hear(docker.create_image(Some(options), None, credentials), timeout, cancel).await
}

async fn hear<T>(
    said: impl Stream<Item = Result<T, bollard::errors::Error>>,
    timeout: Duration,
    cancel: &CancelToken,
) -> Result<(), Failed> {
    let mut said = std::pin::pin!(said);
    let began = Instant::now();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            item = said.next() => match item {
                None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Failed::Daemon(error.into())),
            },
            _ = looks.tick() => {
                if cancel.is_cancelled() {
                    return Err(Failed::Cancelled);
                }
                if began.elapsed() > timeout {
                    return Err(Failed::Late);
                }
            }
        }
    }
}

/// Gives an image another name.
pub async fn name(
    docker: &Docker,
    image: &str,
    repository: &str,
    tag: &str,
) -> Result<(), bollard::errors::Error> {
    let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
    docker.tag_image(image, Some(options)).await
}

/// Takes a name away; the image stays if it has another.
async fn unname(docker: &Docker, reference: &str) {
    let options = RemoveImageOptionsBuilder::default().build();
    if let Err(error) = docker.remove_image(reference, Some(options), None).await {
        tracing::warn!(%error, reference, "an image keeps its name of the registry");
    }
}

fn told(error: bollard::errors::Error) -> ImageError {
    super::told(error.into())
}

impl From<bollard::errors::Error> for Failed {
    fn from(error: bollard::errors::Error) -> Self {
        Self::Daemon(error.into())
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Late => f.write_str("it takes too long"),
            Self::Daemon(DaemonError::Failed(why)) => f.write_str(why),
            Self::Daemon(error) => error.fmt(f),
        }
    }
}
