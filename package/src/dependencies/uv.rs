//! Running `uv`: found, bounded in time and output, stopped when asked.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{DependencyError, RESOLVE_TIMEOUT, Resolver};

/// Most output of `uv` that is read.
const MAX_OUTPUT_BYTES: u64 = 16 * 1024 * 1024;
/// How often a running `uv` is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What `uv` said.
pub struct Finished {
    pub success: bool,
    pub stderr: String,
}

fn find(resolver: &Resolver) -> PathBuf {
    let given = || std::env::var_os("MECAPY_UV").filter(|path| !path.is_empty()).map(PathBuf::from);
    resolver.uv.clone().or_else(given).unwrap_or_else(|| PathBuf::from("uv"))
}

/// Runs `uv` in a folder. The environment is inherited, so that the index, the proxy and
/// the cache that are configured for it are used.
pub fn run(
    resolver: &Resolver,
    folder: &Path,
    arguments: &[&str],
) -> Result<Finished, DependencyError> {
    let uv = find(resolver);
    let mut child = Command::new(&uv)
        .args(arguments)
        .args(["--only-binary", ":all:", "--no-python-downloads", "--color", "never", "--no-progress"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => DependencyError::NoResolver(format!(
                "the package has dependencies, and `{}` cannot be run to resolve them: install it with \
                 `pip install uv`, or name it in MECAPY_UV",
                uv.display()
            )),
            _ => DependencyError::Unavailable(format!("`{}` did not start: {error}", uv.display())),
        })?;
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            let mut limited = stderr.take(MAX_OUTPUT_BYTES);
            // What was read before an error is worth showing.
            let _ = limited.read_to_end(&mut text);
            let _ = std::io::copy(&mut limited.into_inner(), &mut std::io::sink());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = Instant::now() + RESOLVE_TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) => {}
            Err(error) => {
                break Err(DependencyError::Unavailable(format!("`uv` was lost: {error}")));
            }
        }
        if resolver.cancel.sleep_until((Instant::now() + POLL).min(deadline)) {
            break Err(DependencyError::Cancelled);
        }
        if Instant::now() >= deadline {
            let seconds = RESOLVE_TIMEOUT.as_secs();
            break Err(DependencyError::Unavailable(format!(
                "resolving dependencies took more than {seconds} s"
            )));
        }
    };
    if status.is_err() {
        // It may have ended by itself in between.
        let _ = child.kill();
        let _ = child.wait();
    }
    let stderr = reader.join().unwrap_or_default();
    Ok(Finished { success: status?.success(), stderr })
}

/// Whether `uv` failed for want of the index rather than for what was asked.
pub fn is_unreachable(stderr: &str) -> bool {
    [
        "error sending request",
        "dns error",
        "Failed to fetch",
        "Connection refused",
        "timed out",
        "Could not connect",
        "No space left",
        "Network connectivity is disabled",
        "because the network was disabled",
        "Connection reset",
        "status code 5",
        "HTTP status server error",
    ]
    .iter()
    .any(|sign| stderr.contains(sign))
}

/// The part of `uv`'s text that explains, without decoration and warnings.
pub fn explanation(stderr: &str) -> String {
    const MAX_CHARS: usize = 2_000;
    let mut lines = Vec::new();
    let mut is_warning = false;
    for line in stderr.lines() {
        let bare = line.trim_matches(|c: char| c.is_whitespace() || "×╰─▶│├".contains(c));
        if bare.starts_with("warning:")
            || bare.starts_with("Using ")
            || bare.starts_with("Resolved ")
        {
            is_warning = true;
            continue;
        }
        let starts =
            ["error:", "hint:", "No solution", "Because"].iter().any(|word| bare.starts_with(word));
        is_warning = is_warning && !starts;
        if is_warning || bare.is_empty() {
            continue;
        }
        let bare = bare.trim_start_matches("error:").trim_start();
        lines.push(bare.trim_start_matches("cause:").trim_start().to_owned());
    }
    let text = lines.join(" ");
    text.chars().take(MAX_CHARS).collect()
}
