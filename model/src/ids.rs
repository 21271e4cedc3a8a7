//! Names of functions and versions, and their grammar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest function id, in characters (a DNS label).
pub const MAX_SLUG_CHARS: usize = 63;

/// Hex digits of the content checksum that a version shows.
pub const CHECKSUM_DIGITS: usize = 12;

/// A text that is not a valid id or version, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub String);

/// A function's id within its tenant: `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionId(String);

impl FunctionId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest valid id to any text, for suggestions; `None` if nothing is left of it.
    pub fn suggest(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                'à' | 'â' | 'ä' => slug.push('a'),
                'é' | 'è' | 'ê' | 'ë' => slug.push('e'),
                'î' | 'ï' => slug.push('i'),
                'ô' | 'ö' => slug.push('o'),
                'ù' | 'û' | 'ü' => slug.push('u'),
                'ç' => slug.push('c'),
                _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
                _ => {}
            }
        }
        slug.truncate(MAX_SLUG_CHARS);
        slug.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for FunctionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = |why: &str| Err(InvalidId(format!("`{text}` is not a function id: {why}")));
        if text.is_empty() {
            return wrong("it is empty");
        }
        if text.chars().count() > MAX_SLUG_CHARS {
            return wrong("it has more than 63 characters");
        }
        if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return wrong("only a-z, 0-9 and hyphens are allowed");
        }
        if text.starts_with('-') || text.ends_with('-') {
            return wrong("it starts or ends with a hyphen");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for FunctionId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<FunctionId> for String {
    fn from(id: FunctionId) -> Self {
        id.0
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a package's normalised content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(pub [u8; 32]);

impl Checksum {
    /// All 64 hex digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({})", self.to_hex())
    }
}

/// A full version: the manifest's semantic version and the first 12 digits of the
/// content checksum, `1.0.0-a3f2b8c1d4e5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageVersion {
    semantic: semver::Version,
    digits: String,
}

impl PackageVersion {
    pub fn new(semantic: semver::Version, checksum: &Checksum) -> Self {
        let digits = checksum.to_hex()[..CHECKSUM_DIGITS].to_owned();
        Self { semantic, digits }
    }

    pub fn semantic(&self) -> &semver::Version {
        &self.semantic
    }

    /// The 12 hex digits of the content checksum.
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

impl FromStr for PackageVersion {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId(format!("`{text}` is not a full version like 1.0.0-a3f2b8c1d4e5"));
        let (semantic, digits) = text.rsplit_once('-').ok_or_else(wrong)?;
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != CHECKSUM_DIGITS || !digits.bytes().all(is_hex) {
            return Err(wrong());
        }
        let semantic = semver::Version::parse(semantic).map_err(|_| wrong())?;
        Ok(Self { semantic, digits: digits.to_owned() })
    }
}

impl TryFrom<String> for PackageVersion {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<PackageVersion> for String {
    fn from(version: PackageVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for PackageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.semantic, self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["a", "a1", "calcul-contrainte-vis", "0", &"x".repeat(63)] {
            assert_eq!(good.parse::<FunctionId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "é", "a_b", "a b", "a/b", &"x".repeat(64)] {
            assert!(bad.parse::<FunctionId>().is_err(), "{bad}");
        }
        assert_eq!(FunctionId::suggest("Contrainte d'Été").unwrap().as_str(), "contrainte-d-ete");
        assert_eq!(FunctionId::suggest("--"), None);
    }

    #[test]
    fn full_versions_round_trip() {
        let version = PackageVersion::new("1.0.0-rc.1".parse().unwrap(), &Checksum([0xab; 32]));
        assert_eq!(version.to_string(), "1.0.0-rc.1-abababababab");
        assert_eq!(version.to_string().parse::<PackageVersion>().unwrap(), version);
        for bad in ["1.0.0", "1.0.0-abc", "1.0-abababababab", "1.0.0-ABABABABABAB", "-"] {
            assert!(bad.parse::<PackageVersion>().is_err(), "{bad}");
        }
    }
}
