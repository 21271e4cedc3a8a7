//! A manifest's text as a tree of values that know where they stand.

use serde_json::{Map, Value};

/// A place in a text: both 1-based, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    pub at: Position,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub at: Position,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Scalar {
        value: Value,
        /// As written, where it was not in quotes.
        plain: Option<String>,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub at: Position,
    pub value: Node,
}

impl Node {
    /// A map of nothing.
    pub fn empty() -> Self {
        Self { at: Position { line: 1, column: 1 }, content: Content::Map(Vec::new()) }
    }

    /// The value without its positions.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar { value, .. } => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { value, .. } => value.as_str(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match &self.content {
            Content::Scalar { value, .. } => value.as_bool(),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match &self.content {
            Content::Scalar { value, .. } => value.as_f64(),
            _ => None,
        }
    }

    /// The node at a JSON Pointer.
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        self.walk(pointer).filter(|(_, _, complete)| *complete).map(|(node, _, _)| node)
    }

    /// Where the value at a JSON Pointer begins, or that of the nearest node above it.
    pub fn position(&self, pointer: &str) -> Position {
        self.walk(pointer).map_or(self.at, |(node, _, _)| node.at)
    }

    /// Where the key of the value at a JSON Pointer stands; of a list's item, the item.
    pub fn key_position(&self, pointer: &str) -> Position {
        self.walk(pointer).map_or(self.at, |(node, key, _)| key.unwrap_or(node.at))
    }

    /// As deep as the pointer leads: the node, its key's place, whether that is all of it.
    fn walk(&self, pointer: &str) -> Option<(&Self, Option<Position>, bool)> {
        let mut found = (self, None, true);
        if pointer.is_empty() {
            return Some(found);
        }
        for token in pointer.strip_prefix('/')?.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match &found.0.content {
                Content::Map(entries) => entries
                    .iter()
                    .find(|entry| entry.key == token)
                    .map(|entry| (&entry.value, Some(entry.at))),
                Content::List(items) => {
                    token.parse::<usize>().ok().and_then(|i| items.get(i)).map(|item| (item, None))
                }
                Content::Scalar { .. } => None,
            };
            match next {
                Some((node, key)) => found = (node, key, true),
                None => return Some((found.0, found.1, false)),
            }
        }
        Some(found)
    }
}
