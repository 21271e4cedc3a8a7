//! What a failed run of git means to the one who asked for it.
//!
//! git has one exit status for everything and says the rest in English (`LC_ALL=C`). What
//! is not recognised counts as the network's fault, which is worth another try.

use super::error::GitError;
use super::names::Reference;

/// Most characters of git's own words in a message.
const MAX_EXCERPT_CHARS: usize = 1_000;

/// The server gives out only what branches and tags point at. The first is git's own, the
/// second JGit's (Gerrit). `not our ref` is what servers say that have not got the commit.
pub(super) fn is_refused_commit(stderr: &str) -> bool {
    has(stderr, &["unadvertised object", "not valid"])
}

pub(super) fn of_fetch(stderr: &str, url: &str, reference: &Reference) -> GitError {
    let why = excerpt(stderr);
    if has(stderr, &["couldn't find remote ref", "not our ref", "could not find remote ref"]) {
        return no_commit(url, reference);
    }
    if has(stderr, &["redirect", "returned error: 30"]) {
        return GitError::Invalid(format!(
            "{url} leads to another address, which is not followed: name the final one ({why})"
        ));
    }
    let wants_credentials = [
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "returned error: 401",
        "returned error: 403",
        "Permission denied (",
        "Permission denied, please",
        "Too many authentication failures",
    ];
    if has(stderr, &wants_credentials) {
        return GitError::Invalid(format!(
            "{url} is not there, or not for everyone: check the address and what it is fetched with, a \
             token in the address or the server's ssh key ({why})"
        ));
    }
    if has(stderr, &["Host key verification failed"]) {
        return GitError::Invalid(format!(
            "the ssh key of {url}'s host is not one that this server knows: ask its operator to add it \
             ({why})"
        ));
    }
    if has(stderr, &["dubious ownership"]) {
        return GitError::Invalid(format!(
            "{url} belongs to another user of the server, which git does not trust: give it to the user \
             that the server runs as"
        ));
    }
    let not_there = [
        "not found",
        "not appear to be a git repository",
        "does not exist",
        "returned error: 404",
        "returned error: 410",
        "not valid: is this a git repository",
        "dumb http transport",
    ];
    // ssh and curl say `not found` of names, too: those are the network's.
    let is_network =
        has(stderr, &["Could not resolve", "Name or service not known", "ssh: not found"]);
    if has(stderr, &not_there) && !is_network {
        return GitError::Invalid(format!(
            "there is no git repository at {url} that can be fetched: check the address ({why})"
        ));
    }
    if has(stderr, &["fsck error", "mismatched algorithms", "badTree", "object format"]) {
        return GitError::Invalid(format!(
            "{url} has objects that git refuses: repair the repository ({why})"
        ));
    }
    GitError::Unavailable(format!("{url} cannot be fetched now: {why}"))
}

pub(super) fn no_commit(url: &str, reference: &Reference) -> GitError {
    GitError::Invalid(match reference {
        Reference::Name(name) if name == "HEAD" => {
            format!("{url} has no default branch with a commit: push one, or name a branch or tag")
        }
        Reference::Name(name) => format!(
            "{url} has no branch or tag `{name}` with a commit: name one that it has, or a full commit id \
             of 40 digits"
        ),
        Reference::Commit(id) => format!(
            "{url} has no commit {id} that can be fetched: push it to a branch, or name one that it has"
        ),
    })
}

pub(super) fn of_checkout(stderr: &str) -> GitError {
    let why = excerpt(stderr);
    if has(stderr, &["No space left", "Disk quota exceeded", "Read-only file system"]) {
        return GitError::Unavailable(format!("the commit cannot be written to disk: {why}"));
    }
    GitError::Invalid(format!("the commit's files cannot be written as they are named: {why}"))
}

/// The lines of git's (redacted) text that explain, in one.
pub(super) fn excerpt(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let explains = |line: &&&str| {
        ["fatal:", "error:", "remote:", "ssh:", "ERROR:"].iter().any(|sign| line.starts_with(sign))
    };
    let mut kept: Vec<&str> = lines.iter().filter(explains).copied().collect();
    if kept.is_empty() {
        kept = lines;
    }
    if kept.is_empty() {
        return "git gave no reason".to_owned();
    }
    kept.join(" ").chars().take(MAX_EXCERPT_CHARS).collect()
}

fn has(stderr: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| stderr.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_the_callers_or_the_networks() {
        let name = Reference::Name("main".to_owned());
        let url = "https://h/x";
        for stderr in [
            "fatal: repository 'https://h/x/' not found",
            "fatal: Authentication failed for 'https://h/x/'",
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
            "fatal: couldn't find remote ref main",
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 301",
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "Host key verification failed.",
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
            "error: object 1: hasDotdot: contains '..'\nfatal: fsck error in packed object",
        ] {
            let error = of_fetch(stderr, url, &name);
            assert!(matches!(error, GitError::Invalid(_)), "{stderr}: {error}");
        }
        for stderr in [
            "",
            "fatal: unable to access 'https://h/x/': Could not resolve host: h",
            "fatal: unable to access 'https://h/x/': Failed to connect to h port 443",
            "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
            "ssh: connect to host h port 22: Connection timed out",
        ] {
            let error = of_fetch(stderr, url, &name);
            assert!(matches!(error, GitError::Unavailable(_)), "{stderr}: {error}");
        }
    }

    #[test]
    fn the_lines_that_explain_are_shown() {
        assert_eq!(excerpt("hint: x\nfatal: a\n\n  error: b\nPlease"), "fatal: a error: b");
        assert_eq!(excerpt("Killed\n"), "Killed");
        assert_eq!(excerpt("\n"), "git gave no reason");
    }
}
