//! Reading a repository's address: which ones are taken, and in which exact form git is
//! given them.
//!
//! git is never handed what the caller wrote but what was understood of it, put together
//! again from checked parts: an address that this reads in one way and git in another is
//! how checks on addresses are passed by.

use url::{Host, Url};

use super::error::GitError;

/// Most bytes of an address.
const MAX_URL_BYTES: usize = 2_048;
/// Fewest bytes of a user's name that may be a token (`https://ghp_…@github.com/`), and is
/// taken out of messages. Taking out every `git` would leave little of them.
const MIN_TOKEN_BYTES: usize = 8;

/// A repository to fetch from.
#[derive(Clone)]
pub(super) struct Source {
    /// For git and for messages: holds no credentials.
    pub url: String,
    pub transport: Transport,
    /// What must not be in a message.
    pub secrets: Vec<String>,
}

#[derive(Clone)]
pub(super) enum Transport {
    Https { host: String, port: u16, credentials: Option<Credentials> },
    Ssh { host: String, port: u16 },
    File,
}

/// Decoded; without control characters. `Debug` is missing so that none is printed.
#[derive(Clone)]
pub(super) struct Credentials {
    pub username: String,
    pub password: String,
}

impl Transport {
    /// As in git's `protocol.<name>.allow`.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::Https { .. } => "https",
            Self::Ssh { .. } => "ssh",
            Self::File => "file",
        }
    }
}

const FORMS: &str = "write it as `https://host/path`, `ssh://user@host/path` or `user@host:path`";

/// Reads an address. What is refused is not repeated in the message: it may hold a secret.
pub(super) fn parse(text: &str, allow_file_urls: bool) -> Result<Source, GitError> {
    let refuse =
        |why: &str| Err(GitError::Invalid(format!("the repository's address {why}: {FORMS}")));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > MAX_URL_BYTES {
        return refuse("is too long");
    }
    if text.starts_with('-') {
        return refuse("begins with `-`");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("has a space or a control character");
    }
    // `helper::address` has git run the program `git-remote-helper`.
    if text.split_once("::").is_some_and(|(helper, _)| !helper.contains(['/', '@', '['])) {
        return refuse("names a remote helper, which is never run");
    }
    if !text.contains("://") {
        return scp_like(text);
    }
    let Ok(url) = Url::parse(text) else {
        return refuse("cannot be read");
    };
    if url.query().is_some() || url.fragment().is_some() {
        return refuse(
            "has a `?` or a `#` (a branch, tag or commit goes into the reference, a folder into the \
             subfolder)",
        );
    }
    let Some(path) = decode(url.path()).filter(|path| !path.chars().any(char::is_control)) else {
        return refuse("has a path that is not text");
    };
    if path.trim_matches('/').is_empty() {
        return refuse("has no path");
    }
    match url.scheme() {
        "https" => https(&url),
        "ssh" => ssh(&url, &path),
        "file" if !allow_file_urls => Err(GitError::invalid(
            "`file://` addresses would read this server's own disk, and are not allowed on it: push the \
             repository to a git host, or upload the package as an archive",
        )),
        "file" if url.host().is_some() => refuse("is a `file://` with a host"),
        "file" => Ok(Source {
            url: format!("file://{}", url.path()),
            transport: Transport::File,
            secrets: Vec::new(),
        }),
        "http" | "git" => refuse("is in clear text, which anyone on the way can read and change"),
        _ => refuse("has a scheme that is not taken"),
    }
}

fn https(url: &Url) -> Result<Source, GitError> {
    let refuse = |why: &str| {
        Err(GitError::Invalid(format!("the repository's address {why}: write `https://host/path`")))
    };
    let (host, shown) = match url.host() {
        // curl would look for the pinned name without its dot.
        Some(Host::Domain(name)) if is_host_name(name) => (name.to_owned(), name.to_owned()),
        Some(Host::Ipv4(address)) => (address.to_string(), address.to_string()),
        Some(Host::Ipv6(address)) => (address.to_string(), format!("[{address}]")),
        Some(Host::Domain(_)) | None => return refuse("has no host, or one that cannot be a name"),
    };
    let (Some(username), Some(password)) =
        (decode(url.username()), decode(url.password().unwrap_or_default()))
    else {
        return refuse("has credentials that are not text");
    };
    // A line end would begin another line of what the credential helper answers.
    if username.chars().chain(password.chars()).any(char::is_control) {
        return refuse("has credentials with a control character");
    }
    let mut secrets = vec![password.clone(), url.password().unwrap_or_default().to_owned()];
    secrets.extend(
        [username.clone(), url.username().to_owned()]
            .into_iter()
            .filter(|name| name.len() >= MIN_TOKEN_BYTES),
    );
    let is_anonymous = username.is_empty() && password.is_empty();
    let credentials = (!is_anonymous).then_some(Credentials { username, password });
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(Source {
        url: format!("https://{shown}{port}{}", url.path()),
        transport: Transport::Https { host, port: url.port().unwrap_or(443), credentials },
        secrets,
    })
}

fn ssh(url: &Url, path: &str) -> Result<Source, GitError> {
    if url.password().is_some() {
        return Err(GitError::invalid(
            "the repository's address has a password, which ssh does not take: use a key, or `https://`",
        ));
    }
    // Brackets stay around an IPv6 address here, and go where it is resolved.
    let host = checked_ssh(url.username(), url.host_str().unwrap_or_default(), path)?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let shown = url.host_str().unwrap_or_default();
    Ok(Source {
        url: format!("ssh://{}@{shown}{port}{}", url.username(), url.path()),
        transport: Transport::Ssh { host, port: url.port().unwrap_or(22) },
        secrets: Vec::new(),
    })
}

/// `user@host:path`, whose path is relative to the user's home unless it begins with `/`.
fn scp_like(text: &str) -> Result<Source, GitError> {
    let parts = text.split_once('@').and_then(|(user, rest)| {
        let (host, path) = match rest.find(']') {
            Some(end) if rest.starts_with('[') => {
                (&rest[..=end], rest[end + 1..].strip_prefix(':')?)
            }
            _ => rest.split_once(':')?,
        };
        Some((user, host, path))
    });
    let Some((user, shown, path)) = parts else {
        return Err(GitError::Invalid(format!("the repository's address cannot be read: {FORMS}")));
    };
    let host = checked_ssh(user, shown, path)?;
    Ok(Source {
        url: format!("{user}@{shown}:{path}"),
        transport: Transport::Ssh { host, port: 22 },
        secrets: Vec::new(),
    })
}

/// The host without brackets. All three end up in the command line of a program, two of
/// them in a shell's on the other side; git quotes them, and this does not rely on it.
fn checked_ssh(user: &str, host: &str, path: &str) -> Result<String, GitError> {
    let refuse = |what: &str| {
        Err(GitError::Invalid(format!("the repository's address has {what}: {FORMS}")))
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(is_plain) {
        return refuse("no user for ssh, or one that cannot be a name");
    }
    let bare = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bare) if bare.parse::<std::net::Ipv6Addr>().is_ok() => bare,
        None if is_host_name(host) => host,
        _ => return refuse("no host, or one that cannot be a name"),
    };
    let is_usual = |c: char| c.is_alphanumeric() || "._-~/+@=,".contains(c);
    if path.is_empty() || path.starts_with('-') || !path.chars().all(is_usual) {
        return refuse("no path, or one with unusual characters");
    }
    Ok(bare.to_owned())
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Percent-decoding, as git does it. `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digit =
            |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
#[path = "tests/source.rs"]
mod tests;
