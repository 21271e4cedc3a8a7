//! Signed, expiring addresses of contents, and of places to upload to. Who has one needs no
//! token.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::hash;

/// A link to a content.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// Name of the file that it is saved as.
    #[param(max_length = 1024)]
    pub name: String,
    /// Content type.
    #[param(max_length = 255)]
    pub r#type: String,
    /// Seconds since 1970.
    pub expires: i64,
    /// Of all the rest.
    #[param(max_length = 64)]
    pub signature: String,
}

/// A link to upload under a key.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    #[param(max_length = 63)]
    pub tenant: String,
    /// Who uploads.
    pub account: Uuid,
    /// The file's key.
    #[param(max_length = 1024)]
    pub key: String,
    /// Content type.
    #[param(max_length = 255)]
    pub r#type: String,
    /// Most bytes.
    pub most: u64,
    /// Seconds since 1970.
    pub expires: i64,
    /// Of all the rest.
    #[param(max_length = 64)]
    pub signature: String,
}

/// A signed address of a content.
pub fn download(app: &App, content: &BlobKey, name: &str, content_type: &str) -> String {
    let expires = app.clock.now().after(app.config.retention.signed_url).seconds();
    let mut link = Download {
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        r#type: content_type.to_owned(),
        expires,
        signature: String::new(),
    };
    link.signature = link.sign(&app.link_key, content);
    format!("{}/api/objects/{content}?{}", base(app), query(&link))
}

/// A signed address to upload to, and when it expires.
pub fn upload(
    app: &App,
    tenant: &str,
    account: Uuid,
    key: &str,
    content_type: &str,
    most: u64,
) -> (String, crate::clock::Time) {
    let expires = app.clock.now().after(app.config.retention.signed_url);
    let mut link = Upload {
        tenant: tenant.to_owned(),
        account,
        key: key.to_owned(),
        r#type: content_type.to_owned(),
        most,
        expires: expires.seconds(),
        signature: String::new(),
    };
    link.signature = link.sign(&app.link_key);
    (format!("{}/api/uploads?{}", base(app), query(&link)), expires)
}

impl Download {
    fn sign(&self, key: &[u8; 32], content: &BlobKey) -> String {
        let expires = self.expires.to_string();
        let content = content.to_string();
        signature(key, &["download", &content, &self.name, &self.r#type, &expires])
    }

    pub fn is_valid(&self, key: &[u8; 32], content: &BlobKey, now_seconds: i64) -> bool {
        now_seconds < self.expires && same(&self.sign(key, content), &self.signature)
    }
}

impl Upload {
    fn sign(&self, key: &[u8; 32]) -> String {
        let (account, most, expires) =
            (self.account.to_string(), self.most.to_string(), self.expires.to_string());
        let parts = ["upload", &self.tenant, &account, &self.key, &self.r#type, &most, &expires];
        signature(key, &parts)
    }

    pub fn is_valid(&self, key: &[u8; 32], now_seconds: i64) -> bool {
        now_seconds < self.expires && same(&self.sign(key), &self.signature)
    }
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn signature(key: &[u8; 32], parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is an HMAC's");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part.as_bytes());
    }
    hash::hex(&mac.finalize().into_bytes())
}

/// What stands before a path: the configured address of the server, or nothing, so that
/// it is relative to what the caller asked.
fn base(app: &App) -> String {
    app.config.public_url.clone().unwrap_or_default()
}

fn query(link: &impl Serialize) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(link) {
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.append_pair(&name, &value);
        }
    }
    text.finish()
}

/// A file's key as parts of a path.
pub fn path(key: &str) -> String {
    let parts = key.split('/').map(|part| {
        url::form_urlencoded::byte_serialize(part.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_for_what_it_says_until_it_expires() {
        let (key, content) = ([7; 32], BlobKey::of(b"x"));
        let mut link = Download {
            name: "a.csv".to_owned(),
            r#type: "text/csv".to_owned(),
            expires: 100,
            signature: String::new(),
        };
        link.signature = link.sign(&key, &content);
        assert!(link.is_valid(&key, &content, 99));
        assert!(!link.is_valid(&key, &content, 100));
        assert!(!link.is_valid(&[8; 32], &content, 99));
        assert!(!link.is_valid(&key, &BlobKey::of(b"y"), 99));
        for change in [
            |link: &mut Download| link.name.push('x'),
            |link: &mut Download| link.r#type = "text/html".to_owned(),
            |link: &mut Download| link.expires += 1,
            |link: &mut Download| link.signature.truncate(10),
        ] {
            let mut other = Download {
                name: link.name.clone(),
                r#type: link.r#type.clone(),
                expires: link.expires,
                signature: link.signature.clone(),
            };
            change(&mut other);
            assert!(!other.is_valid(&key, &content, 99));
        }
    }

    #[test]
    fn keys_in_paths() {
        assert_eq!(path("a b/é&c?.csv"), "a%20b/%C3%A9%26c%3F.csv");
    }
}
