//! What an operator decides of the fallback.

use std::path::PathBuf;
use std::time::Duration;

use model::limits::MIB;
use model::manifest::PythonVersion;

/// What an operator decides. Every limit has a default that suits one machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The daemon: `unix:///var/run/docker.sock` or `tcp://...`; else what Docker's own client
    /// would use.
    pub host: Option<String>,
    /// Reference of each base image; `{version}` stands for a Python version.
    pub bases: Bases,
    /// Python versions that the bases come in, lowest first.
    pub versions: Vec<PythonVersion>,
    /// Where images are pushed to and pulled from: `registry.example:5000/mecapy`.
    pub registry: Option<Registry>,
    /// The container runtime, such as `runsc`; the daemon's own if not given.
    pub runtime: Option<String>,
    /// Who the containers of this process belong to: those of an owner that is dead are
    /// removed by the next that bears its name.
    pub owner: String,
    /// What the names of images made here begin with: `mecapy`. Processes that have it in
    /// common share their images.
    pub images: String,
    /// A folder for what images are built from.
    pub scratch: Option<PathBuf>,
    pub build: BuildLimits,
    pub keep: KeepImages,
    pub pool: PoolLimits,
}

#[derive(Clone, Debug)]
pub struct Bases {
    pub python: String,
    pub scientific: String,
    pub cfd: String,
}

#[derive(Clone)]
pub struct Registry {
    /// Host, port and path that image names are put under.
    pub prefix: String,
    pub user: Option<String>,
    pub password: Option<String>,
}

/// Passwords are not printed.
impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What building an image may take.
#[derive(Clone, Debug)]
pub struct BuildLimits {
    pub timeout: Duration,
    /// Of the finished image.
    pub image_bytes: u64,
    pub memory_bytes: u64,
    /// Builds at a time.
    pub at_once: usize,
    /// Room that must be left on the daemon's disk, where it can be seen from here.
    pub free_bytes: u64,
}

/// Which unused images are kept.
#[derive(Clone, Debug)]
pub struct KeepImages {
    pub unused_for: Duration,
    /// Whatever the room they take, so that an image that was just made is there to be used.
    pub at_least: Duration,
    /// Of all images that were made here.
    pub bytes: u64,
}

/// How many containers are kept ready.
#[derive(Clone, Debug)]
pub struct PoolLimits {
    pub containers: usize,
    /// Of their calls' limits, together.
    pub memory_bytes: u64,
    /// Without a call for this long, a container is paused.
    pub pause_after: Duration,
    /// Without a call for this long, it is removed.
    pub remove_after: Duration,
    /// Processes and threads of a container.
    pub pids: i64,
    /// How long a call waits for a container to be free.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            bases: Bases::default(),
            versions: [10, 11, 12, 13].map(|minor| PythonVersion { major: 3, minor }).to_vec(),
            registry: None,
            runtime: None,
            owner: "mecapy".to_owned(),
            images: "mecapy".to_owned(),
            scratch: None,
            build: BuildLimits::default(),
            keep: KeepImages::default(),
            pool: PoolLimits::default(),
        }
    }
}

impl Default for Bases {
    fn default() -> Self {
        Self {
            python: "python:{version}-slim".to_owned(),
            scientific: "python:{version}-slim".to_owned(),
            cfd: "python:{version}-slim".to_owned(),
        }
    }
}

impl Default for BuildLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(600),
            image_bytes: 4096 * MIB,
            memory_bytes: 2048 * MIB,
            at_once: 1,
            free_bytes: 1024 * MIB,
        }
    }
}

impl Default for KeepImages {
    fn default() -> Self {
        Self {
            unused_for: Duration::from_secs(30 * 86_400),
            at_least: Duration::from_secs(600),
            bytes: 20 * 1024 * MIB,
        }
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            containers: 200,
            memory_bytes: 64 * 1024 * MIB,
            pause_after: Duration::from_secs(60),
            remove_after: Duration::from_secs(1_800),
            pids: 128,
            wait: Duration::from_secs(60),
        }
    }
}
