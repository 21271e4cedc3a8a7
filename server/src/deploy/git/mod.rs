//! Fetching one commit of a git repository that a deploy names.
//!
//! Owns the way from an address and a reference to a folder of plain files: the address is
//! checked (`source`, `host`), git is run with nothing of its own to follow (`command`,
//! `checkout`) and within bounds (`process`), and its failures are told apart (`failure`).
//! It does not read what it fetched, and keeps no clones.
//!
//! Absent on purpose: submodules, LFS, histories, proxies, redirects, and the server's own
//! git configuration. git itself is trusted: it parses what a stranger sends outside of any
//! sandbox, bounded in time, disk and memory only.

mod checkout;
mod command;
mod error;
mod failure;
mod host;
mod names;
mod process;
mod redact;
mod source;
mod ssh;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::CancelToken;

pub use error::GitError;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Longest time that is counted: a deadline must be a time that the clock can reach.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What a deploy's author asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct GitRequest {
    /// `https://`, `ssh://user@` or `user@host:path`; may hold credentials.
    pub url: String,
    /// A branch, a tag or a full commit id; the default branch if absent. A tag goes before
    /// a branch of the same name (`refs/heads/…` names the branch).
    pub reference: Option<String>,
    /// The folder of the package, from the top of the repository.
    pub subfolder: Option<String>,
}

/// Without credentials.
impl std::fmt::Debug for GitRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = source::parse(&self.url, true).map(|source| source.url);
        f.debug_struct("GitRequest")
            .field("url", &url.unwrap_or_else(|_| "(unreadable)".to_owned()))
            .field("reference", &self.reference)
            .field("subfolder", &self.subfolder)
            .finish()
    }
}

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// For all of it, from looking up the host to the last file. Default: 120 s.
    pub timeout: Duration,
    /// Most bytes on disk at any time, git's own included. Default: 256 MiB.
    pub max_bytes: u64,
    /// Takes `file://` addresses: any repository that the server's user can read.
    pub allow_file_urls: bool,
    /// Connects to private and local addresses.
    pub allow_private_hosts: bool,
    /// The key to show to ssh hosts. None if absent.
    pub ssh_key: Option<PathBuf>,
    /// The only ssh hosts to connect to, as ssh writes them. If absent, any key is taken.
    pub known_hosts: Option<PathBuf>,
    /// Ends the fetch with [`GitError::Cancelled`].
    pub cancel: CancelToken,
    /// A name in `PATH`, or an absolute path. Default: `git`; 2.37 or later.
    pub git: PathBuf,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            max_bytes: DEFAULT_MAX_BYTES,
            allow_file_urls: false,
            allow_private_hosts: false,
            ssh_key: None,
            known_hosts: None,
            cancel: CancelToken::new(),
            git: PathBuf::from("git"),
        }
    }
}

/// A commit's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The subfolder within the checkout: a real folder below `into`.
    pub folder: PathBuf,
    /// 40 hexadecimal digits in lower case.
    pub commit: String,
}

/// Fetches a commit into the folder `into`, which is made if it is not there and has to be
/// empty. Blocks for as long as `options.timeout`; no process is left when it returns.
///
/// The files are the commit's, byte for byte; links are plain files that hold their
/// target's name, submodules are empty folders, and there is no `.git`. After an error,
/// something may be left in `into`, which is the caller's to remove.
pub fn fetch(request: &GitRequest, into: &Path, options: &GitOptions) -> Result<Fetched, GitError> {
    let deadline = Instant::now() + options.timeout.min(MAX_TIMEOUT);
    let reference = names::reference(request.reference.as_deref())?;
    let subfolder = names::subfolder(request.subfolder.as_deref())?;
    let source = source::parse(&request.url, options.allow_file_urls)?;

    let unusable = |error| GitError::local("the folder for the repository cannot be used", &error);
    let work = std::path::absolute(into).map_err(unusable)?;
    std::fs::create_dir_all(&work).map_err(unusable)?;
    if std::fs::read_dir(&work).map_err(unusable)?.next().is_some() {
        return Err(GitError::Unavailable("the folder for the repository is not empty".to_owned()));
    }
    let home = tempfile::Builder::new().prefix("mecapy-git-").tempdir().map_err(unusable)?;
    let bounds = process::Bounds {
        deadline,
        timeout: options.timeout,
        cancel: &options.cancel,
        max_bytes: options.max_bytes,
        folders: [&work, home.path()],
    };
    let addresses = match &source.transport {
        source::Transport::Https { host, port, .. } | source::Transport::Ssh { host, port } => {
            let allow = options.allow_private_hosts;
            host::resolve(host, *port, allow, deadline, &options.cancel)?
                .ok_or_else(|| bounds.timed_out())?
        }
        source::Transport::File => Vec::new(),
    };
    let git = command::Git {
        options,
        source: &source,
        addresses,
        work: work.clone(),
        home: home.path(),
        bounds,
    };
    let commit = checkout::obtain(&git, &reference)?;
    Ok(Fetched { folder: names::locate(&work, &subfolder)?, commit })
}
