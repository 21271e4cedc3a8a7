//! The data folder: who holds it, and what may be lost of it.
//!
//! ```text
//! mecapy.db        the database
//! objects/         the object store, with its staging/ beside it
//! tmp/             of deploys under way; emptied at start
//! secret.key       seals secrets in the database
//! lock             held by the server that runs on it
//! unclean          there while a server runs: it has not stopped in order
//! reserve          space that is held back for what makes room on a full disk
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock, statvfs};

/// What is held back of the disk, in bytes.
const RESERVE_BYTES: u64 = 4 * 1024 * 1024;
/// What has to be left beside it when it is made.
const BESIDE_BYTES: u64 = 1024 * 1024;

pub fn database(data: &Path) -> PathBuf {
    data.join("mecapy.db")
}

pub fn objects(data: &Path) -> PathBuf {
    data.join("blobs")
}

fn temporary(data: &Path) -> PathBuf {
    data.join("tmp")
}

/// Makes the data folder, for this user alone.
pub fn create(data: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data)
}

/// A folder for one deploy, removed with it.
pub fn scratch(data: &Path) -> io::Result<tempfile::TempDir> {
    let folder = temporary(data);
    fs::create_dir_all(&folder)?;
    tempfile::Builder::new().prefix("deploy-").tempdir_in(folder)
}

/// The one server of a data folder.
pub struct Hold {
    data: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// Whether the server before did not stop in order.
    pub was_unclean: bool,
}

impl Hold {
    /// Nothing if another process has it.
    pub fn take(data: &Path) -> io::Result<Option<Self>> {
        create(data)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(data.join("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let was_unclean = data.join("unclean").exists();
        Ok(Some(Self { data: data.to_owned(), _lock: lock, was_unclean }))
    }

    /// From now on it counts as unclean, until `stopped`.
    pub fn begin(&self) -> io::Result<()> {
        let mark = File::create(self.data.join("unclean"))?;
        mark.sync_all()?;
        File::open(&self.data)?.sync_all()?;
        match fs::remove_dir_all(temporary(&self.data)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All is in order.
    pub fn stopped(self) -> io::Result<()> {
        fs::remove_file(self.data.join("unclean"))
    }
}

/// A file that only takes space. On a full disk a deletion has to be written down too, and so
/// has a cancellation: for those it is given up. Until there is room to make it again nothing
/// new is taken, which would only fill that space.
pub struct Reserve {
    path: PathBuf,
    is_there: AtomicBool,
    changing: Mutex<()>,
}

impl Reserve {
    /// Makes it, if there is room.
    pub fn new(data: &Path) -> Self {
        let path = data.join("reserve");
        let is_whole = fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES);
        let is_there = AtomicBool::new(is_whole);
        let reserve = Self { path, is_there, changing: Mutex::default() };
        if !reserve.ensure() {
            tracing::warn!("there is no room for the reserve: the disk is as good as full");
        }
        reserve
    }

    /// Whether it is there; it is made again if there is room.
    pub fn ensure(&self) -> bool {
        if self.is_there.load(Ordering::Acquire) {
            return true;
        }
        let _changing = self.changing.lock();
        if !self.is_there.load(Ordering::Acquire) && self.make().is_ok() {
            self.is_there.store(true, Ordering::Release);
        }
        self.is_there.load(Ordering::Acquire)
    }

    fn make(&self) -> io::Result<()> {
        // Of one that was cut off nothing is left when it is counted what there is.
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let disk = statvfs(self.path.parent().unwrap_or(Path::new(".")))?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE_BYTES + BESIDE_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&self.path)?;
        let made = match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                (&file).write_all(&vec![0x5a; RESERVE_BYTES as usize])
            }
            made => made.map_err(io::Error::from),
        };
        if made.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        made
    }

    /// Its space is there for whoever tries again now.
    pub fn give_up(&self) {
        let _changing = self.changing.lock();
        if self.is_there.swap(false, Ordering::AcqRel) {
            tracing::warn!("the disk is full: what was held back is given up");
        }
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the reserve cannot be given up");
        }
    }
}

/// The key that seals secrets: of the configuration, or made at the first start.
pub fn sealing_key(data: &Path, configured: Option<&str>) -> io::Result<[u8; 32]> {
    let wrong = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message.to_owned());
    if let Some(text) = configured {
        return parse_key(text).ok_or_else(|| wrong("secret_key has to be 64 hex digits"));
    }
    let path = data.join("secret.key");
    match fs::read_to_string(&path) {
        Ok(text) => {
            return parse_key(text.trim())
                .ok_or_else(|| wrong("secret.key in the data folder is damaged"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = [0; 32];
    rand_core::TryRngCore::try_fill_bytes(&mut rand_core::OsRng, &mut key)
        .map_err(|error| io::Error::other(error.to_string()))?;
    // Whole or not at all, and never over another's.
    let mut file = tempfile::NamedTempFile::new_in(data)?;
    file.write_all(crate::hash::hex(&key).as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => sealing_key(data, None),
        Err(error) => Err(error.error),
    }
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_holds_a_folder_and_says_how_it_left() {
        let folder = tempfile::tempdir().unwrap();
        let hold = Hold::take(folder.path()).unwrap().unwrap();
        assert!(!hold.was_unclean);
        assert!(Hold::take(folder.path()).unwrap().is_none());
        hold.begin().unwrap();
        drop(hold);
        let hold = Hold::take(folder.path()).unwrap().unwrap();
        assert!(hold.was_unclean);
        hold.begin().unwrap();
        hold.stopped().unwrap();
        assert!(!Hold::take(folder.path()).unwrap().unwrap().was_unclean);
    }

    #[test]
    fn the_reserve_is_given_up_and_made_again() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let reserve = Reserve::new(folder.path());
        assert!(reserve.ensure());
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.len(), found.mode() & 0o777), (RESERVE_BYTES, 0o600));
        assert!(found.blocks() * 512 >= RESERVE_BYTES, "it takes the space");
        // It is found again, or made whole.
        assert!(Reserve::new(folder.path()).ensure());
        fs::write(&path, "cut off").unwrap();
        assert!(Reserve::new(folder.path()).ensure());
        assert_eq!(fs::metadata(&path).unwrap().len(), RESERVE_BYTES);
        for _ in 0..2 {
            reserve.give_up();
            assert!(!path.exists());
        }
        assert!(reserve.ensure() && path.exists(), "there is room");
        // Where nothing can be written there is none.
        let nowhere = Reserve::new(&folder.path().join("nowhere"));
        assert!(!nowhere.ensure());
        nowhere.give_up();
    }

    #[test]
    fn the_sealing_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let key = sealing_key(folder.path(), None).unwrap();
        assert_eq!(sealing_key(folder.path(), None).unwrap(), key);
        assert_eq!(sealing_key(folder.path(), Some(&"0f".repeat(32))).unwrap(), [0x0f; 32]);
        fs::write(folder.path().join("secret.key"), "short").unwrap();
        assert!(sealing_key(folder.path(), None).is_err());
    }
}
