//! The sources laid over each other: of every key, the last value given and its origin.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use toml::{Table, Value};

use super::flags::Flags;
use super::key::{Fallback, Key, path};
use super::kind::{Kind, Raw};
use super::origin::{Origin, Origins};
use super::suggestion::nearest;
use super::{ConfigError, FILE_VARIABLE, PREFIX, Problem};

pub(super) struct Layers {
    keys: Vec<Key>,
    /// By the key's path; only known keys.
    values: BTreeMap<String, (Raw, Origin)>,
    pub problems: Vec<Problem>,
}

/// `None` for a file that is not there and need not be.
pub(super) fn read_file(file: &Path, optional: bool) -> Result<Option<Table>, ConfigError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Unreadable { file: file.to_owned(), source }),
    };
    text.parse::<Table>().map(Some).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        // `to_string` would quote the line, and with it perhaps a secret.
        ConfigError::NotToml { file: file.to_owned(), line, message: error.message().to_owned() }
    })
}

impl Layers {
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys, values: BTreeMap::new(), problems: Vec::new() }
    }

    pub fn add_defaults(&mut self) {
        for key in &self.keys {
            let Fallback::Is(text) = key.default else { continue };
            // A default that is not TOML reads as text, and is refused like any bad value.
            let raw = text.parse().map_or_else(|_| Raw::Text(text.to_owned()), Raw::Typed);
            self.values.insert(key.path(), (raw, Origin::Default));
        }
    }

    /// A default that only this machine or other keys can tell.
    pub fn add_computed(&mut self, path: &str, value: Value) {
        let value = (Raw::Typed(value), Origin::Default);
        self.values.entry(path.to_owned()).or_insert(value);
    }

    pub fn add_file(&mut self, table: &Table, file: &Path) {
        let origin = Origin::File(file.to_owned());
        for (name, value) in table {
            // The top level is the section without a name, which no table stands for.
            let is_section = !name.is_empty() && self.keys.iter().any(|key| key.section == name);
            match value {
                Value::Table(entries) if is_section => {
                    for (key, value) in entries {
                        self.add_entry((name, key), value, &origin);
                    }
                }
                _ if is_section => {
                    let section = name.clone();
                    self.problems.push(Problem::NotASection { origin: origin.clone(), section });
                }
                // Key by key, as each may be meant for another section.
                Value::Table(entries) if !entries.is_empty() && !self.is_key("", name) => {
                    for (key, _) in entries {
                        self.add_unknown(format!("{name}.{key}"), origin.clone());
                    }
                }
                _ => self.add_entry(("", name), value, &origin),
            }
        }
    }

    fn add_entry(&mut self, (section, name): (&str, &str), value: &Value, origin: &Origin) {
        let path = path(section, name);
        if self.is_key(section, name) {
            self.values.insert(path, (Raw::Typed(value.clone()), origin.clone()));
        } else {
            self.add_unknown(path, origin.clone());
        }
    }

    /// By its parts: a quoted name with a dot in it is not a path.
    fn is_key(&self, section: &str, name: &str) -> bool {
        self.keys.iter().any(|key| key.section == section && key.name == name)
    }

    pub fn add_environment(&mut self, environment: &[(String, String)]) {
        let paths: BTreeMap<String, String> =
            self.keys.iter().map(|key| (key.variable(), key.path())).collect();
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let origin = Origin::Variable(name.clone());
            match paths.get(name) {
                // Compose files pass on variables that nobody set as empty ones.
                Some(_) if value.is_empty() => {}
                Some(path) => {
                    self.values.insert(path.clone(), (Raw::Text(value.clone()), origin));
                }
                None if name == FILE_VARIABLE => {}
                None => {
                    // Without the prefix, in which all of them are alike.
                    let known = paths.keys().map(String::as_str).chain([FILE_VARIABLE]);
                    let known: Vec<String> = known
                        .filter_map(|name| name.strip_prefix(PREFIX))
                        .map(str::to_owned)
                        .collect();
                    let suggestion = nearest(rest, &known, '_').map(|one| format!("{PREFIX}{one}"));
                    let name = name.clone();
                    self.problems.push(Problem::Unknown { origin, name, suggestion });
                }
            }
        }
    }

    /// A flag of its own counts before `--set`.
    pub fn add_flags(&mut self, flags: &Flags) {
        for assignment in &flags.set {
            let (path, origin) = (assignment.path.clone(), Origin::Flag("--set"));
            if self.keys.iter().any(|key| key.path() == path) {
                self.values.insert(path, (Raw::Text(assignment.value.clone()), origin));
            } else {
                self.add_unknown(path, origin);
            }
        }
        for (flag, path, value) in flags.named() {
            let value = (Raw::Text(value.to_owned()), Origin::Flag(flag));
            self.values.insert(path.to_owned(), value);
        }
    }

    fn add_unknown(&mut self, name: String, origin: Origin) {
        let known: Vec<String> = self.keys.iter().map(Key::path).collect();
        let suggestion = nearest(&name, &known, '.').cloned();
        self.problems.push(Problem::Unknown { origin, name, suggestion });
    }

    /// What a key would be read as, if it is given and good.
    pub fn peek<K: Kind>(&self, path: &str, kind: &K) -> Option<K::Value> {
        self.values.get(path).and_then(|(raw, _)| kind.parse(raw))
    }

    /// A key's value; `None` leaves a problem.
    pub fn read<K: Kind>(&mut self, section: &str, name: &str, kind: &K) -> Option<K::Value> {
        let path = path(section, name);
        let value = match self.values.get(&path) {
            Some((raw, _)) => kind.parse(raw),
            None => kind.absent(),
        };
        if value.is_none() {
            self.refuse(&path, kind.discreet(), kind.allowed());
        }
        value
    }

    /// Notes that a key's value, whatever it is, must be something else.
    pub fn refuse(&mut self, path: &str, discreet: bool, allowed: String) {
        let found = self.values.get(path);
        let origin = found.map_or(Origin::Default, |(_, origin)| origin.clone());
        let value = found.filter(|_| !discreet).map(|(raw, _)| raw.shown());
        self.problems.push(Problem::BadValue { origin, key: path.to_owned(), value, allowed });
    }

    pub fn origins(&self) -> Origins {
        let origins = self.values.iter().map(|(path, (_, origin))| (path.clone(), origin.clone()));
        Origins(origins.collect())
    }
}
