//! The server's one configuration: defaults, then `mecapy.toml`, then `MECAPY_*`
//! variables, then flags.
//!
//! `sections` declares every key once: its field, default, what is allowed and what it
//! means. The struct, the reading, `effective` and the page `docs/configuration.md` all
//! come from there. Nothing else in the server reads the process's environment.
//!
//! The merge is by hand, over plain TOML tables, so that every value keeps its origin: a
//! refusal names the file and key, the variable or the flag.

mod docker;
mod error;
mod flags;
mod key;
mod kind;
mod layers;
mod numbers;
mod origin;
mod page;
#[macro_use]
mod section;
mod secret;
mod sections;
mod suggestion;
#[cfg(test)]
mod tests;
mod texts;

use std::path::{Path, PathBuf};

pub use docker::DockerUse;
pub use error::{ConfigError, Problem};
pub use flags::{Assignment, Flags};
pub use key::{Fallback, Key, keys, reference};
pub use origin::{Origin, Origins};
pub use secret::Secret;
pub use sections::{
    Config, Deploy, Docker, Limits, Log, LogFormat, Oidc, Quotas, Retention, S3, Webhooks, Worker,
};

use layers::Layers;
use section::Section;

/// Where a configuration comes from; nothing is read beyond it and its file.
pub struct Sources {
    /// The file to read, whatever the flags and variables say.
    pub file: Option<PathBuf>,
    /// Where `mecapy.toml` is looked for, and what a relative `--config` is relative to.
    pub working_folder: PathBuf,
    /// Variables; those that are neither `MECAPY_*` nor for the cache folder are passed over.
    pub environment: Vec<(String, String)>,
    pub flags: Flags,
}

/// Names a file, as `--config` does.
pub(super) const FILE_VARIABLE: &str = "MECAPY_CONFIG";
pub(super) const PREFIX: &str = "MECAPY_";
const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
const HOME: &str = "HOME";
const FILE_NAME: &str = "mecapy.toml";

impl Sources {
    /// This process's own: its folder, its environment and the given flags.
    ///
    /// # Errors
    /// `NotText` for a variable of ours that is not UTF-8.
    pub fn of_process(flags: Flags) -> Result<Self, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with(PREFIX) || name == XDG_CACHE_HOME || name == HOME {
                let Ok(value) = value.into_string() else {
                    return Err(ConfigError::NotText { variable: name });
                };
                environment.push((name, value));
            }
        }
        Ok(Self { file: None, working_folder: PathBuf::new(), environment, flags })
    }

    /// A variable's value; one that is set to nothing is not set.
    fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn given_file(&self) -> Option<PathBuf> {
        let given = self.file.as_deref().or(self.flags.config.as_deref());
        let given = given.or_else(|| self.variable(FILE_VARIABLE).map(Path::new))?;
        Some(self.working_folder.join(given))
    }

    /// As `wasm-run` chooses it, so that both share one cache.
    fn default_cache_dir(&self) -> PathBuf {
        let absolute = |name| self.variable(name).map(Path::new).filter(|path| path.is_absolute());
        let cache = absolute(XDG_CACHE_HOME).map(|cache| cache.join("mecapy"));
        cache
            .or_else(|| Some(absolute(HOME)?.join(".cache/mecapy")))
            .unwrap_or_else(|| std::env::temp_dir().join("mecapy-cache"))
    }
}

impl Config {
    /// Reads and checks all of it.
    ///
    /// # Errors
    /// `Unreadable` and `NotToml` for the file; `Refused` with every unknown key and bad
    /// value, in all sources together.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::new(keys());
        layers.add_defaults();
        let given = sources.given_file();
        let optional = given.is_none();
        let file = given.unwrap_or_else(|| sources.working_folder.join(FILE_NAME));
        if let Some(table) = layers::read_file(&file, optional)? {
            layers.add_file(&table, &file);
        }
        layers.add_environment(&sources.environment);
        layers.add_flags(&sources.flags);
        sections::compute(&mut layers, &sources.default_cache_dir());
        let config = Self::read(&mut layers);
        if let Some(config) = &config {
            sections::check(config, &mut layers);
        }
        match config {
            Some(config) if layers.problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Refused(layers.problems)),
        }
    }

    /// All of it as TOML, secrets masked; what is not a default says where it came from.
    pub fn effective(&self) -> String {
        let mut page = page::Page::new(&self.origins);
        self.show(&mut page);
        page.text
    }
}
