//! Snapshots at hand: on disk by their id, and mapped.
//!
//! A file is mapped only if its content hashes to its name, in a folder that this user
//! alone can write to (see `artifact`). What is cut short, altered, or of another build is
//! fetched again, and refused if it still is not what it should be.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{SnapshotId, SnapshotRef, SnapshotSource};

use super::format::{self, Identity};
use crate::artifact;
use crate::memory::{Delta, Image, Mapping, Pool};

/// Most snapshots that are mapped at a time; beyond, the one not used for longest is
/// unmapped, with its memories.
const MAX_OPEN: usize = 4_096;

/// Most that the files of snapshots take; beyond, the oldest are removed.
const MAX_DISK_BYTES: u64 = 8 * 1024 * 1024 * 1024;

pub struct Store {
    folder: PathBuf,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    images: HashMap<SnapshotId, (u64, Arc<Image>)>,
    uses: u64,
}

impl Store {
    pub fn new(cache_dir: &Path) -> Self {
        Self { folder: cache_dir.join("snapshots"), open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The image of a snapshot that continues `base`; an error says why it cannot be used.
    pub fn image(
        &self,
        snapshot: &SnapshotRef,
        base: &Arc<Image>,
        identity: &Identity,
        pool: &Pool,
    ) -> io::Result<Arc<Image>> {
        if let Some(image) = self.open().get(&snapshot.id) {
            return Ok(image);
        }
        let path = self.path(&snapshot.id);
        let mapping = match open_whole(&path, &snapshot.id) {
            Ok(mapping) => mapping,
            Err(_) => {
                let bytes = format::decompress(&snapshot.source.read()?)?;
                if format::id_of(&bytes) != snapshot.id {
                    return Err(io::Error::other("the snapshot is not what its id says"));
                }
                artifact::prepare_folder(&self.folder)?;
                artifact::write_atomically(&path, &bytes)?;
                open_whole(&path, &snapshot.id)?
            }
        };
        let Some((header, offset)) = format::read(mapping.bytes()) else {
            return Err(io::Error::other("the snapshot's header cannot be read"));
        };
        if header.base != *identity {
            return Err(io::Error::other("the snapshot was made by another build"));
        }
        if header.globals.len() != base.globals.len() {
            return Err(io::Error::other("the snapshot has other globals"));
        }
        let delta = Delta { runs: header.runs(), mapping, offset };
        let image = Image::new(base.base.clone(), Some(delta), header.len, header.globals)?;
        let evicted = self.open().put(&snapshot.id, image.clone());
        if let Some(evicted) = evicted {
            pool.forget(&evicted);
        }
        Ok(image)
    }

    /// Keeps a snapshot that was just made, so that it need not be fetched.
    pub fn put(&self, bytes: &[u8]) -> io::Result<SnapshotRef> {
        let id = format::id_of(bytes);
        artifact::prepare_folder(&self.folder)?;
        let path = self.path(&id);
        artifact::write_atomically(&path, bytes)?;
        self.prune(&path);
        Ok(SnapshotRef { id, source: Arc::new(Local(path)) })
    }

    /// A snapshot whose file is there.
    pub fn find(&self, id: &SnapshotId) -> Option<SnapshotRef> {
        let path = self.path(id);
        path.is_file().then(|| SnapshotRef { id: id.clone(), source: Arc::new(Local(path)) })
    }

    /// Removes the oldest files if there are more than may be. What is mapped stays so, and
    /// is made anew when it is needed.
    fn prune(&self, newest: &Path) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= MAX_DISK_BYTES {
                break;
            }
            if path != newest && fs::remove_file(&path).is_ok() {
                bytes -= length;
            }
        }
    }

    /// The folder, made if it is not there.
    pub fn folder(&self) -> io::Result<&Path> {
        artifact::prepare_folder(&self.folder)?;
        Ok(&self.folder)
    }

    fn path(&self, id: &SnapshotId) -> PathBuf {
        self.folder.join(format!("{id}.snapshot"))
    }
}

impl Open {
    fn get(&mut self, id: &SnapshotId) -> Option<Arc<Image>> {
        self.uses += 1;
        let (last_use, image) = self.images.get_mut(id)?;
        *last_use = self.uses;
        Some(image.clone())
    }

    /// Adds an image; answers with the one that has to go.
    fn put(&mut self, id: &SnapshotId, image: Arc<Image>) -> Option<Arc<Image>> {
        self.uses += 1;
        let replaced = self.images.insert(id.clone(), (self.uses, image));
        if self.images.len() <= MAX_OPEN {
            return replaced.map(|(_, image)| image);
        }
        let oldest = self.images.iter().min_by_key(|(_, (last_use, _))| *last_use);
        let oldest = oldest.map(|(id, _)| id.clone())?;
        self.images.remove(&oldest).map(|(_, image)| image)
    }
}

/// A snapshot's file, which is compressed when it is to be sent.
struct Local(PathBuf);

impl SnapshotSource for Local {
    fn read(&self) -> io::Result<Arc<[u8]>> {
        Ok(format::compress(&fs::read(&self.0)?)?.bytes)
    }
}

fn open_whole(path: &Path, id: &SnapshotId) -> io::Result<Mapping> {
    if let Some(folder) = path.parent() {
        artifact::prepare_folder(folder)?;
    }
    let mapping = Mapping::open(path)?;
    if format::id_of(mapping.bytes()) != *id {
        return Err(io::Error::other("the file is not what its name says"));
    }
    Ok(mapping)
}
