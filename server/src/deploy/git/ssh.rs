//! The ssh command that git is given.

use std::net::IpAddr;
use std::path::Path;

use super::GitOptions;
use super::error::GitError;

/// `ssh` with its options, quoted for the shell that git runs it with.
///
/// Without `known_hosts`, the key of a host is taken as it comes, and forgotten with the
/// fetch: such a fetch proves nothing about who answered. With it, only hosts that are in
/// it are connected to.
pub(super) fn command(
    options: &GitOptions,
    home: &Path,
    host: &str,
    port: u16,
    address: Option<IpAddr>,
) -> Result<String, GitError> {
    let known_hosts = options.known_hosts.clone().unwrap_or_else(|| home.join("known_hosts"));
    let checking = if options.known_hosts.is_some() { "yes" } else { "accept-new" };
    let mut settings = vec![
        "BatchMode=yes".to_owned(),
        format!("StrictHostKeyChecking={checking}"),
        format!("UserKnownHostsFile={}", quoted_path(&known_hosts)?),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        // ssh looks for the user's home in the password file, whatever `HOME` is: neither an
        // agent nor the keys that lie there are this fetch's.
        "IdentityAgent=none".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        match &options.ssh_key {
            Some(key) => format!("IdentityFile={}", quoted_path(key)?),
            None => "IdentityFile=none".to_owned(),
        },
        "ControlMaster=no".to_owned(),
        "ControlPath=none".to_owned(),
        "ProxyCommand=none".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "ForwardAgent=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "ConnectTimeout=30".to_owned(),
    ];
    if let Some(address) = address {
        // The address that was checked, under the name whose key is known.
        settings.push(format!("HostName={address}"));
        settings.push("CheckHostIP=no".to_owned());
        settings.push(match port {
            22 => format!("HostKeyAlias={host}"),
            _ => format!("HostKeyAlias=[{host}]:{port}"),
        });
    }
    let mut command = "ssh -F /dev/null".to_owned();
    for setting in settings {
        command.push_str(" -o ");
        command.push_str(&shell_quoted(&setting));
    }
    Ok(command)
}

/// A path as a value in ssh's configuration, which splits at spaces and expands `%` and
/// `${}`. Absolute, as git is not run where the server is.
fn quoted_path(path: &Path) -> Result<String, GitError> {
    let absolute = std::path::absolute(path)
        .map_err(|error| GitError::local("a path for ssh cannot be read", &error))?;
    let text = absolute
        .to_str()
        .filter(|text| !text.chars().any(|c| c.is_control() || "\"\\$".contains(c)));
    match text {
        Some(text) => Ok(format!("\"{}\"", text.replace('%', "%%"))),
        None => Err(GitError::invalid_path(&absolute)),
    }
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

impl GitError {
    fn invalid_path(path: &Path) -> Self {
        Self::Unavailable(format!(
            "the path {} cannot be given to ssh: the operator has to choose one without quotes, `$` and \
             backslashes",
            path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checked_address_is_connected_to_under_its_name() {
        let address = Some("140.82.121.4".parse().unwrap());
        let home = Path::new("/tmp/home");
        let text = command(&GitOptions::default(), home, "github.com", 22, address).unwrap();
        for part in [
            "ssh -F /dev/null",
            "-o 'BatchMode=yes'",
            "-o 'StrictHostKeyChecking=accept-new'",
            "-o 'UserKnownHostsFile=\"/tmp/home/known_hosts\"'",
            "-o 'IdentityFile=none'",
            "-o 'HostName=140.82.121.4'",
            "-o 'HostKeyAlias=github.com'",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let other = command(&GitOptions::default(), home, "h", 2222, address).unwrap();
        assert!(other.contains("-o 'HostKeyAlias=[h]:2222'"));
    }

    #[test]
    fn the_operators_files_are_used_and_quoted() {
        let options = GitOptions {
            ssh_key: Some("/etc/it's here/100%".into()),
            known_hosts: Some("/etc/known_hosts".into()),
            ..GitOptions::default()
        };
        let text = command(&options, Path::new("/h"), "h", 22, None).unwrap();
        assert!(text.contains("'StrictHostKeyChecking=yes'"));
        assert!(text.contains("'UserKnownHostsFile=\"/etc/known_hosts\"'"));
        assert!(text.contains(r#"'IdentityFile="/etc/it'\''s here/100%%"'"#), "{text}");
        let options = GitOptions { ssh_key: Some("/a\"b".into()), ..GitOptions::default() };
        assert!(command(&options, Path::new("/h"), "h", 22, None).is_err());
    }

    /// ssh itself reads what was written, without connecting.
    #[test]
    fn ssh_understands_the_options() {
        let options =
            GitOptions { ssh_key: Some("/etc/it's here/100%".into()), ..GitOptions::default() };
        let address = Some("192.0.2.1".parse().unwrap());
        let text = command(&options, Path::new("/a b"), "h.example", 2222, address).unwrap();
        let text = format!("{text} -G -p 2222 git@h.example");
        let Ok(output) = std::process::Command::new("sh").args(["-c", &text]).output() else {
            panic!("no shell");
        };
        if output.status.code() == Some(127) {
            return; // ssh is not installed here
        }
        let shown = String::from_utf8_lossy(&output.stdout);
        for line in [
            "hostname 192.0.2.1",
            "hostkeyalias [h.example]:2222",
            "userknownhostsfile \"/a b/known_hosts\"",
            "identityfile \"/etc/it's here/100%%\"",
            "batchmode yes",
        ] {
            assert!(
                shown.contains(line) || shown.contains(&line.replace('"', "")),
                "{line}: {shown}"
            );
        }
    }
}
