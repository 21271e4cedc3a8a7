//! Where the files of a store are, and what is done with them as files. Not their content.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rustix::fs::{
    Access, AtFlags, CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW,
    UTIME_OMIT, flock,
};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::blobs::{BlobError, BlobKey, Listed};

/// How names in `staging/` begin; other files there are not ours, and stay.
const STAGED_PREFIX: &str = "staged-";

/// The folder of a store.
pub(super) struct Folder {
    objects: PathBuf,
    staging: PathBuf,
    /// By first byte: whether the entry of `objects/ab` in `objects/` is known to be on disk.
    durable: [AtomicBool; 256],
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self, BlobError> {
        let (objects, staging) = (root.join("objects"), root.join("staging"));
        for path in [&objects, &staging] {
            create_folder(path).map_err(at(path))?;
        }
        // A file is renamed from one to the other: known now, not at the first commit.
        let device = |path| fs::metadata(path).map(|found| found.dev()).map_err(at(path));
        if device(&objects)? != device(&staging)? {
            let why = format!("{}: staging is on another file system", objects.display());
            return Err(BlobError::Unavailable(why));
        }
        Ok(Self { objects, staging, durable: [const { AtomicBool::new(false) }; 256] })
    }

    /// `objects/ab`.
    fn prefix(&self, first_byte: u8) -> PathBuf {
        self.objects.join(format!("{first_byte:02x}"))
    }

    /// `objects/ab/cdef...`.
    pub(super) fn path(&self, key: &BlobKey) -> PathBuf {
        self.prefix(key.first_byte()).join(&key.to_string()[2..])
    }

    /// A new file in `staging/`, of mode 0600, removed when dropped.
    pub(super) fn new_staged(&self) -> Result<NamedTempFile, BlobError> {
        Ok(tempfile::Builder::new().prefix(STAGED_PREFIX).tempfile_in(&self.staging)?)
    }

    /// Sees to it that `objects/ab` is there, and on disk. Another thread or process may have
    /// made it and not synced it yet, so that it exists is not enough.
    pub(super) fn ensure_prefix(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = self.prefix(key.first_byte());
        let durable = &self.durable[usize::from(key.first_byte())];
        let created = create_one(&path).map_err(at(&path))?;
        if created || !durable.load(Ordering::Acquire) {
            sync_folder(&self.objects).map_err(at(&self.objects))?;
            durable.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Holds `objects/ab` for who stores or renews a blob in it, along with others; nothing is
    /// removed there meanwhile. The lock is the kernel's, of other processes too.
    pub(super) fn hold(&self, key: &BlobKey) -> Result<Prefix, BlobError> {
        self.lock(key, FlockOperation::LockShared)
    }

    fn lock(&self, key: &BlobKey, kind: FlockOperation) -> Result<Prefix, BlobError> {
        let path = self.prefix(key.first_byte());
        let folder = File::open(&path).map_err(at(&path))?;
        loop {
            match flock(&folder, kind) {
                Ok(()) => return Ok(Prefix { folder, path }),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(at(&path)(errno.into())),
            }
        }
    }

    /// Counts a blob that is there as stored now; `false` if it is not, or not of this size:
    /// then it is altered, and to be replaced.
    pub(super) fn touch(
        &self,
        held: &Prefix,
        key: &BlobKey,
        bytes: u64,
    ) -> Result<bool, BlobError> {
        match self.size(key) {
            Ok(found) if found == bytes => self.touch_any(held, key),
            Ok(_) | Err(BlobError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whatever its size is.
    fn touch_any(&self, _held: &Prefix, key: &BlobKey) -> Result<bool, BlobError> {
        let path = self.path(key);
        let now = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        };
        match rustix::fs::utimensat(CWD, &path, &now, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(at(&path)(errno.into())),
        }
    }

    /// As `touch`, of a blob whose size is not known.
    pub(super) fn renew(&self, key: &BlobKey) -> Result<bool, BlobError> {
        match self.size(key) {
            Ok(_) => self.touch_any(&self.hold(key)?, key),
            Err(BlobError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A blob's file and its size.
    pub(super) fn open_object(&self, key: &BlobKey) -> Result<(File, u64), BlobError> {
        let path = self.path(key);
        // Neither follows a link out of the folder nor waits for the other end of a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Err(BlobError::NotFound),
            Err(errno) => return Err(at(&path)(errno.into())),
        };
        let found = file.metadata().map_err(at(&path))?;
        if found.is_file() { Ok((file, found.len())) } else { Err(BlobError::NotFound) }
    }

    pub(super) fn size(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let path = self.path(key);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Ok(found.len()),
            Ok(_) => Err(BlobError::NotFound),
            Err(error) if is_absent(&error) => Err(BlobError::NotFound),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Not synced: a blob that a crash brings back is listed, and can be removed again.
    pub(super) fn remove(&self, key: &BlobKey, before: SystemTime) -> Result<bool, BlobError> {
        let path = self.path(key);
        // Looked at first: most are not to be removed, and a folder that is not there is not
        // locked.
        if !is_older(&path, before)? {
            return Ok(false);
        }
        let _held = self.lock(key, FlockOperation::LockExclusive)?;
        if !is_older(&path, before)? {
            return Ok(false);
        }
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Holds the names of one `objects/ab` at a time.
    pub(super) fn list(
        &self,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, BlobError> {
        let mut listed = Vec::new();
        for first_byte in after.map_or(0, |key| key.first_byte())..=u8::MAX {
            let mut keys = self.keys(first_byte)?;
            keys.retain(|key| after.is_none_or(|after| *key > after));
            keys.sort_unstable();
            for key in keys {
                if listed.len() == limit {
                    return Ok(listed);
                }
                let path = self.path(&key);
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_file() => {
                        let modified = found.modified().map_err(at(&path))?;
                        listed.push(Listed { key, bytes: found.len(), modified });
                    }
                    Ok(_) => {}
                    // Deleted since its name was read.
                    Err(error) if is_absent(&error) => {}
                    Err(error) => return Err(at(&path)(error)),
                }
            }
        }
        Ok(listed)
    }

    /// What looks like a blob below `objects/ab`.
    fn keys(&self, first_byte: u8) -> Result<Vec<BlobKey>, BlobError> {
        let path = self.prefix(first_byte);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(at(&path)(error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry.map_err(at(&path))?.file_name();
            let Some(rest) = name.to_str() else { continue };
            keys.extend(format!("{first_byte:02x}{rest}").parse::<BlobKey>());
        }
        Ok(keys)
    }

    pub(super) fn clear_staging(&self) -> Result<u64, BlobError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.staging).map_err(at(&self.staging))? {
            let entry = entry.map_err(at(&self.staging))?;
            let ours = entry.file_name().as_encoded_bytes().starts_with(STAGED_PREFIX.as_bytes());
            if ours && entry.file_type().map_err(at(&entry.path()))?.is_file() {
                fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) fn check(&self) -> Result<(), BlobError> {
        const PROBE: &[u8] = b"probe";
        let mut probe = self.new_staged()?;
        let path = probe.path().to_owned();
        let mut found = Vec::new();
        let tried = probe.write_all(PROBE).and_then(|()| probe.as_file().sync_data());
        let tried = tried.and_then(|()| probe.rewind());
        tried.and_then(|()| probe.read_to_end(&mut found)).map_err(at(&path))?;
        probe.close()?;
        if found != PROBE {
            return Err(BlobError::Corrupt("a probe is not read as it was written".into()));
        }
        let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::access(&self.objects, access).map_err(|errno| at(&self.objects)(errno.into()))
    }
}

/// A folder `objects/ab` that is locked as long as this lives.
pub(super) struct Prefix {
    folder: File,
    path: PathBuf,
}

impl Prefix {
    /// Puts its entries on disk.
    pub(super) fn sync(&self) -> Result<(), BlobError> {
        self.folder.sync_all().map_err(at(&self.path))
    }
}

/// Whether there is a blob at this place, and what it is was stored before then.
fn is_older(path: &Path, before: SystemTime) -> Result<bool, BlobError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(found.modified().map_err(at(path))? < before),
        Ok(_) => Ok(false),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(at(path)(error)),
    }
}

/// Names the file in errors, which those of the system do not.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> BlobError + '_ {
    move |error| match BlobError::from(error) {
        BlobError::Unavailable(why) => BlobError::Unavailable(format!("{}: {why}", path.display())),
        error => error,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// `false` if there is something of that name already.
fn create_one(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a folder and those above it, each of them on disk when this returns.
fn create_folder(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    let created = match create_one(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_folder(above)?;
            create_one(path)?
        }
        other => other?,
    };
    if created {
        return sync_folder(above);
    }
    if fs::metadata(path)?.is_dir() { Ok(()) } else { Err(Errno::NOTDIR.into()) }
}
