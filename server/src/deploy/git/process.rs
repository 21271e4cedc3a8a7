//! Running one program to its end, with everything that it starts, within time, disk and
//! memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use model::CancelToken;
use rustix::process::{
    Pid, Resource, Signal, WaitId, WaitIdOptions, getrlimit, kill_process_group, waitid,
};

use super::error::GitError;

/// How often a running program is looked at, and its folders measured: fast programs are
/// not held up, slow ones are not disturbed.
const FIRST_POLL: Duration = Duration::from_millis(2);
const LAST_POLL: Duration = Duration::from_millis(100);
/// The end of stderr that is kept.
const MAX_STDERR_BYTES: u64 = 8 * 1024;
/// Most of stdout that is taken.
const MAX_STDOUT_BYTES: u64 = 4 * 1024 * 1024;
/// Address space of each process: git maps packs whole, and needs something to work in.
const BASE_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Killed for writing a longer file than it may (Linux's number, on what this runs on).
const SIGXFSZ: i32 = 25;
/// What a shell ends with that could not run its program.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

pub(super) struct Bounds<'a> {
    pub deadline: Instant,
    /// What `deadline` came from, for the message.
    pub timeout: Duration,
    pub cancel: &'a CancelToken,
    pub max_bytes: u64,
    /// Measured together while the program runs. The last is where its output goes.
    pub folders: [&'a Path; 2],
}

pub(super) struct Finished {
    pub success: bool,
    pub stdout: String,
    /// The end of it, with whatever the other side made git print: to be redacted.
    pub stderr: String,
}

impl Bounds<'_> {
    pub fn timed_out(&self) -> GitError {
        GitError::Timeout { timeout: self.timeout }
    }

    pub fn too_large(&self) -> GitError {
        GitError::TooLarge { max_bytes: self.max_bytes }
    }
}

/// Runs a command, made by [`limited`], as the leader of a process group, which is gone
/// when this returns.
///
/// Its output goes to files, which need no thread to be read and cannot be held open by a
/// process that outlives the group; they count as disk.
pub(super) fn run(mut command: Command, bounds: &Bounds<'_>) -> Result<Finished, GitError> {
    let output = |name: &str| {
        let path = bounds.folders[1].join(name);
        File::options().read(true).write(true).create(true).truncate(true).open(path)
    };
    let unwritable = |error| GitError::local("the output of git cannot be kept", &error);
    let mut stdout = output("stdout").map_err(unwritable)?;
    let mut stderr = output("stderr").map_err(unwritable)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(unwritable)?)
        .stderr(stderr.try_clone().map_err(unwritable)?)
        .process_group(0)
        .spawn()
        .map_err(|error| GitError::local("git did not start", &error))?;
    let pid = Pid::from_child(&child);
    let watched = watch(pid, bounds);
    let status = end(pid, &mut child);
    watched?;
    let status = status.map_err(|error| GitError::local("git was lost", &error))?;
    if matches!(status.code(), Some(NOT_EXECUTABLE | NOT_FOUND)) {
        return Err(GitError::Unavailable(
            "git cannot be run to fetch the repository: install it on the server, or name it in the \
             server's settings"
                .to_owned(),
        ));
    }
    let text = tail(&mut stderr, MAX_STDERR_BYTES).map_err(unwritable)?;
    if is_over_limit(status, &text) || measure(bounds) > bounds.max_bytes {
        return Err(bounds.too_large());
    }
    let stdout_bytes = stdout.metadata().map_err(unwritable)?.len();
    if stdout_bytes > MAX_STDOUT_BYTES {
        return Err(bounds.too_large());
    }
    let stdout = tail(&mut stdout, MAX_STDOUT_BYTES).map_err(unwritable)?;
    Ok(Finished { success: status.success(), stdout, stderr: text })
}

/// A command of `program` under limits that the kernel keeps between two looks, for each
/// process of it: a file that is written in one go, a small pack that inflates into memory.
///
/// The shell sets them, since a program that has been started may be faster than whoever
/// limits it from outside, and setting them in the child of a fork is not safe Rust.
pub(super) fn limited(program: &Path, max_bytes: u64) -> Command {
    const SET: &str =
        "ulimit -f \"$1\" && ulimit -v \"$2\" && ulimit -c 0 && shift 2 && exec \"$0\" \"$@\"";
    let memory = BASE_MEMORY_BYTES.saturating_add(max_bytes.saturating_mul(4));
    // Only ever lowered: raising needs a privilege. `sh` counts files in 512 bytes, memory
    // in 1024.
    let most = |resource: Resource, wanted: u64| {
        getrlimit(resource).maximum.map_or(wanted, |maximum| maximum.min(wanted))
    };
    let blocks = most(Resource::Fsize, max_bytes).div_ceil(512);
    let kilobytes = most(Resource::As, memory) / 1024;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SET]).arg(program).args([blocks.to_string(), kilobytes.to_string()]);
    command
}

/// Waits until the program ended (it is left to be reaped), or a bound is met.
fn watch(pid: Pid, bounds: &Bounds<'_>) -> Result<(), GitError> {
    // `NOWAIT`: its id stays taken, so that `end` cannot hit a stranger's group.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut poll = FIRST_POLL;
    let mut measured = Instant::now();
    loop {
        match waitid(WaitId::Pid(pid), options) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(GitError::local("git was lost", &error.into())),
        }
        if bounds.cancel.sleep_until((Instant::now() + poll).min(bounds.deadline)) {
            return Err(GitError::Cancelled);
        }
        if Instant::now() >= bounds.deadline {
            return Err(bounds.timed_out());
        }
        if measured.elapsed() >= LAST_POLL {
            if measure(bounds) > bounds.max_bytes {
                return Err(bounds.too_large());
            }
            measured = Instant::now();
        }
        poll = (poll * 2).min(LAST_POLL);
    }
}

/// Kills what is left of the group, then reaps its leader.
fn end(pid: Pid, child: &mut Child) -> std::io::Result<ExitStatus> {
    // Fails when nobody is left, which is what is wanted.
    let _ = kill_process_group(pid, Signal::KILL);
    child.wait()
}

fn is_over_limit(status: ExitStatus, stderr: &str) -> bool {
    status.signal() == Some(SIGXFSZ)
        || (!status.success()
            && ["died of signal 25", "File too large", "Out of memory", "out of memory"]
                .iter()
                .any(|sign| stderr.contains(sign)))
}

/// Bytes on disk. What comes and goes meanwhile is counted or not.
fn measure(bounds: &Bounds<'_>) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = bounds.folders.iter().flat_map(walkdir::WalkDir::new);
    entries
        .filter_map(|entry| entry.ok()?.metadata().ok())
        // A file may be shorter than its blocks, or not have got its blocks yet.
        .map(|metadata| metadata.len().max(metadata.blocks().saturating_mul(512)))
        .fold(0, u64::saturating_add)
}

/// The last `most` bytes at most, from the beginning of a line: half of a secret would not
/// be known for one.
fn tail(file: &mut File, most: u64) -> std::io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if length <= most {
        return Ok(text);
    }
    Ok(text.split_once(['\n', '\r']).map(|(_, whole)| whole.to_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_end_is_kept_in_whole_lines() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a secret\nlast\n").unwrap();
        assert_eq!(tail(&mut file, 100).unwrap(), "a secret\nlast\n");
        assert_eq!(tail(&mut file, 10).unwrap(), "last\n");
        assert_eq!(tail(&mut file, 3).unwrap(), "");
    }
}
