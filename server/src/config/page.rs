//! A configuration written as TOML.

use super::Origins;
use super::key::path;
use super::kind::Kind;
use super::origin::Origin;

pub(super) struct Page<'a> {
    pub text: String,
    section: &'static str,
    origins: &'a Origins,
}

impl<'a> Page<'a> {
    pub fn new(origins: &'a Origins) -> Self {
        Self { text: String::new(), section: "", origins }
    }

    /// One key; one that is not set leaves a comment, as TOML has no null.
    pub fn line<K: Kind>(
        &mut self,
        section: &'static str,
        name: &'static str,
        kind: &K,
        value: &K::Value,
    ) {
        if section != self.section {
            self.section = section;
            self.text += &format!("\n[{section}]\n");
        }
        let Some(value) = kind.show(value) else {
            self.text += &format!("# {name} is not set\n");
            return;
        };
        self.text += &format!("{name} = {value}");
        match self.origins.of(&path(section, name)) {
            Origin::Default => {}
            origin => self.text += &format!(" # {origin}"),
        }
        self.text.push('\n');
    }
}

/// A string as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
