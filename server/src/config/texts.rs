//! Texts of some form: addresses, paths, URLs, names, secrets.

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::kind::{Kind, Raw};
use super::page::quoted;
use super::secret::{MASK, Secret};

/// An IP address and a port.
pub(super) struct Address;

impl Kind for Address {
    type Value = SocketAddr;

    fn parse(&self, raw: &Raw) -> Option<SocketAddr> {
        raw.text()?.parse().ok()
    }

    fn allowed(&self) -> String {
        String::from("an IP address and a port, such as `\"127.0.0.1:8000\"`")
    }

    fn show(&self, value: &SocketAddr) -> Option<String> {
        Some(quoted(&value.to_string()))
    }
}

/// A file or folder, there or not.
pub(super) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn parse(&self, raw: &Raw) -> Option<PathBuf> {
        let text = raw.text()?;
        (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
    }

    fn allowed(&self) -> String {
        String::from("a path")
    }

    fn show(&self, value: &PathBuf) -> Option<String> {
        Some(quoted(&value.to_string_lossy()))
    }
}

/// Where a web server is reached. Kept without the last slash, so that paths are appended.
pub(super) struct WebAddress;

impl Kind for WebAddress {
    type Value = String;

    fn parse(&self, raw: &Raw) -> Option<String> {
        let url = Url::parse(raw.text()?).ok()?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        plain.then(|| url.as_str().trim_end_matches('/').to_owned())
    }

    fn allowed(&self) -> String {
        String::from("an `http` or `https` URL without user, query and fragment")
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(quoted(value))
    }

    /// A URL may hold a password.
    fn discreet(&self) -> bool {
        true
    }
}

/// What the log lets through.
pub(super) struct LogFilter;

impl Kind for LogFilter {
    type Value = String;

    fn parse(&self, raw: &Raw) -> Option<String> {
        let text = raw.text().filter(|text| !text.trim().is_empty())?;
        EnvFilter::builder().parse(text).is_ok().then(|| text.to_owned())
    }

    fn allowed(&self) -> String {
        String::from(
            "directives of `tracing`, such as `\"info\"` or `\"info,mecapy_server=debug\"`",
        )
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(quoted(value))
    }
}

/// One of a few names.
pub(super) struct Choice<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Kind for Choice<T> {
    type Value = T;

    fn parse(&self, raw: &Raw) -> Option<T> {
        let text = raw.text()?;
        self.0.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    }

    fn allowed(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|(name, _)| format!("`\"{name}\"`")).collect();
        names.join(" or ")
    }

    fn show(&self, value: &T) -> Option<String> {
        self.0.iter().find(|(_, one)| one == value).map(|(name, _)| quoted(name))
    }
}

/// A list of names.
pub(super) struct Names;

impl Kind for Names {
    type Value = Vec<String>;

    fn parse(&self, raw: &Raw) -> Option<Vec<String>> {
        let names: Vec<String> = match raw {
            Raw::Typed(value) => {
                let names = value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
                names.collect::<Option<_>>()?
            }
            // The only way for a variable, which is not set when empty, to say "none".
            Raw::Text(text) if text.trim() == "[]" => Vec::new(),
            Raw::Text(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        };
        let is_name = |name: &String| {
            !name.is_empty() && name.chars().all(|one| one.is_alphanumeric() || one == '_')
        };
        names.iter().all(is_name).then_some(names)
    }

    fn allowed(&self) -> String {
        String::from("a list of names; in a variable or flag, `a,b` or `[]`")
    }

    fn show(&self, value: &Vec<String>) -> Option<String> {
        let names: Vec<String> = value.iter().map(|name| quoted(name)).collect();
        Some(format!("[{}]", names.join(", ")))
    }
}

/// A text of a form that a function checks.
pub(super) struct Text {
    pub form: &'static str,
    pub is_valid: fn(&str) -> bool,
}

impl Kind for Text {
    type Value = String;

    fn parse(&self, raw: &Raw) -> Option<String> {
        raw.text().filter(|text| (self.is_valid)(text)).map(str::to_owned)
    }

    fn allowed(&self) -> String {
        self.form.to_owned()
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(quoted(value))
    }
}

/// A secret of a form that a function checks.
pub(super) struct Hidden {
    pub form: &'static str,
    pub is_valid: fn(&str) -> bool,
}

impl Kind for Hidden {
    type Value = Secret;

    fn parse(&self, raw: &Raw) -> Option<Secret> {
        let text = raw.text()?;
        (self.is_valid)(text).then(|| Secret::new(text.to_owned()))
    }

    fn allowed(&self) -> String {
        self.form.to_owned()
    }

    fn show(&self, _value: &Secret) -> Option<String> {
        Some(quoted(MASK))
    }

    fn discreet(&self) -> bool {
        true
    }
}

/// As the server makes them: a name to find it by, and what only its owner knows.
pub(super) const TOKEN: Hidden = Hidden {
    form: "`mcp_<id>_<secret>`: an id of 8 to 32 of `a-z0-9`, \
           a secret of at least 32 of `A-Za-z0-9`",
    is_valid: is_token,
};

fn is_token(text: &str) -> bool {
    let parts = text.strip_prefix("mcp_").and_then(|rest| rest.split_once('_'));
    let Some((id, secret)) = parts else { return false };
    let of_id = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit();
    (8..=32).contains(&id.len())
        && id.bytes().all(of_id)
        && (32..=256).contains(&secret.len())
        && secret.bytes().all(|one| one.is_ascii_alphanumeric())
}

/// Whatever somebody else asks for.
pub(super) const PASSWORD: Hidden =
    Hidden { form: "a password", is_valid: |text| !text.is_empty() && !text.contains('\0') };

/// 32 bytes in hexadecimal.
pub(super) const HEX_KEY: Hidden = Hidden {
    form: "64 hexadecimal digits",
    is_valid: |text| text.len() == 64 && text.bytes().all(|one| one.is_ascii_hexdigit()),
};
