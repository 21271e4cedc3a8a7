//! What can go wrong with a fetch, by what the caller does about it.

use std::time::Duration;

/// Why nothing was fetched. The texts are for the person who asked; they hold no
/// credentials and nothing of the server's network.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The request cannot succeed as it is: its author has to change it.
    #[error("{0}")]
    Invalid(String),
    #[error(
        "the repository takes more than {max_bytes} bytes: deploy from a smaller one, or take large \
         files out of the commit"
    )]
    TooLarge { max_bytes: u64 },
    #[error(
        "fetching the repository took more than {} s: try again, or deploy from a smaller repository",
        timeout.as_secs_f64()
    )]
    Timeout { timeout: Duration },
    #[error("fetching the repository was cancelled")]
    Cancelled,
    /// The network, the other server or this machine failed: trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl GitError {
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// A failure of this machine's files or processes.
    pub(super) fn local(what: &str, error: &std::io::Error) -> Self {
        Self::Unavailable(format!("{what}: {error}"))
    }
}
