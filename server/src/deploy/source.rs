//! Where a package comes from.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use model::{CancelToken, Tree};
use package::Archive;
use serde_json::{Value, json};

use super::build::Failed;
use super::git::{self, GitError, GitOptions, GitRequest};
use crate::config::Config;

pub const MAX_REQUIREMENTS_BYTES: usize = 64 * 1024;

/// Inline code.
pub struct Code {
    pub name: String,
    pub code: String,
    pub description: Option<String>,
    /// Of the manifest; `0.0.0` if not given.
    pub version: Option<String>,
    /// As lines of a requirements file.
    pub requirements: Vec<String>,
}

pub enum Source {
    Archive {
        name: String,
        bytes: Bytes,
        /// The memory that it has until it is read.
        room: Option<tokio::sync::OwnedSemaphorePermit>,
    },
    Git(GitRequest),
    Code(Code),
}

/// A package's files, and where they came from.
pub struct Fetched {
    pub archive: Archive,
    pub origin: Option<Value>,
}

impl Source {
    /// For whoever follows the deploy: without secrets.
    pub fn describe(&self) -> Value {
        match self {
            Self::Archive { name, bytes, .. } => {
                json!({"kind": "archive", "name": name, "bytes": bytes.len()})
            }
            Self::Git(request) => {
                let url = url::Url::parse(&request.url).map_or_else(
                    |_| "a repository".to_owned(),
                    |mut url| {
                        let _ = url.set_username("");
                        let _ = url.set_password(None);
                        url.to_string()
                    },
                );
                json!({"kind": "git", "url": url, "ref": request.reference,
                    "subdir": request.subfolder})
            }
            Self::Code(code) => json!({"kind": "code", "name": code.name}),
        }
    }

    /// Reads it; `scratch` is an empty folder of its own. Blocking.
    pub(super) fn fetch(
        self,
        scratch: &Path,
        config: &Config,
        cancel: &CancelToken,
    ) -> Result<Fetched, Failed> {
        let origin = match &self {
            Self::Git(_) => Some(self.describe()),
            _ => None,
        };
        match self {
            Self::Archive { name, bytes, room: _room } => {
                let archive = package::archive::read_bytes(&name, &bytes).map_err(Failed::from)?;
                Ok(Fetched { archive, origin })
            }
            Self::Git(request) => {
                let settings = &config.deploy;
                let options = GitOptions {
                    timeout: settings.git_timeout,
                    allow_file_urls: settings.git_file_urls,
                    allow_private_hosts: settings.git_private_hosts,
                    ssh_key: settings.git_ssh_key.clone(),
                    known_hosts: settings.git_known_hosts.clone(),
                    cancel: cancel.clone(),
                    git: config.git.clone(),
                    ..GitOptions::default()
                };
                let fetched = git::fetch(&request, scratch, &options).map_err(of_git)?;
                let archive =
                    package::archive::read_folder(&fetched.folder).map_err(Failed::from)?;
                let mut origin = origin.unwrap_or_default();
                origin["commit"] = json!(fetched.commit);
                Ok(Fetched { archive, origin: Some(origin) })
            }
            Self::Code(code) => Ok(Fetched { archive: code.archive(), origin }),
        }
    }
}

impl Code {
    /// The package that the code stands for.
    fn archive(&self) -> Archive {
        // JSON is YAML.
        let manifest = json!({
            "version": "1.0",
            "metadata": {"name": self.name, "description": self.description.clone()
                .unwrap_or_else(|| format!("`{}`, deployed as inline code", self.name))},
            "dependencies": {"packages": self.requirements},
            "versioning": {"version": self.version.as_deref().unwrap_or("0.0.0")},
        });
        let mut tree = Tree::new();
        for (path, text) in
            [("handler.py", self.code.clone()), ("mecapy.yaml", manifest.to_string())]
        {
            tree.insert(path, text.into_bytes()).expect("two names in an empty tree");
        }
        Archive { tree: Arc::new(tree), script: None }
    }
}

fn of_git(error: GitError) -> Failed {
    match error {
        GitError::Cancelled => Failed::interrupted(),
        GitError::Unavailable(message) => Failed::unavailable(message),
        error => Failed::invalid("invalid-source", error.to_string()),
    }
}
