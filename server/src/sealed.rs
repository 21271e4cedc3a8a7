//! Secrets that the database keeps only encrypted, under a key that it does not hold.
//!
//! Not here: where the key comes from, and what is worth sealing.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use rand_core::{OsRng, RngCore, TryRngCore};
use sha2::Sha256;

/// The first byte of what is sealed: XChaCha20-Poly1305, then its nonce, then the ciphertext
/// with its tag.
const FORMAT: u8 = 1;
/// Long enough to be random each time: no counter to keep across restarts and replicas.
const NONCE_BYTES: usize = 24;

/// The operator's key, from which all others come. It does not print itself.
#[derive(Clone)]
pub struct SealingKey {
    cipher: XChaCha20Poly1305,
    /// What [`SealingKey::derive`] derives from: no purpose leads to the cipher's key.
    derivation: [u8; 32],
}

/// Why something sealed was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Written by another version, or never sealed.
    #[error("the sealed value is of an unknown format")]
    UnknownFormat,
    /// The key or the purpose is another one, or the value was altered or cut.
    #[error("the sealed value is not of this key and purpose, or was altered")]
    Refused,
}

impl SealingKey {
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(&hmac(&key, b"mecapy seal").into()),
            derivation: hmac(&key, b"mecapy derive"),
        }
    }

    /// Encrypts `plain`, so that it opens with the same key and `purpose` only. Name in
    /// `purpose` whose secret it is (`webhook:<id>`): sealed values then cannot change places.
    /// 41 bytes longer than `plain`.
    ///
    /// # Panics
    /// When the system has no entropy to give.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        OsRng.unwrap_err().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("only messages of 256 GiB and more are refused");
        [&[FORMAT], nonce.as_slice(), &ciphertext].concat()
    }

    /// What was sealed with this key and `purpose`.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(SealError::UnknownFormat);
        };
        let (nonce, ciphertext) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Refused)?;
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Refused)
    }

    /// Another key, for `purpose` alone: always the same, and no help to find any other.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac(&self.derivation, purpose.as_bytes())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"whsec_not_to_be_seen_in_the_database";

    fn key() -> SealingKey {
        SealingKey::from_bytes([7; 32])
    }

    #[test]
    fn what_is_sealed_opens_again() {
        for plain in [PLAIN, b"", &[0; 10_000]] {
            let sealed = key().seal("webhook:1", plain);
            assert_eq!(sealed.len(), plain.len() + 41);
            assert_eq!(key().open("webhook:1", &sealed).as_deref(), Ok(plain));
        }
    }

    #[test]
    fn what_is_sealed_shows_nothing_and_differs_each_time() {
        let (one, other) = (key().seal("webhook:1", PLAIN), key().seal("webhook:1", PLAIN));
        assert_ne!(one, other);
        assert_ne!(one[1..=NONCE_BYTES], other[1..=NONCE_BYTES]);
        assert!(!one.windows(6).any(|window| window == &PLAIN[..6]));
    }

    #[test]
    fn other_keys_and_purposes_do_not_open_it() {
        let sealed = key().seal("webhook:1", PLAIN);
        let mut other = [7; 32];
        other[31] ^= 1;
        let other = SealingKey::from_bytes(other);
        assert_eq!(other.open("webhook:1", &sealed), Err(SealError::Refused));
        for purpose in ["", "webhook:2", "webhook:", "webhook:11"] {
            assert_eq!(key().open(purpose, &sealed), Err(SealError::Refused), "{purpose}");
        }
    }

    #[test]
    fn whatever_bit_is_altered_it_does_not_open() {
        let sealed = key().seal("webhook:1", PLAIN);
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let error = if bit < 8 { SealError::UnknownFormat } else { SealError::Refused };
            assert_eq!(key().open("webhook:1", &altered), Err(error), "bit {bit}");
        }
    }

    #[test]
    fn what_is_cut_or_grown_does_not_open() {
        let mut sealed = key().seal("webhook:1", PLAIN);
        assert_eq!(key().open("webhook:1", &[]), Err(SealError::UnknownFormat));
        for length in 1..sealed.len() {
            assert_eq!(key().open("webhook:1", &sealed[..length]), Err(SealError::Refused));
        }
        sealed.push(0);
        assert_eq!(key().open("webhook:1", &sealed), Err(SealError::Refused));
    }

    /// Computed apart, with Python's `hmac`: what databases hold opens with these keys only.
    #[test]
    fn derived_keys_are_what_they_always_were() {
        let hex: String = key().derive("cookies").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "aefcc66d265a4b0b634b6cda93d58e750e1dc5e35fa6b3bf5e40652b5b4c82bd");
        assert_ne!(key().derive("cookies"), key().derive("cookie"));
        assert_ne!(key().derive("cookies"), SealingKey::from_bytes([8; 32]).derive("cookies"));
    }

    /// Sealed apart, in Python: an upgrade that cannot open it loses operators' secrets.
    #[test]
    fn what_was_sealed_before_still_opens() {
        let sealed: Vec<u8> = EARLIER
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).expect("ASCII"))
            .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
            .collect();
        assert_eq!(key().open("webhook:1", &sealed).as_deref(), Ok(&b"kept"[..]));
    }

    const EARLIER: &str = "01000102030405060708090a0b0c0d0e0f101112131415161771f7fc4c57d4e33213aea23a68396996b89cf034";

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", key()), "SealingKey(..)");
    }
}
