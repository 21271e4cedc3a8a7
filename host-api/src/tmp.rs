//! A call's private `/tmp`: files and folders in memory, within a quota, gone with the call.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TmpError {
    /// The quota of bytes or of entries is used up.
    Full,
    Exists,
    NotFound,
    NotEmpty,
    NotFolder,
    IsFolder,
    NameTooLong,
    Invalid,
}

/// Longest name of a file or folder, as on most systems.
const MAX_NAME_BYTES: usize = 255;

/// What a whole `/tmp` may hold, and holds.
pub struct Quota {
    max_bytes: u64,
    bytes: AtomicU64,
    nodes: AtomicUsize,
    refused: AtomicBool,
}

impl Quota {
    pub fn new(max_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            max_bytes,
            bytes: AtomicU64::new(0),
            nodes: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
        })
    }

    /// Bytes held by all files, unlinked but open ones included.
    pub fn used(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Files and folders, `/tmp` itself included.
    pub fn nodes(&self) -> usize {
        self.nodes.load(Ordering::Relaxed)
    }

    /// Whether anything was refused for want of room.
    pub fn was_full(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn refuse(&self) -> TmpError {
        self.refused.store(true, Ordering::Relaxed);
        TmpError::Full
    }

    fn take_bytes(&self, more: u64) -> Result<(), TmpError> {
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more).filter(|&sum| sum <= self.max_bytes)
            })
            .map(|_| ())
            .map_err(|_| self.refuse())
    }

    fn take_node(&self) -> Result<(), TmpError> {
        self.nodes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < model::limits::TMP_NODES).then_some(used + 1)
            })
            .map(|_| ())
            .map_err(|_| self.refuse())
    }
}

/// A file's content, counted against the quota for as long as anything refers to it.
pub struct TmpFile {
    quota: Arc<Quota>,
    bytes: Mutex<Vec<u8>>,
}

impl TmpFile {
    fn new(quota: &Arc<Quota>) -> Result<Arc<Self>, TmpError> {
        quota.take_node()?;
        Ok(Arc::new(Self { quota: quota.clone(), bytes: Mutex::new(Vec::new()) }))
    }

    pub fn len(&self) -> u64 {
        lock(&self.bytes).len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At most `length` bytes from `offset`; empty at and past the end.
    pub fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let bytes = lock(&self.bytes);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        bytes[start..end].to_vec()
    }

    /// Writes all of `data` or nothing; a gap before `offset` reads as zeros.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<(), TmpError> {
        let end = offset.checked_add(data.len() as u64).ok_or(TmpError::Full)?;
        if end > self.len() {
            self.resize(end)?;
        }
        let start = usize::try_from(offset).map_err(|_| TmpError::Full)?;
        lock(&self.bytes)[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    pub fn append(&self, data: &[u8]) -> Result<(), TmpError> {
        self.write(self.len(), data)
    }

    pub fn resize(&self, length: u64) -> Result<(), TmpError> {
        let mut bytes = lock(&self.bytes);
        let old = bytes.len() as u64;
        if length > old {
            self.quota.take_bytes(length - old)?;
        } else {
            self.quota.bytes.fetch_sub(old - length, Ordering::Relaxed);
        }
        bytes.resize(usize::try_from(length).map_err(|_| TmpError::Full)?, 0);
        if length < old {
            bytes.shrink_to_fit();
        }
        Ok(())
    }
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        let held = self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner).len() as u64;
        self.quota.bytes.fetch_sub(held, Ordering::Relaxed);
        self.quota.nodes.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
pub enum TmpNode {
    File(Arc<TmpFile>),
    Folder(Arc<TmpFolder>),
}

pub struct TmpFolder {
    quota: Arc<Quota>,
    entries: Mutex<BTreeMap<Box<str>, TmpNode>>,
}

impl TmpFolder {
    pub fn new(quota: &Arc<Quota>) -> Result<Arc<Self>, TmpError> {
        quota.take_node()?;
        Ok(Arc::new(Self { quota: quota.clone(), entries: Mutex::default() }))
    }

    pub fn get(&self, name: &str) -> Option<TmpNode> {
        lock(&self.entries).get(name).cloned()
    }

    /// The first entry whose name comes after another's, or the very first, and whether it
    /// is a folder.
    pub fn entry_after(&self, name: Option<&str>) -> Option<(String, bool)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = lock(&self.entries);
        let (name, node) = entries.range::<str, _>((start, Bound::Unbounded)).next()?;
        Some((name.to_string(), matches!(node, TmpNode::Folder(_))))
    }

    pub fn create_file(&self, name: &str) -> Result<Arc<TmpFile>, TmpError> {
        let file = TmpFile::new(&self.quota)?;
        self.add(name, TmpNode::File(file.clone()))?;
        Ok(file)
    }

    pub fn create_folder(&self, name: &str) -> Result<(), TmpError> {
        let folder = Self::new(&self.quota)?;
        self.add(name, TmpNode::Folder(folder))
    }

    pub fn remove_file(&self, name: &str) -> Result<(), TmpError> {
        let mut entries = lock(&self.entries);
        match entries.get(name).ok_or(TmpError::NotFound)? {
            TmpNode::Folder(_) => Err(TmpError::IsFolder),
            TmpNode::File(_) => {
                entries.remove(name);
                Ok(())
            }
        }
    }

    pub fn remove_folder(&self, name: &str) -> Result<(), TmpError> {
        let mut entries = lock(&self.entries);
        match entries.get(name).ok_or(TmpError::NotFound)? {
            TmpNode::File(_) => Err(TmpError::NotFolder),
            TmpNode::Folder(folder) if !lock(&folder.entries).is_empty() => Err(TmpError::NotEmpty),
            TmpNode::Folder(_) => {
                entries.remove(name);
                Ok(())
            }
        }
    }

    /// Moves an entry, replacing a file by a file or an empty folder by a folder.
    pub fn rename(&self, old: &str, target: &TmpFolder, new: &str) -> Result<(), TmpError> {
        let node = self.get(old).ok_or(TmpError::NotFound)?;
        if new.len() > MAX_NAME_BYTES {
            return Err(TmpError::NameTooLong);
        }
        if let TmpNode::Folder(folder) = &node
            && folder.contains(target)
        {
            return Err(TmpError::Invalid);
        }
        if std::ptr::eq(self, target) && old == new {
            return Ok(());
        }
        match (&node, target.get(new)) {
            (_, None) => {}
            (TmpNode::File(_), Some(TmpNode::File(_))) => target.remove_file(new)?,
            (TmpNode::File(_), Some(TmpNode::Folder(_))) => return Err(TmpError::IsFolder),
            (TmpNode::Folder(_), Some(_)) => target.remove_folder(new)?,
        }
        lock(&self.entries).remove(old);
        target.add(new, node)
    }

    /// Whether `other` is this folder or lies below it.
    fn contains(&self, other: &TmpFolder) -> bool {
        let mut stack: Vec<Arc<TmpFolder>> = self.folders();
        if std::ptr::eq(self, other) {
            return true;
        }
        while let Some(folder) = stack.pop() {
            if std::ptr::eq(&*folder, other) {
                return true;
            }
            stack.extend(folder.folders());
        }
        false
    }

    fn folders(&self) -> Vec<Arc<TmpFolder>> {
        lock(&self.entries)
            .values()
            .filter_map(|node| match node {
                TmpNode::Folder(folder) => Some(folder.clone()),
                TmpNode::File(_) => None,
            })
            .collect()
    }

    fn add(&self, name: &str, node: TmpNode) -> Result<(), TmpError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(TmpError::NameTooLong);
        }
        let mut entries = lock(&self.entries);
        if entries.contains_key(name) {
            return Err(TmpError::Exists);
        }
        entries.insert(name.into(), node);
        Ok(())
    }
}

impl Drop for TmpFolder {
    fn drop(&mut self) {
        self.quota.nodes.fetch_sub(1, Ordering::Relaxed);
        // Deep trees are taken apart without recursion: a guest chooses their depth.
        let take = |folder: &mut TmpFolder| {
            std::mem::take(folder.entries.get_mut().unwrap_or_else(PoisonError::into_inner))
        };
        let mut stack: Vec<TmpNode> = take(self).into_values().collect();
        while let Some(node) = stack.pop() {
            if let TmpNode::Folder(folder) = node
                && let Some(mut folder) = Arc::into_inner(folder)
            {
                stack.extend(take(&mut folder).into_values());
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_counts_every_byte_and_gives_them_back() {
        let quota = Quota::new(100);
        let root = TmpFolder::new(&quota).unwrap();
        let file = root.create_file("a").unwrap();
        file.write(90, b"0123456789").unwrap();
        assert_eq!((quota.used(), file.len()), (100, 100));
        assert_eq!(file.write(100, b"x"), Err(TmpError::Full));
        assert_eq!(file.write(u64::MAX, b"x"), Err(TmpError::Full));
        assert_eq!(file.resize(u64::MAX), Err(TmpError::Full));
        assert_eq!(file.read(89, 3), [0, b'0', b'1']);
        assert!(file.read(u64::MAX, 10).is_empty());
        root.remove_file("a").unwrap();
        assert_eq!(quota.used(), 100, "an open file still counts");
        drop(file);
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn entries_are_bounded() {
        let quota = Quota::new(100);
        let root = TmpFolder::new(&quota).unwrap();
        let made = (0..).take_while(|n| root.create_folder(&n.to_string()).is_ok()).count();
        assert_eq!(made, model::limits::TMP_NODES - 1);
        root.remove_folder("0").unwrap();
        root.create_folder("0").unwrap();
    }

    #[test]
    fn renaming() {
        let quota = Quota::new(100);
        let root = TmpFolder::new(&quota).unwrap();
        root.create_folder("d").unwrap();
        root.create_file("f").unwrap();
        let Some(TmpNode::Folder(inner)) = root.get("d") else { panic!() };
        assert_eq!(root.rename("d", &inner, "x"), Err(TmpError::Invalid));
        root.rename("f", &inner, "g").unwrap();
        assert!(root.get("f").is_none() && inner.get("g").is_some());
        assert_eq!(root.rename("f", &root, "h"), Err(TmpError::NotFound));
        assert_eq!(root.remove_folder("d"), Err(TmpError::NotEmpty));
        inner.rename("g", &inner, "g").unwrap();
        assert!(inner.get("g").is_some());
    }

    #[test]
    fn a_chain_of_folders_is_dropped_without_recursion() {
        let quota = Quota::new(100);
        let root = TmpFolder::new(&quota).unwrap();
        let mut at = root.clone();
        while at.create_folder("d").is_ok() {
            let Some(TmpNode::Folder(next)) = at.get("d") else { panic!() };
            at = next;
        }
        drop(at);
        drop(root);
        assert_eq!(quota.nodes.load(Ordering::Relaxed), 0);
    }
}
