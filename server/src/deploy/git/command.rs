//! The command line and the environment that every run of git gets.
//!
//! Nothing of the server's own is inherited but `PATH`: no configuration, no credentials,
//! no proxy. What a repository can say about how it is to be treated (hooks, filters,
//! submodules, attributes) is switched off.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::GitOptions;
use super::error::GitError;
use super::process::{self, Bounds, Finished};
use super::redact::redact;
use super::source::{Credentials, Source, Transport};
use super::ssh;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Names of the variables by which the credentials reach the helper below.
const USERNAME: &str = "MECAPY_GIT_USERNAME";
const PASSWORD: &str = "MECAPY_GIT_PASSWORD";
/// Answers git when the server asks who it is. The credentials are neither in an argument,
/// which every user of the machine can list, nor in a file.
const CREDENTIAL_HELPER: &str = "!printf 'username=%s\\npassword=%s\\n' \
                                 \"$MECAPY_GIT_USERNAME\" \"$MECAPY_GIT_PASSWORD\"; :";

/// Configuration of every run.
const CONFIG: [&str; 29] = [
    // Nothing of the repository is run.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "filter.lfs.smudge=",
    "filter.lfs.clean=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    // Files are what the commit has, byte for byte; a link is a file with its target's name.
    "core.symlinks=false",
    "core.autocrlf=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    // One address, one protocol, no way on from there. git counts a dumb server's
    // `http-alternates` as redirects.
    "protocol.allow=never",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "fetch.uriProtocols=",
    "transfer.bundleURI=false",
    "credential.helper=",
    // What comes is checked, and kept packed as it came.
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.unpackLimit=1",
    "core.bigFileThreshold=32m",
    "pack.threads=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "init.defaultBranch=fetched",
];

/// git, set up for one fetch.
pub(super) struct Git<'a> {
    pub options: &'a GitOptions,
    pub source: &'a Source,
    /// The only addresses to connect to; empty for files.
    pub addresses: Vec<IpAddr>,
    /// Where the commit is checked out.
    pub work: PathBuf,
    /// An empty folder for this fetch only.
    pub home: &'a Path,
    pub bounds: Bounds<'a>,
}

impl Git<'_> {
    /// Runs git. That it failed is in what it returns; its stderr has been redacted.
    pub fn run(&self, arguments: &[&str]) -> Result<Finished, GitError> {
        let mut finished = process::run(self.command(arguments)?, &self.bounds)?;
        finished.stderr = redact(&finished.stderr, &self.source.secrets);
        Ok(finished)
    }

    pub fn command(&self, arguments: &[&str]) -> Result<Command, GitError> {
        let mut command = process::limited(&self.options.git, self.options.max_bytes);
        command.current_dir(&self.work).env_clear();
        for setting in CONFIG {
            command.args(["-c", setting]);
        }
        command
            .args(["-c", &format!("protocol.{}.allow=always", self.source.transport.protocol())]);
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from(DEFAULT_PATH)))
            .env("HOME", self.home)
            .env("TMPDIR", self.home)
            // Its messages are read here.
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.work.join(".git"))
            .env("GIT_WORK_TREE", &self.work)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true");
        match &self.source.transport {
            Transport::Https { host, port, credentials } => {
                if let Some(pin) = pin(host, *port, &self.addresses) {
                    command.args(["-c", &pin]);
                }
                if let Some(Credentials { username, password }) = credentials {
                    command.args(["-c", &format!("credential.helper={CREDENTIAL_HELPER}")]);
                    command.env(USERNAME, username).env(PASSWORD, password);
                }
            }
            Transport::Ssh { host, port } => {
                let address = self.addresses.first().copied();
                let ssh = ssh::command(self.options, self.home, host, *port, address)?;
                command.env("GIT_SSH_COMMAND", ssh).env("GIT_SSH_VARIANT", "ssh");
            }
            Transport::File => {}
        }
        command.args(arguments);
        Ok(command)
    }
}

/// Has curl take the addresses that were checked instead of asking for them again. An
/// address that stands in the URL itself needs none.
fn pin(host: &str, port: u16, addresses: &[IpAddr]) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() || addresses.is_empty() {
        return None;
    }
    let written = addresses.iter().map(|address| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    Some(format!("http.curloptResolve={host}:{port}:{}", written.collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_pinned_to_the_checked_addresses() {
        let addresses = ["140.82.121.3".parse().unwrap(), "2606:50c0::1".parse().unwrap()];
        assert_eq!(
            pin("github.com", 443, &addresses).unwrap(),
            "http.curloptResolve=github.com:443:140.82.121.3,[2606:50c0::1]"
        );
        assert_eq!(pin("1.1.1.1", 443, &["1.1.1.1".parse().unwrap()]), None);
    }
}
