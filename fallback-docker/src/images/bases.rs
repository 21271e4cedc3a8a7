//! The base images that an operator has configured: which one a function gets, and whether
//! it is here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::ImageInspect;
use model::image::{Base, ImageError, Platform};
use model::manifest::PythonVersion;
use model::{CancelToken, ExecutorError};
use parking_lot::Mutex;

use super::registry::{self, Failed, Remote};
use super::{label, told};
use crate::daemon::{Daemon, DaemonError};
use crate::settings::Settings;

/// How long the image is remembered that a name stands for; with a digest, it never changes.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Labels by which a base says what it has, if its name does not.
const PYTHON: &str = "mecapy.python";
const MANYLINUX: &str = "mecapy.manylinux";

/// What the bases of the last years have: glibc 2.28 is that of Debian 10.
const DEFAULT_MANYLINUX: &str = "2_28";

pub struct BaseImage {
    pub id: String,
    /// What it consists of, lowest first.
    pub layers: Vec<String>,
    /// Whether a build over it begins as root.
    pub is_root: bool,
}

#[derive(Default)]
pub struct BaseImages {
    platforms: Mutex<HashMap<Base, Platform>>,
    images: Mutex<HashMap<String, (Instant, Arc<BaseImage>)>>,
}

impl BaseImages {
    /// The Python that functions of a base get: of the configured versions the lowest that
    /// will do, or the newest if any will. One that cannot be had is passed over for the next.
    pub fn platform(
        &self,
        daemon: &Daemon,
        settings: &Settings,
        remote: Option<&Remote>,
        base: &Base,
    ) -> Result<Platform, ExecutorError> {
        if let Some(platform) = self.platforms.lock().get(base) {
            return Ok(platform.clone());
        }
        let unavailable = |text: String| ExecutorError::Unavailable(text);
        let mut reasons = Vec::new();
        let mut may_pull = true;
        for (reference, version) in candidates(settings, base).map_err(unavailable)? {
            let found = find(daemon, settings, remote, &reference, may_pull, &CancelToken::new());
            let image = match found {
                Ok(image) => image,
                Err(NotFound::Absent(why)) => {
                    reasons.push(why);
                    continue;
                }
                Err(NotFound::Silent(why)) => {
                    // The others would be waited for as long.
                    may_pull = false;
                    reasons.push(why);
                    continue;
                }
                Err(NotFound::Failed(error)) => return Err(unavailable(error.to_string())),
            };
            let python = python_of(&image, version, &reference).map_err(unavailable)?;
            if base.python.is_some_and(|least| python < least) {
                reasons.push(format!("`{reference}` has Python {python}"));
                continue;
            }
            let platform =
                Platform { base: pinned(&reference, &image), python, target: target_of(&image) };
            self.platforms.lock().insert(base.clone(), platform.clone());
            return Ok(platform);
        }
        let wish = base.python.map(|least| format!(" with Python {least} or later"));
        Err(unavailable(format!(
            "no base image for `{}`{}: {}",
            base.name,
            wish.unwrap_or_default(),
            reasons.join("; ")
        )))
    }

    /// The image that a platform's base is.
    pub fn image(
        &self,
        daemon: &Daemon,
        settings: &Settings,
        remote: Option<&Remote>,
        reference: &str,
        cancel: &CancelToken,
    ) -> Result<Arc<BaseImage>, ImageError> {
        if let Some((since, image)) = self.images.lock().get(reference)
            && (reference.contains('@') || since.elapsed() < REMEMBERED)
        {
            return Ok(image.clone());
        }
        let found = find(daemon, settings, remote, reference, true, cancel);
        let image = found.map_err(|why| match why {
            NotFound::Absent(why) | NotFound::Silent(why) => {
                ImageError::Unavailable(format!("no base image: {why}"))
            }
            NotFound::Failed(error) => error,
        })?;
        let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
        let user = image.config.and_then(|config| config.user).unwrap_or_default();
        let is_root = matches!(user.as_str(), "" | "0" | "0:0" | "root" | "root:root");
        let image = Arc::new(BaseImage { id: image.id.unwrap_or_default(), layers, is_root });
        self.images.lock().insert(reference.to_owned(), (Instant::now(), image.clone()));
        Ok(image)
    }

    /// Someone saw that a base is gone.
    pub fn forget(&self) {
        self.images.lock().clear();
        self.platforms.lock().clear();
    }
}

enum NotFound {
    /// It is not here, and no registry has it.
    Absent(String),
    /// It is not here, and its registry does not answer.
    Silent(String),
    Failed(ImageError),
}

/// References that will do, the best first, and the version that a name stands for.
fn candidates(
    settings: &Settings,
    base: &Base,
) -> Result<Vec<(String, Option<PythonVersion>)>, String> {
    let pattern = reference_of(settings, &base.name)
        .ok_or_else(|| format!("there is no base image `{}`", base.name))?;
    if !pattern.contains("{version}") {
        let only = match settings.versions.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        return Ok(vec![(complete(pattern), only)]);
    }
    let mut versions = settings.versions.clone();
    versions.sort_unstable();
    match base.python {
        Some(least) => versions.retain(|version| *version >= least),
        None => versions.reverse(),
    }
    if versions.is_empty() {
        let highest = settings.versions.iter().max();
        return Err(match (base.python, highest) {
            (Some(least), Some(highest)) => {
                format!("Python {least} is asked for, and the highest there is is {highest}")
            }
            _ => "no Python version is configured".to_owned(),
        });
    }
    let named = |version: PythonVersion| {
        (complete(&pattern.replace("{version}", &version.to_string())), Some(version))
    };
    Ok(versions.into_iter().map(named).collect())
}

/// The reference that a name in a manifest stands for, with a version.
pub fn configured(settings: &Settings, name: &str, python: PythonVersion) -> Option<String> {
    let pattern = reference_of(settings, name)?;
    Some(complete(&pattern.replace("{version}", &python.to_string())))
}

pub fn without_digest(reference: &str) -> &str {
    reference.split('@').next().unwrap_or(reference)
}

/// What is configured for a name in a manifest.
fn reference_of<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    match name {
        "python-base" => Some(&settings.bases.python),
        "python-scientific" => Some(&settings.bases.scientific),
        "python-cfd" => Some(&settings.bases.cfd),
        _ => None,
    }
}

/// A name without a tag would stand for all of its tags.
fn complete(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// With a digest, a tag says nothing more.
fn without_tag(reference: &str) -> String {
    let Some((name, digest)) = reference.split_once('@') else { return reference.to_owned() };
    let (path, last) = name.rsplit_once('/').map_or(("", name), |(path, last)| (path, last));
    let last = last.split(':').next().unwrap_or_default();
    if path.is_empty() { format!("{last}@{digest}") } else { format!("{path}/{last}@{digest}") }
}

/// The reference with the digest that its registry gave it, so that it means the same image
/// later and elsewhere. What was made here has none.
fn pinned(reference: &str, image: &ImageInspect) -> String {
    if reference.contains('@') {
        return reference.to_owned();
    }
    let repository = reference.rsplit_once(':').map_or(reference, |(name, _)| name);
    let digests = image.repo_digests.as_deref().unwrap_or_default();
    let digest = digests
        .iter()
        .filter_map(|known| known.split_once('@'))
        .find(|(known, _)| *known == repository)
        .map(|(_, digest)| digest);
    digest.map_or_else(|| reference.to_owned(), |digest| format!("{reference}@{digest}"))
}

fn find(
    daemon: &Daemon,
    settings: &Settings,
    remote: Option<&Remote>,
    reference: &str,
    may_pull: bool,
    cancel: &CancelToken,
) -> Result<ImageInspect, NotFound> {
    let failed = |error: DaemonError| NotFound::Failed(told(error));
    let name = without_tag(reference);
    let docker = daemon.client().map_err(failed)?;
    match daemon.wait(docker.inspect_image(&name)).map_err(DaemonError::from) {
        Ok(image) => return Ok(image),
        Err(DaemonError::Missing(_)) if may_pull => {}
        Err(DaemonError::Missing(_)) => {
            return Err(NotFound::Absent(format!("`{reference}` is not here")));
        }
        Err(error) => return Err(failed(error)),
    }
    let timeout = settings.build.timeout;
    let credentials = remote.and_then(|remote| remote.credentials(reference));
    let slow = docker.clone().with_timeout(timeout);
    match daemon.wait(registry::pull(&slow, &name, credentials, timeout, cancel)) {
        Ok(()) => {}
        Err(Failed::Cancelled) => return Err(NotFound::Failed(ImageError::Cancelled)),
        Err(Failed::Daemon(error @ DaemonError::DiskFull(_))) => return Err(failed(error)),
        Err(Failed::Daemon(error)) if daemon.check().is_err() => return Err(failed(error)),
        Err(Failed::Daemon(error)) if registry::is_absent(&error) => {
            return Err(NotFound::Absent(format!(
                "`{reference}` is not here, and its registry has none"
            )));
        }
        Err(why) => {
            let why = format!("`{reference}` is not here and cannot be pulled: {why}");
            return Err(NotFound::Silent(why));
        }
    }
    daemon.wait(docker.inspect_image(&name)).map_err(|error| failed(error.into()))
}

fn python_of(
    image: &ImageInspect,
    named: Option<PythonVersion>,
    reference: &str,
) -> Result<PythonVersion, String> {
    let environment = image.config.as_ref().and_then(|config| config.env.as_deref());
    let of_environment = environment
        .unwrap_or_default()
        .iter()
        // Official images say it there.
        .find_map(|variable| variable.strip_prefix("PYTHON_VERSION="));
    let said = label(image, PYTHON).or(of_environment).and_then(parse_version);
    match (said, named) {
        (Some(said), Some(named)) if said != named => Err(format!(
            "the base image `{reference}` should have Python {named} and says that it has {said}"
        )),
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(format!(
            "which Python does the base image `{reference}` have? Put `{{version}}` into its name, \
             or give it the label `{PYTHON}`"
        )),
    }
}

fn parse_version(text: &str) -> Option<PythonVersion> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some(PythonVersion { major, minor })
}

/// What wheels have to fit: the base runs nothing to find out, but may say.
fn target_of(image: &ImageInspect) -> String {
    let machine = match image.architecture.as_deref() {
        Some("arm64") => "aarch64",
        _ => "x86_64",
    };
    let is_glibc = |text: &&str| {
        let mut parts = text.split('_');
        parts.clone().count() == 2 && parts.all(|part| part.parse::<u16>().is_ok())
    };
    let glibc = label(image, MANYLINUX).filter(is_glibc).unwrap_or(DEFAULT_MANYLINUX);
    format!("{machine}-manylinux_{glibc}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(python: Option<(u8, u8)>) -> Vec<String> {
        let python = python.map(|(major, minor)| PythonVersion { major, minor });
        let base = Base { name: "python-base".to_owned(), python };
        let found = candidates(&Settings::default(), &base).unwrap_or_default();
        found.into_iter().map(|(reference, _)| reference).collect()
    }

    #[test]
    fn the_lowest_that_will_do_or_the_newest() {
        assert_eq!(asked(Some((3, 12))), ["python:3.12-slim", "python:3.13-slim"]);
        assert_eq!(asked(Some((3, 1)))[0], "python:3.10-slim");
        assert_eq!(asked(None)[0], "python:3.13-slim");
        assert!(asked(Some((3, 99))).is_empty());
    }

    #[test]
    fn references_are_told_apart() {
        assert_eq!(complete("here:5000/python"), "here:5000/python:latest");
        assert_eq!(complete("python:3.12"), "python:3.12");
        assert_eq!(
            without_tag("here:5000/a/python:3.12@sha256:ab"),
            "here:5000/a/python@sha256:ab"
        );
        assert_eq!(without_tag("python:3.12@sha256:ab"), "python@sha256:ab");
        assert_eq!(without_tag("python:3.12"), "python:3.12");
        let image = ImageInspect {
            repo_digests: Some(vec![
                "other@sha256:01".to_owned(),
                "here:5000/python@sha256:02".to_owned(),
            ]),
            ..ImageInspect::default()
        };
        assert_eq!(pinned("here:5000/python:3", &image), "here:5000/python:3@sha256:02");
        assert_eq!(pinned("mine:3", &image), "mine:3");
    }
}
