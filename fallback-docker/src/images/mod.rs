//! Images: what a package's functions run in, made once and found again by its content.
//!
//! [`Images::ensure`] is all that calls need. An image that is here is known; one that is not
//! is pulled from the registry, if there is one, or built. What makes it up is in [`layers`],
//! a package's own `Dockerfile` is checked in [`dockerfile`], and what is no longer used goes
//! in [`garbage`].

mod bases;
mod build;
mod context;
mod dockerfile;
mod flights;
mod garbage;
mod layers;
mod log;
mod registry;
mod room;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::ImageInspect;
use model::image::{Base, ImageError, Platform, Recipe};
use model::{CancelToken, ExecutorError};
use parking_lot::Mutex;

use self::bases::{BaseImage, BaseImages};
use self::build::{BuildError, Builder, Order};
use self::context::Part;
use self::dockerfile::Rules;
use self::flights::{Flights, Places};
use self::layers::{Kind, Layer, TreeHashes};
use self::log::Log;
use self::registry::Remote;
use self::room::Room;
use crate::daemon::{Daemon, DaemonError};
use crate::settings::Settings;

pub use self::garbage::Collected;

/// Labels of images.
pub const NAME: &str = "mecapy.name";
pub const VERSION: &str = "mecapy.version";
pub const OWNER: &str = "mecapy.owner";
/// What a layer is made of, hashed, and the same of the layer below.
pub const CONTENT: &str = "mecapy.content";
pub const PARENT: &str = "mecapy.parent";
/// What the names of images begin with; all that a build leaves halfway bears it, too.
pub const IMAGES: &str = "mecapy.images";

/// How often the daemon is told that an image is still in use.
const NOTE: Duration = Duration::from_secs(3600);

/// The images of one daemon.
pub struct Images {
    daemon: Arc<Daemon>,
    settings: Settings,
    remote: Option<Remote>,
    bases: BaseImages,
    hashes: TreeHashes,
    /// Tags that were here when last looked, and when their use was noted.
    known: Mutex<HashMap<String, Instant>>,
    flights: Flights,
    places: Places,
    room: Room,
}

impl Images {
    pub fn new(daemon: Arc<Daemon>, settings: &Settings) -> Self {
        let remote = |registry| Remote::new(registry, &settings.images, settings.build.timeout);
        Self {
            daemon,
            settings: settings.clone(),
            remote: settings.registry.as_ref().map(remote),
            bases: BaseImages::default(),
            hashes: TreeHashes::default(),
            known: Mutex::default(),
            flights: Flights::default(),
            places: Places::new(settings.build.at_once),
            room: Room::default(),
        }
    }

    /// The Python that functions of a base get. Of the configured versions it is the lowest
    /// that will do; without a wish the newest that is here or can be pulled. The answer is
    /// remembered; its `base` has a digest where a registry gave one, so that a recipe means
    /// the same image for good.
    pub fn platform(&self, base: &Base) -> Result<Platform, ExecutorError> {
        self.bases.platform(&self.daemon, &self.settings, self.remote.as_ref(), base)
    }

    /// Makes sure that a recipe's image is here; answers its tag. Costs nothing if it was
    /// here before: whoever finds it gone says so by `forget`.
    ///
    /// # Errors
    /// `Refused` is the author's to mend; `Unavailable` is worth another attempt.
    pub fn ensure(
        &self,
        recipe: &Recipe,
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> Result<String, ImageError> {
        let base = self.base(recipe, cancel)?;
        let layers = layers::plan(&self.settings.images, recipe, &base, &self.hashes);
        let Some(last) = layers.last() else {
            return Err(ImageError::Internal("an image without layers".to_owned()));
        };
        let tag = last.tag();
        if self.is_known(&tag) {
            return Ok(tag);
        }
        let making = Making { recipe, base: &base, layers: &layers, log: &Log::new(log), cancel };
        self.layer(&making, layers.len() - 1)?;
        Ok(tag)
    }

    /// The tag of a recipe's image, here or not, if that can be told without asking anybody.
    pub fn tag(&self, recipe: &Recipe) -> Option<String> {
        let base = self.base(recipe, &CancelToken::new()).ok()?;
        let layers = layers::plan(&self.settings.images, recipe, &base, &self.hashes);
        layers.last().map(Layer::tag)
    }

    /// Someone saw that an image is gone.
    pub fn forget(&self, tag: &str) {
        self.known.lock().remove(tag);
    }

    fn base(&self, recipe: &Recipe, cancel: &CancelToken) -> Result<Arc<BaseImage>, ImageError> {
        let reference = &recipe.platform.base;
        self.bases.image(&self.daemon, &self.settings, self.remote.as_ref(), reference, cancel)
    }

    /// Whether an image is known to be here. Using it is noted where all processes can see it
    /// and no file is needed: naming an image again renews the daemon's own date of it.
    fn is_known(&self, tag: &str) -> bool {
        let mut known = self.known.lock();
        let Some(noted) = known.get_mut(tag) else { return false };
        if noted.elapsed() > NOTE {
            *noted = Instant::now();
            let (daemon, tag) = (self.daemon.clone(), tag.to_owned());
            let handle = daemon.handle().clone();
            handle.spawn(async move {
                if let Err(error) = note_use(&daemon, &tag).await {
                    tracing::debug!(%error, tag, "the use of an image is not noted");
                }
            });
        }
        true
    }

    /// Makes sure that a layer is here, and those below it if it has to be built.
    fn layer(&self, making: &Making<'_>, index: usize) -> Result<String, ImageError> {
        let layer = &making.layers[index];
        let tag = layer.tag();
        self.flights.once(&tag, making.cancel, || {
            let id = match self.present(layer)? {
                Some(id) => id,
                None => match self.pulled(making, layer)? {
                    Some(id) => id,
                    None => self.built(making, index)?,
                },
            };
            self.known.lock().insert(tag.clone(), Instant::now());
            Ok(id)
        })
    }

    /// The id of a layer that is here, and what its name says.
    fn present(&self, layer: &Layer) -> Result<Option<String>, ImageError> {
        let tag = layer.tag();
        let docker = self.daemon.client().map_err(told)?;
        match self.daemon.wait(docker.inspect_image(&tag)).map_err(DaemonError::from) {
            Ok(image) if label(&image, CONTENT) == Some(&layer.content) => {
                self.daemon.wait(note_use(&self.daemon, &tag)).map_err(told)?;
                Ok(image.id)
            }
            Ok(_) => {
                tracing::warn!(tag, "an image is not what its name says: it is made again");
                Ok(None)
            }
            Err(DaemonError::Missing(_)) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    fn pulled(&self, making: &Making<'_>, layer: &Layer) -> Result<Option<String>, ImageError> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let limit = self.settings.build.image_bytes;
        remote.pull(&self.daemon, layer, &making.base.layers, limit, making.log, making.cancel)
    }

    fn built(&self, making: &Making<'_>, index: usize) -> Result<String, ImageError> {
        let layer = &making.layers[index];
        let mut again = true;
        loop {
            let parent = match index.checked_sub(1) {
                Some(below) => self.layer(making, below)?,
                None => self.base(making.recipe, making.cancel)?.id.clone(),
            };
            match self.build(making, layer, parent) {
                Ok(id) => break Ok(id),
                // Someone has removed it meanwhile.
                Err(BuildError::ParentGone(why)) if again => {
                    tracing::info!(why, "the image to build upon is gone");
                    self.bases.forget();
                    again = false;
                }
                Err(BuildError::ParentGone(why)) => {
                    break Err(ImageError::Unavailable(format!(
                        "the image to build upon is gone again: {why}"
                    )));
                }
                Err(BuildError::Image(error)) => break Err(error),
            }
        }
    }

    /// Builds a layer and names it.
    fn build(
        &self,
        making: &Making<'_>,
        layer: &Layer,
        parent: String,
    ) -> Result<String, BuildError> {
        let Making { log, cancel, .. } = *making;
        let waiting = || log.say("waiting for other images to be built");
        let place = self.places.take(cancel, waiting)?;
        // Another process may have built it while this one waited.
        if let Some(id) = self.present(layer)? {
            return Ok(id);
        }
        log.say(&format!("building {}", layer.tag()));
        let began = Instant::now();
        let scratch = self.scratch()?;
        let order = self.order(making, layer, scratch.path(), parent)?;
        let (daemon, limits) = (&*self.daemon, &self.settings.build);
        let id = Builder { daemon, limits, room: &self.room, log, cancel }.build(order)?;
        let docker = self.daemon.client().map_err(told)?;
        if let Some(theirs) = self.present(layer)? {
            // Another process was quicker.
            if let Err(error) = self.daemon.wait(build::remove(&docker, &id)) {
                tracing::warn!(%error, image = id, "an image that nobody needs stays");
            }
            return Ok(theirs);
        }
        let named = registry::name(&docker, &id, &layer.repository, &layer.content);
        self.daemon.wait(named).map_err(|error| told(error.into()))?;
        // Sending needs no place.
        drop(place);
        log.say(&format!("built {} in {:.1} s", layer.tag(), began.elapsed().as_secs_f64()));
        if let Some(remote) = &self.remote {
            remote.push(&self.daemon, layer, log, cancel)?;
        }
        Ok(id)
    }

    fn order(
        &self,
        making: &Making<'_>,
        layer: &Layer,
        scratch: &Path,
        parent: String,
    ) -> Result<Order, ImageError> {
        let Making { recipe, cancel, .. } = *making;
        let labels = self.labels(layer, recipe);
        let begin = format!("FROM {parent}\n{}", layers::label_text(&labels));
        let ours = |text: String, parts| Order {
            dockerfile: begin + &text,
            parts,
            labels: None,
            from: vec![parent.clone()],
            is_authors: false,
        };
        Ok(match layer.kind {
            Kind::Runner => {
                let text = layers::runner_text(recipe, making.base.is_root);
                ours(text, vec![Part::Archive("mecapy".to_owned(), layers::RUNNER)])
            }
            Kind::Dependencies => {
                let install = |name: &str, lock: &str| {
                    let folder = scratch.join(name);
                    std::fs::create_dir(&folder).map_err(|error| scratch_failed(&error))?;
                    if !lock.is_empty() {
                        recipe.installer.install(lock, &recipe.platform, &folder, cancel)?;
                    }
                    Ok(folder)
                };
                let deps = install("deps", &recipe.lock)?;
                let tools = install("tools", &recipe.tools)?;
                let has_fonts = deps.join("matplotlib/font_manager.py").is_file();
                let parts = vec![
                    Part::Folder("root/deps".to_owned(), deps),
                    Part::Folder("root/opt/mecapy/pytest".to_owned(), tools),
                ];
                ours(layers::dependencies_text(has_fonts), parts)
            }
            Kind::App => {
                let app = Part::Tree("app".to_owned(), recipe.app.clone());
                ours(layers::app_text(), vec![app])
            }
            Kind::Program => {
                let rules = Rules {
                    settings: &self.settings,
                    platform: &recipe.platform,
                    parent: &parent,
                    additions: &dockerfile::additions(making.layers.len() > 1),
                };
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                Order {
                    dockerfile: dockerfile::rewritten(&recipe.app, &rules)?,
                    parts: vec![Part::Tree(String::new(), recipe.app.clone())],
                    labels: Some(labels.into_iter().map(owned).collect()),
                    from: vec![parent],
                    is_authors: true,
                }
            }
        })
    }

    fn labels<'a>(&'a self, layer: &'a Layer, recipe: &'a Recipe) -> Vec<(&'a str, &'a str)> {
        let mut labels = vec![
            (CONTENT, layer.content.as_str()),
            (PARENT, &layer.parent),
            (OWNER, &self.settings.owner),
            (IMAGES, &self.settings.images),
        ];
        if matches!(layer.kind, Kind::App | Kind::Program) {
            labels.extend([(NAME, recipe.name.as_str()), (VERSION, &recipe.version)]);
        }
        labels
    }

    fn scratch(&self) -> Result<tempfile::TempDir, ImageError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("mecapy-image-");
        match &self.settings.scratch {
            Some(folder) => {
                std::fs::create_dir_all(folder).and_then(|()| builder.tempdir_in(folder))
            }
            None => builder.tempdir(),
        }
        .map_err(|error| scratch_failed(&error))
    }
}

/// One recipe's image under way.
#[derive(Clone, Copy)]
struct Making<'a> {
    recipe: &'a Recipe,
    base: &'a BaseImage,
    layers: &'a [Layer],
    log: &'a Log<'a>,
    cancel: &'a CancelToken,
}

fn scratch_failed(error: &std::io::Error) -> ImageError {
    ImageError::Unavailable(format!("no folder to build images from: {error}"))
}

async fn note_use(daemon: &Daemon, tag: &str) -> Result<(), DaemonError> {
    let Some((repository, content)) = tag.rsplit_once(':') else { return Ok(()) };
    Ok(registry::name(&daemon.docker().await?, tag, repository, content).await?)
}

fn label<'a>(image: &'a ImageInspect, name: &str) -> Option<&'a str> {
    image.config.as_ref()?.labels.as_ref()?.get(name).map(String::as_str)
}

/// What the daemon's failures mean to whoever wants an image.
fn told(error: DaemonError) -> ImageError {
    match error {
        DaemonError::Gone(_) | DaemonError::DiskFull(_) => {
            ImageError::Unavailable(error.to_string())
        }
        error => ImageError::Internal(error.to_string()),
    }
}
