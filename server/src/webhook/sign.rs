//! Signatures of deliveries, as Standard Webhooks has them (standardwebhooks.com, "Signature
//! scheme", symmetric `v1`): HMAC-SHA256 over `id.timestamp.body`.
//!
//! Receivers verify with that specification's libraries; [`verify`] is here for tests.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use rand_core::{OsRng, RngCore, TryRngCore};
use sha2::Sha256;

pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const SIGNATURE_HEADER: &str = "webhook-signature";

const SECRET_PREFIX: &str = "whsec_";
const VERSION_PREFIX: &str = "v1,";

/// The specification's bounds on a secret, in bytes before base64.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const GENERATED_BYTES: usize = 32;

/// How far a delivery's timestamp may be from the receiver's clock: what the specification's
/// own libraries use.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// What a webhook's deliveries are signed with. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is not a secret. None of these holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a webhook's secret starts with `whsec_`")]
    Prefix,
    #[error("a webhook's secret is base64 after `whsec_`")]
    Encoding,
    #[error("a webhook's secret has 24 to 64 bytes before base64")]
    Length,
}

impl Secret {
    /// A new secret from the system's entropy.
    ///
    /// # Panics
    /// When the system has no entropy to give.
    pub fn generate() -> Self {
        let mut bytes = vec![0; GENERATED_BYTES];
        OsRng.unwrap_err().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads `whsec_<base64>`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = BASE64.decode(encoded).map_err(|_| SecretError::Encoding)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(SecretError::Length);
        }
        Ok(Self(bytes))
    }

    /// The text that [`Secret::parse`] reads, for its owner and for sealed storage only.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64.encode(&self.0))
    }

    fn mac(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
        mac.update(body);
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The `webhook-signature` header: one signature for each secret, separated by spaces, so that
/// receivers verify with the old secret or the new one while secrets rotate. `id` has no dot.
pub fn sign(secrets: &[Secret], id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| secret.mac(id, timestamp_seconds, body).finalize().into_bytes())
        .map(|code| format!("{VERSION_PREFIX}{}", BASE64.encode(code)))
        .collect();
    signatures.join(" ")
}

/// Why a delivery is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the timestamp is more than 5 minutes away")]
    Stale,
    #[error("no signature matches")]
    Mismatch,
}

/// Verifies as a receiver does: one of the header's signatures is by `secret`, and the
/// timestamp is within 5 minutes of `now_seconds`. Codes are compared in constant time.
pub fn verify(
    secret: &Secret,
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
    signatures: &str,
    now_seconds: i64,
) -> Result<(), VerifyError> {
    if now_seconds.abs_diff(timestamp_seconds) > TOLERANCE_SECONDS {
        return Err(VerifyError::Stale);
    }
    let mac = secret.mac(id, timestamp_seconds, body);
    let matches = signatures
        .split(' ')
        // Other versions are of other schemes: they are passed over, as the specification asks.
        .filter_map(|signature| signature.strip_prefix(VERSION_PREFIX))
        .filter_map(|encoded| BASE64.decode(encoded).ok())
        .any(|code| mac.clone().verify_slice(&code).is_ok());
    if matches { Ok(()) } else { Err(VerifyError::Mismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector that Svix published, and that libraries of the specification test with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn published() -> Secret {
        Secret::parse(SECRET).expect("the published secret")
    }

    #[test]
    fn the_published_vector_is_signed_and_verified() {
        assert_eq!(sign(&[published()], ID, AT, BODY), SIGNATURE);
        assert_eq!(verify(&published(), ID, AT, BODY, SIGNATURE, AT), Ok(()));
    }

    #[test]
    fn either_secret_verifies_while_they_rotate() {
        let (old, new) = (Secret::generate(), Secret::generate());
        let signatures = sign(&[new.clone(), old.clone()], ID, AT, BODY);
        assert_eq!(signatures.split(' ').count(), 2);
        assert_eq!(verify(&old, ID, AT, BODY, &signatures, AT), Ok(()));
        assert_eq!(verify(&new, ID, AT, BODY, &signatures, AT), Ok(()));
        let mismatch = Err(VerifyError::Mismatch);
        assert_eq!(verify(&published(), ID, AT, BODY, &signatures, AT), mismatch);
    }

    #[test]
    fn anything_altered_is_refused() {
        let secret = published();
        let mismatch = Err(VerifyError::Mismatch);
        assert_eq!(verify(&secret, "msg_other", AT, BODY, SIGNATURE, AT), mismatch);
        assert_eq!(verify(&secret, ID, AT + 1, BODY, SIGNATURE, AT), mismatch);
        assert_eq!(verify(&secret, ID, AT, b"{}", SIGNATURE, AT), mismatch);
        let cut = &SIGNATURE[..SIGNATURE.len() - 4];
        for signatures in ["", " ", "v1,", "v1", "v1,%", cut, &SIGNATURE.replace("v1,", "v2,")] {
            assert_eq!(verify(&secret, ID, AT, BODY, signatures, AT), mismatch, "{signatures}");
        }
    }

    #[test]
    fn signatures_of_other_schemes_are_passed_over() {
        let signatures = format!("v1a,AAAA v2,BBBB {SIGNATURE}");
        assert_eq!(verify(&published(), ID, AT, BODY, &signatures, AT), Ok(()));
    }

    #[test]
    fn a_timestamp_is_good_for_five_minutes_either_way() {
        let at = |now| verify(&published(), ID, AT, BODY, SIGNATURE, now);
        assert_eq!((at(AT + 300), at(AT - 300)), (Ok(()), Ok(())));
        for now in [AT + 301, AT - 301, i64::MIN, i64::MAX] {
            assert_eq!(at(now), Err(VerifyError::Stale));
        }
    }

    #[test]
    fn secrets_are_read_back_as_written_and_differ() {
        let secret = Secret::generate();
        assert_eq!(Secret::parse(&secret.reveal()), Ok(secret.clone()));
        assert_eq!(published().reveal(), SECRET);
        assert_ne!(secret, Secret::generate());
    }

    #[test]
    fn what_is_not_a_secret_is_refused() {
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(vec![7; bytes]));
        assert_eq!(Secret::parse(""), Err(SecretError::Prefix));
        assert_eq!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SecretError::Prefix));
        assert_eq!(Secret::parse("whsec_é"), Err(SecretError::Encoding));
        assert_eq!(Secret::parse(&format!("{SECRET}\n")), Err(SecretError::Encoding));
        assert_eq!(Secret::parse("whsec_"), Err(SecretError::Length));
        assert_eq!(Secret::parse(&of(23)), Err(SecretError::Length));
        assert_eq!(Secret::parse(&of(65)), Err(SecretError::Length));
        assert!(Secret::parse(&of(24)).is_ok() && Secret::parse(&of(64)).is_ok());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", published()), "Secret(..)");
    }
}
