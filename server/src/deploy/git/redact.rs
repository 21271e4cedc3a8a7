//! Taking credentials and terminal tricks out of text that a person will read.

/// What replaces a secret.
const HIDDEN: &str = "***";

/// `text` without the given secrets, without `user:password@` in addresses, and without
/// control characters but line ends (a server's messages reach git's output unfiltered).
pub(super) fn redact(text: &str, secrets: &[String]) -> String {
    let mut text: String = text
        .chars()
        .map(|c| if c == '\r' { '\n' } else { c })
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    // The longest first: a secret that is part of another must not leave the rest behind.
    let mut secrets: Vec<&String> = secrets.iter().filter(|secret| !secret.is_empty()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret.as_str(), HIDDEN);
    }
    hide_userinfo(&text)
}

fn hide_userinfo(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        hidden.push_str(before);
        hidden.push_str("://");
        let is_end = |c: char| c.is_whitespace() || "/'\"`?#<>".contains(c);
        let authority = &after[..after.find(is_end).unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(at) => {
                hidden.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    hidden.push_str(rest);
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_credentials_and_nothing_else() {
        let text = "fatal: 'https://me:p@ss@host:8443/a@b' and ssh://git@h/x, mail a@b.c";
        assert_eq!(
            redact(text, &[]),
            "fatal: 'https://***@host:8443/a@b' and ssh://***@h/x, mail a@b.c"
        );
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        let secrets = ["tok".to_owned(), "token-1".to_owned(), String::new()];
        assert_eq!(redact("remote: token-1 tok", &secrets), "remote: *** ***");
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(redact("a\x1b[31mb\r\nc\0", &[]), "a[31mb\n\nc");
    }
}
