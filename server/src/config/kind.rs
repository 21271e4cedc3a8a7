//! What a key's value may be: reading it from any source, and writing it.

use super::page::quoted;

/// A value before it is checked.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// From TOML, which knows numbers from text.
    Typed(toml::Value),
    /// From a variable or a flag.
    Text(String),
}

/// Longer values are cut in errors.
const SHOWN_CHARACTERS: usize = 80;

impl Raw {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Typed(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }

    /// For errors, on one line.
    pub fn shown(&self) -> String {
        let text = match self {
            Self::Typed(toml::Value::String(text)) | Self::Text(text) => format!("{text:?}"),
            Self::Typed(value) => value.to_string().replace('\n', " "),
        };
        match text.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// A set of values, such as the whole numbers from 1 to 1024.
pub(super) trait Kind {
    type Value;

    /// `None` for what is not allowed.
    fn parse(&self, raw: &Raw) -> Option<Self::Value>;

    /// Completes "must be".
    fn allowed(&self) -> String;

    /// As TOML that `parse` reads back, but for secrets; `None` for what is not set.
    fn show(&self, value: &Self::Value) -> Option<String>;

    /// What stands for a key that no source gives.
    fn absent(&self) -> Option<Self::Value> {
        None
    }

    /// Whether a refused value is kept out of the error, as it may hold a secret.
    fn discreet(&self) -> bool {
        false
    }
}

/// A key that need not be set.
pub(super) struct Optional<K>(pub K);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn parse(&self, raw: &Raw) -> Option<Self::Value> {
        self.0.parse(raw).map(Some)
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(|value| self.0.show(value))
    }

    fn absent(&self) -> Option<Self::Value> {
        Some(None)
    }

    fn discreet(&self) -> bool {
        self.0.discreet()
    }
}

const UNLIMITED: &str = "unlimited";

/// A limit that may be lifted: `None` is no limit.
pub(super) struct OrUnlimited<K>(pub K);

impl<K: Kind> Kind for OrUnlimited<K> {
    type Value = Option<K::Value>;

    fn parse(&self, raw: &Raw) -> Option<Self::Value> {
        if raw.text() == Some(UNLIMITED) { Some(None) } else { self.0.parse(raw).map(Some) }
    }

    fn allowed(&self) -> String {
        format!("{}, or `\"{UNLIMITED}\"`", self.0.allowed())
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        match value {
            Some(value) => self.0.show(value),
            None => Some(quoted(UNLIMITED)),
        }
    }
}

/// A key whose feature is not there yet: any value is refused, with the reason.
pub(super) struct Later<T> {
    reason: &'static str,
    value: std::marker::PhantomData<T>,
}

pub(super) fn later<T>(reason: &'static str) -> Later<T> {
    Later { reason, value: std::marker::PhantomData }
}

impl<T> Kind for Later<T> {
    type Value = Option<T>;

    fn parse(&self, _raw: &Raw) -> Option<Self::Value> {
        None
    }

    fn allowed(&self) -> String {
        format!("left unset: {}", self.reason)
    }

    fn show(&self, _value: &Self::Value) -> Option<String> {
        None
    }

    fn absent(&self) -> Option<Self::Value> {
        Some(None)
    }

    fn discreet(&self) -> bool {
        true
    }
}
