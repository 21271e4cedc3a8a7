//! Tokens: `mcp_<id>_<secret>`. Only a hash of the secret is kept.

use rand_core::{OsRng, TryRngCore};

use crate::hash;

const PREFIX: &str = "mcp_";
const ID_CHARS: usize = 16;
const SECRET_CHARS: usize = 43;
const LOWER: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A token with its secret, shown once.
pub struct NewToken {
    pub id: String,
    pub secret: String,
}

impl NewToken {
    pub fn generate() -> Result<Self, rand_core::OsError> {
        Ok(Self { id: random(LOWER, ID_CHARS)?, secret: random(ALL, SECRET_CHARS)? })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = split(text)?;
        Some(Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    pub fn text(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }

    pub fn hash(&self) -> [u8; 32] {
        hashed(&self.secret)
    }
}

/// The id and the secret of a token's text.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let id_fits = (8..=32).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let secret_fits =
        (32..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    (id_fits && secret_fits).then_some((id, secret))
}

/// A secret has more than 240 bits of chance: a plain hash cannot be guessed from.
pub fn hashed(secret: &str) -> [u8; 32] {
    hash::sha256(&[b"mecapy token", secret.as_bytes()])
}

fn random(alphabet: &[u8], chars: usize) -> Result<String, rand_core::OsError> {
    let mut text = String::new();
    while text.len() < chars {
        let mut byte = [0];
        OsRng.try_fill_bytes(&mut byte)?;
        // What would make some characters likelier than others is drawn again.
        let even = 256 - 256 % alphabet.len();
        if usize::from(byte[0]) < even {
            text.push(char::from(alphabet[usize::from(byte[0]) % alphabet.len()]));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_apart_as_they_were_made() {
        let token = NewToken::generate().unwrap();
        let text = token.text();
        assert_eq!(split(&text), Some((token.id.as_str(), token.secret.as_str())));
        for bad in ["", "mcp_", "mcp_a_b", &text[1..], &format!("{text}-"), &text.to_uppercase()] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
