//! Where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::key::Key;
use super::layers::Layers;
use super::page::Page;
use super::section::Section;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// The variable's name.
    Variable(String),
    /// The flag, with its dashes.
    Flag(&'static str),
}

/// On one line, whatever the file is called: it goes into comments and logs.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file) => write!(f, "{}", file.to_string_lossy().escape_debug()),
            Self::Variable(name) => write!(f, "{}", name.escape_debug()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// The origin of every key that has a value, by the key's path.
#[derive(Clone, Debug, Default)]
pub struct Origins(pub(super) BTreeMap<String, Origin>);

impl Origins {
    /// `Default` also for a key that is not set, or that there is not.
    pub fn of(&self, path: &str) -> &Origin {
        self.0.get(path).unwrap_or(&Origin::Default)
    }
}

/// A part of `Config` that has no keys of its own.
impl Section for Origins {
    fn keys() -> Vec<Key> {
        Vec::new()
    }

    fn read(layers: &mut Layers) -> Option<Self> {
        Some(layers.origins())
    }

    fn show(&self, _page: &mut Page<'_>) {}
}
