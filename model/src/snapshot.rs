//! The state of a function whose handler is loaded: where its calls begin, so that none
//! pays for importing.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names a snapshot by its content: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

impl SnapshotId {
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a snapshot's id"))
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

/// A snapshot, compressed, as it is stored and sent: only an engine of the same build reads
/// it, and only if it fits its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({}, {} bytes)", self.id, self.bytes.len())
    }
}

/// Where an engine finds a snapshot that it does not have at hand.
pub trait SnapshotSource: Send + Sync {
    /// The compressed bytes.
    fn read(&self) -> io::Result<Arc<[u8]>>;
}

impl SnapshotSource for Snapshot {
    fn read(&self) -> io::Result<Arc<[u8]>> {
        Ok(self.bytes.clone())
    }
}

/// A snapshot by its name, which is read only where it is not at hand.
#[derive(Clone)]
pub struct SnapshotRef {
    pub id: SnapshotId,
    pub source: Arc<dyn SnapshotSource>,
}

impl From<Snapshot> for SnapshotRef {
    fn from(snapshot: Snapshot) -> Self {
        Self { id: snapshot.id.clone(), source: Arc::new(snapshot) }
    }
}

impl fmt::Debug for SnapshotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnapshotRef({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_64_hex_digits() {
        assert!(SnapshotId::parse(&"0f".repeat(32)).is_some());
        for text in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), "../../../etc/passwd"] {
            assert!(SnapshotId::parse(text).is_none(), "{text}");
        }
    }
}
