//! Where a webhook may be sent, as far as its URL alone tells. What a name resolves to is
//! checked when it is connected to, by [`super::PolicyResolver`].

use std::net::IpAddr;

use url::{Host, Url};

use super::address::is_public;

/// Longest URL of a webhook, as given and as normalised, which may be longer: what was taken
/// once is taken again when it comes back from storage.
const MAX_URL_BYTES: usize = 2048;

/// The text of every refusal of an address, whether from its URL or from its name.
pub(super) const NOT_PUBLIC: &str = "the target's address is not public";

/// What the operator allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// Whether targets may be on the server's own machine or network: where everyone who may
    /// set a webhook may also reach all that the server reaches.
    pub allow_private: bool,
}

impl TargetPolicy {
    pub(super) fn allows(self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }
}

/// A URL that the policy allows. Its name, if it has one, is not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Url);

/// Why a URL is not a webhook's target. The texts are for the one who gave the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the URL is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("the URL is not valid: {0}")]
    Malformed(#[from] url::ParseError),
    #[error("the URL holds spaces or control characters")]
    Characters,
    #[error("the URL is neither http nor https")]
    Scheme,
    #[error("the URL holds a user name or a password; deliveries are signed instead")]
    Credentials,
    #[error("the URL has a fragment (`#`), which is never sent")]
    Fragment,
    #[error("the URL's port is 0")]
    Port,
    #[error("{NOT_PUBLIC}")]
    NotPublic,
}

impl Target {
    /// Checks a URL. Odd spellings of addresses (`0x7f.1`, `2130706433`, `127.0.0.1.`) are
    /// read here as they are when connecting: both use what [`Url`] made of them.
    pub fn parse(url: &str, policy: &TargetPolicy) -> Result<Self, TargetError> {
        if url.len() > MAX_URL_BYTES {
            return Err(TargetError::TooLong);
        }
        // `Url` drops some of these without a word.
        if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(TargetError::Characters);
        }
        let url = Url::parse(url)?;
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(TargetError::TooLong);
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        if url.port() == Some(0) {
            return Err(TargetError::Port);
        }
        let allowed = match url.host() {
            None => return Err(url::ParseError::EmptyHost.into()),
            Some(Host::Ipv4(ip)) => policy.allows(ip.into()),
            Some(Host::Ipv6(ip)) => policy.allows(ip.into()),
            Some(Host::Domain(name)) => policy.allow_private || !is_localhost(name),
        };
        if allowed { Ok(Self(url)) } else { Err(TargetError::NotPublic) }
    }

    /// The URL, normalised.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// RFC 6761: these names are this machine, whatever a resolver says.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: TargetPolicy = TargetPolicy { allow_private: false };
    const PRIVATE: TargetPolicy = TargetPolicy { allow_private: true };

    fn refusal(url: &str) -> Option<TargetError> {
        Target::parse(url, &PUBLIC).err()
    }

    #[test]
    fn public_targets_are_taken() {
        for url in [
            "https://example.com",
            "http://example.com/hooks?token=a%20b",
            "https://example.com:8443/a/b",
            "https://exämple.com/",
            "http://8.8.8.8:1/",
            "http://[2606:4700:4700::1111]:65535/",
            "https://localhost.example.com/",
            "https://notlocalhost/",
        ] {
            assert_eq!(refusal(url), None, "{url}");
        }
        let target = Target::parse("HTTPS://Example.COM:443/a/../b", &PUBLIC);
        let url = target.as_ref().map(|target| target.url().as_str());
        assert_eq!(url, Ok("https://example.com/b"));
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_spelled() {
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1./",
            "http://127.1/",
            "http://0x7f.1/",
            "http://0X7F000001/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://0/",
            "http://0.0.0.0:80/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://%31%32%37.0.0.1/",
            "http:\\\\127.0.0.1\\",
            "http:127.0.0.1",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://localhost/",
            "http://LOCALHOST.:8080/",
            "http://ｌｏｃａｌｈｏｓｔ/",
            "http://api.localhost/",
            "http://api.localhost./",
        ] {
            assert_eq!(refusal(url), Some(TargetError::NotPublic), "{url}");
            assert!(Target::parse(url, &PRIVATE).is_ok(), "{url}");
        }
        assert_eq!(TargetError::NotPublic.to_string(), NOT_PUBLIC);
    }

    #[test]
    fn what_is_no_target_is_refused_whatever_the_policy() {
        use TargetError::{Characters, Credentials, Fragment, Port, Scheme};
        for (url, error) in [
            ("ftp://example.com/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("unix:/run/docker.sock", Scheme),
            ("https://user@example.com/", Credentials),
            ("https://:word@example.com/", Credentials),
            ("https://example.com@127.0.0.1/", Credentials),
            ("https://example.com/#", Fragment),
            ("https://example.com/#a", Fragment),
            ("https://example.com:0/", Port),
            ("https://example.com/a b", Characters),
            (" https://example.com/", Characters),
            ("https://exa\tmple.com/", Characters),
            ("https://example.com/\r\nx: y", Characters),
        ] {
            assert_eq!(Target::parse(url, &PUBLIC), Err(error), "{url}");
            assert_eq!(Target::parse(url, &PRIVATE), Err(error), "{url}");
        }
        for url in [
            "",
            "example.com",
            "/hooks",
            "http://",
            "https://:80/",
            "https://example.com:65536/",
            "http://1.2.3.4.5/",
            "http://256.256.256.256/",
            "http://[::1%25eth0]/",
            "http://[fe80::1%eth0]/",
            "http://[::1/",
            "http://a%00b/",
        ] {
            let parsed = Target::parse(url, &PRIVATE);
            assert!(matches!(parsed, Err(TargetError::Malformed(_))), "{url}: {parsed:?}");
        }
    }

    #[test]
    fn a_url_has_at_most_2048_bytes() {
        let of = |bytes: usize| format!("{:a<bytes$}", "https://example.com/");
        assert_eq!(refusal(&of(MAX_URL_BYTES)), None);
        assert_eq!(refusal(&of(MAX_URL_BYTES + 1)), Some(TargetError::TooLong));
        // Each `é` becomes `%C3%A9`.
        let accents = |count| format!("https://example.com/{}", "é".repeat(count));
        assert_eq!(refusal(&accents(338)), None);
        assert_eq!(refusal(&accents(339)), Some(TargetError::TooLong));
    }
}
