//! What is known of a key, and the reference page that follows from it.

use super::kind::Kind;
use super::section::Section;
use super::{Config, PREFIX};

/// One key of the configuration.
#[derive(Clone, Debug)]
pub struct Key {
    /// Empty at the top level.
    pub section: &'static str,
    pub name: &'static str,
    pub default: Fallback,
    /// Completes "must be".
    pub allowed: String,
    pub meaning: &'static str,
}

/// What a key has when no source gives it.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// A value, as TOML.
    Is(&'static str),
    /// Nothing.
    Unset,
    /// What the machine or other keys say, described here.
    Computed(&'static str),
}

impl Key {
    pub(super) fn of<T, K: Kind<Value = T>>(
        (section, name): (&'static str, &'static str),
        default: Fallback,
        kind: &K,
        meaning: &'static str,
    ) -> Self {
        Self { section, name, default, allowed: kind.allowed(), meaning: meaning.trim() }
    }

    /// `section.name`, or the name alone at the top level.
    pub fn path(&self) -> String {
        path(self.section, self.name)
    }

    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path().replace('.', "_").to_uppercase())
    }
}

pub(super) fn path(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Every key, in the order of the page.
pub fn keys() -> Vec<Key> {
    Config::keys()
}

/// The table of `docs/configuration.md`, in Markdown.
pub fn reference() -> String {
    let mut table = String::from(
        "| key | variable | default | it must be | meaning |\n|---|---|---|---|---|\n",
    );
    for key in keys() {
        let default = match key.default {
            Fallback::Is(text) => format!("`{text}`"),
            Fallback::Unset => String::from("not set"),
            Fallback::Computed(how) => how.to_owned(),
        };
        let (path, variable) = (key.path(), key.variable());
        let (allowed, meaning) = (key.allowed, key.meaning);
        table += &format!("| `{path}` | `{variable}` | {default} | {allowed} | {meaning} |\n");
    }
    table
}
