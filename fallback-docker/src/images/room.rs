//! Whether the daemon's disk has room, where it can be seen from here.

use std::path::PathBuf;

use model::image::ImageError;
use parking_lot::Mutex;

use super::told;
use crate::daemon::Daemon;

/// The daemon's disk: its folder, once it has said so.
#[derive(Default)]
pub struct Room {
    folder: Mutex<Option<PathBuf>>,
}

impl Room {
    /// Free bytes; nothing if the daemon is elsewhere.
    pub fn free(&self, daemon: &Daemon) -> Result<Option<u64>, ImageError> {
        if !daemon.host().starts_with("unix:") && !daemon.host().starts_with('/') {
            return Ok(None);
        }
        if self.folder.lock().is_none() {
            let docker = daemon.client().map_err(told)?;
            let info = daemon.wait(docker.info()).map_err(|error| told(error.into()))?;
            *self.folder.lock() = info.docker_root_dir.map(PathBuf::from);
        }
        Ok(self.seen())
    }

    /// As `free`, of what is known already.
    pub fn seen(&self) -> Option<u64> {
        let folder = self.folder.lock().clone()?;
        let disk = rustix::fs::statvfs(&folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

pub fn no_room(free: u64, needed: u64) -> ImageError {
    ImageError::Unavailable(format!(
        "the Docker daemon's disk has {} MB left, and building needs {} MB: remove unused images \
         (`docker system prune`) or give it more room",
        free / 1_000_000,
        needed / 1_000_000,
    ))
}
