//! What the keys of the Docker fallback may be.

use model::manifest::PythonVersion;

use super::kind::{Kind, Raw};
use super::page::quoted;
use super::texts::{Choice, Text};

/// Whether Docker is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerUse {
    /// While there is one.
    Auto,
    /// The server is not ready without.
    Always,
    Never,
}

pub(super) const USES: Choice<DockerUse> = Choice(&[
    ("auto", DockerUse::Auto),
    ("always", DockerUse::Always),
    ("never", DockerUse::Never),
]);

/// Where the daemon listens.
pub(super) const DAEMON: Text = Text {
    form: "`unix:///path` or `tcp://host:port`",
    is_valid: |text| {
        let path = text.strip_prefix("unix://").map(|path| path.starts_with('/'));
        let address = || text.strip_prefix("tcp://").map(|rest| is_host_and_port(rest));
        path.or_else(address).unwrap_or(false)
    },
};

/// An image, in whose reference `{version}` stands for a Python version.
pub(super) const BASE: Text = Text {
    form: "an image's reference, in which `{version}` stands for a Python version, such as \
           `\"python:{version}-slim\"`",
    is_valid: |text| is_reference(&text.replace("{version}", "3.12")),
};

/// What images are named below.
pub(super) const REGISTRY: Text = Text {
    form: "a registry's host, port and path, such as `\"registry.example:5000/mecapy\"`",
    is_valid: |text| {
        let host = text.split('/').next().unwrap_or_default();
        is_reference(text) && host.contains(['.', ':']) | (host == "localhost")
    },
};

/// A name without spaces.
pub(super) const NAME: Text = Text {
    form: "a name of letters, digits, `.`, `_` and `-`",
    is_valid: |text| {
        !text.is_empty()
            && text.len() <= 128
            && text.chars().all(|one| one.is_ascii_alphanumeric() || ".-_@".contains(one))
    },
};

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok()
}

/// Of the characters that a reference may have; what it means is Docker's to say.
fn is_reference(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.starts_with(|one: char| one.is_ascii_alphanumeric())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "./-_:@".contains(one))
}

/// Python versions, lowest first.
pub(super) struct Versions;

impl Kind for Versions {
    type Value = Vec<PythonVersion>;

    fn parse(&self, raw: &Raw) -> Option<Vec<PythonVersion>> {
        let texts: Vec<String> = match raw {
            Raw::Typed(value) => {
                let texts = value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned));
                texts.collect::<Option<_>>()?
            }
            Raw::Text(text) => text.split(',').map(|one| one.trim().to_owned()).collect(),
        };
        let mut versions: Vec<_> = texts.iter().map(|text| version(text)).collect::<Option<_>>()?;
        versions.sort_unstable();
        versions.dedup();
        (!versions.is_empty()).then_some(versions)
    }

    fn allowed(&self) -> String {
        String::from(
            "a list of Python versions from `\"3.9\"` up; in a variable or flag, `3.11,3.12`",
        )
    }

    fn show(&self, value: &Vec<PythonVersion>) -> Option<String> {
        let texts: Vec<String> = value.iter().map(|one| quoted(&one.to_string())).collect();
        Some(format!("[{}]", texts.join(", ")))
    }
}

fn version(text: &str) -> Option<PythonVersion> {
    let minor: u8 = text.strip_prefix("3.")?.parse().ok()?;
    (9..=99).contains(&minor).then_some(PythonVersion { major: 3, minor })
}
