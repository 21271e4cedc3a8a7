//! What a container uses, as the kernel counts it: cgroup v1 and v2.
//!
//! Only where the daemon runs on this machine and its files can be read; else the runner's own
//! numbers have to do.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";

/// The files of one container's group.
#[derive(Debug)]
pub struct Cgroup {
    kind: Kind,
    cpu: PathBuf,
    memory: PathBuf,
    /// v2: the peak since it was last reset through this very file.
    peak: Option<fs::File>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    V1,
    V2,
}

/// Counters as a call begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    cpu: Duration,
    killed: u64,
    /// Whether the peak is the call's own.
    was_reset: bool,
}

impl Before {
    /// Of a group that was made for what is measured.
    pub fn new_group() -> Self {
        Self { was_reset: true, ..Self::default() }
    }
}

/// What was used since.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    pub cpu: Duration,
    /// Of the whole container: the runner's memory included. 0 if it is not known.
    pub peak_bytes: u64,
    /// Whether something was killed for want of memory.
    pub was_killed: bool,
}

impl Cgroup {
    /// The group of a container whose first process is this, as this machine numbers them.
    pub fn of(pid: i64, id: &str) -> Option<Self> {
        let listed = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        // Another machine's number may be anybody's here.
        listed.contains(id).then_some(())?;
        Self::find(&listed, Path::new(ROOT))
    }

    fn find(listed: &str, root: &Path) -> Option<Self> {
        let below =
            |controller: &str, path: &str| root.join(controller).join(path.trim_start_matches('/'));
        let (mut cpu, mut memory, mut unified) = (None, None, None);
        for line in listed.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            if controllers.is_empty() {
                unified = Some(below("", path));
            }
            for controller in controllers.split(',') {
                match controller {
                    "cpuacct" => cpu = Some(below("cpuacct", path)),
                    "memory" => memory = Some(below("memory", path)),
                    _ => {}
                }
            }
        }
        let group = match (cpu, memory, unified) {
            (Some(cpu), Some(memory), _) => Self { kind: Kind::V1, cpu, memory, peak: None },
            (_, _, Some(path)) => {
                let peak =
                    fs::File::options().read(true).write(true).open(path.join("memory.peak"));
                Self { kind: Kind::V2, cpu: path.clone(), memory: path, peak: peak.ok() }
            }
            _ => return None,
        };
        group.cpu_time().is_some().then_some(group)
    }

    pub fn before(&mut self) -> Before {
        Before {
            was_reset: self.reset_peak(),
            cpu: self.cpu_time().unwrap_or_default(),
            killed: self.killed(),
        }
    }

    /// Nothing if the group is gone, with its container.
    pub fn since(&mut self, before: &Before) -> Option<Used> {
        let cpu = self.cpu_time()?.saturating_sub(before.cpu);
        let peak_bytes = if before.was_reset { self.peak_bytes().unwrap_or(0) } else { 0 };
        Some(Used { cpu, peak_bytes, was_killed: self.killed() > before.killed })
    }

    fn cpu_time(&self) -> Option<Duration> {
        match self.kind {
            Kind::V1 => number(&self.cpu.join("cpuacct.usage")).map(Duration::from_nanos),
            Kind::V2 => field(&self.cpu.join("cpu.stat"), "usage_usec").map(Duration::from_micros),
        }
    }

    fn killed(&self) -> u64 {
        let name = match self.kind {
            Kind::V1 => "memory.oom_control",
            Kind::V2 => "memory.events",
        };
        field(&self.memory.join(name), "oom_kill").unwrap_or(0)
    }

    fn reset_peak(&mut self) -> bool {
        match self.kind {
            Kind::V1 => fs::write(self.memory.join("memory.max_usage_in_bytes"), "0").is_ok(),
            // Kernels before 6.12 refuse.
            Kind::V2 => self.peak.as_mut().is_some_and(|file| file.write_all(b"0").is_ok()),
        }
    }

    fn peak_bytes(&mut self) -> Option<u64> {
        match self.kind {
            Kind::V1 => number(&self.memory.join("memory.max_usage_in_bytes")),
            Kind::V2 => {
                let file = self.peak.as_mut()?;
                let mut text = String::new();
                file.seek(SeekFrom::Start(0)).ok()?;
                file.read_to_string(&mut text).ok()?;
                text.trim().parse().ok()
            }
        }
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A line `name number` of a file.
fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn v1_counts_between_two_looks() {
        let root = tempfile::tempdir().unwrap();
        let cpu = root.path().join("cpuacct/docker/abc/cpuacct.usage");
        let oom = root.path().join("memory/docker/abc/memory.oom_control");
        let peak = root.path().join("memory/docker/abc/memory.max_usage_in_bytes");
        write(&cpu, "1000000\n");
        write(&oom, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        write(&peak, "777");
        let listed = "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n0::/docker/abc\n";
        let mut group = Cgroup::find(listed, root.path()).unwrap();
        let before = group.before();
        assert_eq!(fs::read_to_string(&peak).unwrap(), "0");
        write(&cpu, "3000000\n");
        write(&peak, "4096\n");
        let used = Used { cpu: Duration::from_millis(2), peak_bytes: 4096, was_killed: false };
        assert_eq!(group.since(&before), Some(used));
        write(&oom, "oom_kill 2\n");
        assert!(group.since(&before).unwrap().was_killed);
        fs::remove_dir_all(root.path().join("cpuacct")).unwrap();
        assert_eq!(group.since(&before), None);
    }

    #[test]
    fn v2_counts_between_two_looks() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("system.slice/docker-abc.scope");
        write(&folder.join("cpu.stat"), "usage_usec 100\nuser_usec 1\n");
        write(&folder.join("memory.events"), "low 0\noom 4\noom_kill 0\noom_group_kill 0\n");
        let mut group = Cgroup::find("0::/system.slice/docker-abc.scope\n", root.path()).unwrap();
        let before = group.before();
        write(&folder.join("cpu.stat"), "usage_usec 2100\n");
        write(&folder.join("memory.events"), "oom 5\noom_kill 1\n");
        let used = Used { cpu: Duration::from_millis(2), peak_bytes: 0, was_killed: true };
        assert_eq!(group.since(&before), Some(used));
    }

    #[test]
    fn what_is_not_there_is_none() {
        assert!(Cgroup::find("0::/nowhere\n", Path::new("/nonexistent")).is_none());
        assert!(Cgroup::find("nonsense", Path::new("/")).is_none());
        assert!(Cgroup::of(1, "not a container's").is_none());
    }
}
