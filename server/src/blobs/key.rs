//! The name of a blob: the SHA-256 of its bytes, and how it is written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The SHA-256 of a blob's bytes, written as 64 lower-case hexadecimal digits. Ordered as
/// its text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobKey([u8; 32]);

/// A text that is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a blob's key is 64 hexadecimal digits, 0-9 and a-f")]
pub struct InvalidKey;

impl BlobKey {
    /// The key of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The key of what was hashed.
    pub(super) fn finish(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }

    /// What the first two digits stand for.
    pub(super) fn first_byte(&self) -> u8 {
        self.0[0]
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobKey({self})")
    }
}

impl FromStr for BlobKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        // Upper case is refused: one blob has one name, also as a path or a primary key.
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(InvalidKey),
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(InvalidKey) };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(InvalidKey);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for BlobKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<BlobKey> for String {
    fn from(key: BlobKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_key_is_the_sha_256_in_lower_case() {
        assert_eq!(BlobKey::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse(), Ok(BlobKey::of(b"abc")));
        assert_eq!(format!("{:?}", BlobKey::of(b"abc")), format!("BlobKey({ABC})"));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let upper = ABC.to_uppercase();
        let long = format!("{ABC}00");
        let not_hex = ABC.replace('b', "g");
        let wide = ABC.replace("ba", "é");
        let dots = format!("../{}", &ABC[3..]);
        for text in ["", "ba", &ABC[1..], &upper, &long, &not_hex, &wide, &dots] {
            assert_eq!(text.parse::<BlobKey>(), Err(InvalidKey), "{text}");
        }
    }

    #[test]
    fn serde_writes_the_text_and_refuses_the_rest() {
        let json = format!("\"{ABC}\"");
        assert_eq!(serde_json::to_string(&BlobKey::of(b"abc")).unwrap(), json);
        assert_eq!(serde_json::from_str::<BlobKey>(&json).unwrap(), BlobKey::of(b"abc"));
        assert!(serde_json::from_str::<BlobKey>("\"abc\"").is_err());
    }

    #[test]
    fn keys_are_ordered_as_their_texts() {
        let mut keys: Vec<_> = (0..100u8).map(|n| BlobKey::of(&[n])).collect();
        let mut texts: Vec<_> = keys.iter().map(BlobKey::to_string).collect();
        keys.sort();
        texts.sort();
        assert_eq!(keys.iter().map(BlobKey::to_string).collect::<Vec<_>>(), texts);
    }
}
