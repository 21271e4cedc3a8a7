//! What this process holds, as the kernel counts it.

use std::fs;
use std::path::PathBuf;

/// A moment's inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Memory of its own: files that it maps are everyone's.
    pub resident_bytes: u64,
    /// Names of threads, sorted.
    pub threads: Vec<String>,
    /// What open files are, sorted.
    pub descriptors: Vec<String>,
    /// Memory mappings; the kernel allows some 65,000.
    pub mappings: usize,
}

impl Held {
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("a Linux /proc");
        Self {
            resident_bytes: field(&status, "RssAnon:") * 1024,
            threads: list("/proc/self/task", |path| fs::read_to_string(path.join("comm")).ok()),
            descriptors: list("/proc/self/fd", |path| {
                Some(fs::read_link(path).ok()?.display().to_string())
            }),
            mappings: fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count()),
        }
    }
}

/// What can be said of each entry of a folder; entries that are gone by then are left out.
fn list(folder: &str, say: impl Fn(PathBuf) -> Option<String>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a Linux /proc");
    let mut said: Vec<String> = entries
        .flatten()
        .filter_map(|entry| say(entry.path()))
        .map(|text| text.trim().to_owned())
        .collect();
    said.sort();
    said
}

/// Resident memory of this process: all of it, and its own share where it is shared with
/// other mappings.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    pub rss_bytes: u64,
    pub pss_bytes: u64,
    /// Pages that nobody else maps and that were written to.
    pub private_dirty_bytes: u64,
}

impl Resident {
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/self/smaps_rollup").expect("a Linux /proc");
        Self {
            rss_bytes: field(&text, "Rss:") * 1024,
            pss_bytes: field(&text, "Pss:") * 1024,
            private_dirty_bytes: field(&text, "Private_Dirty:") * 1024,
        }
    }
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no `{name}` in /proc/self"))
}
