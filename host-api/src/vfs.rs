//! The guest's file system: read-only trees in memory beside a private `/tmp`.
//!
//! There are no links and no parents: a path is resolved lexically, and `..` never
//! leads above the folder that it is resolved in.

use std::sync::Arc;

use model::files::{FileBytes, Node, Tree};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::tmp::{Quota, TmpError, TmpFile, TmpFolder, TmpNode};

/// Where Python looks for a folder's bytecode. It is not listed: preparing a package has some
/// where its calls have none, and must find the same files.
const BYTECODE: &str = "__pycache__";

/// Longest path and deepest folder that a guest may name.
const MAX_PATH_BYTES: usize = 4096;

/// The mounts of one call: `/app`, `/deps`, `/python`, and so on, and `/tmp`.
#[derive(Clone, Default)]
pub struct Root {
    mounts: Arc<Vec<(&'static str, Arc<Tree>)>>,
    tmp: Option<Arc<TmpFolder>>,
}

impl Root {
    /// Read-only folders by name, directly below `/`.
    pub fn new(mounts: Vec<(&'static str, Arc<Tree>)>) -> Self {
        Self { mounts: Arc::new(mounts), tmp: None }
    }

    pub(crate) fn with_tmp(mut self, quota: Arc<Quota>) -> Self {
        self.tmp = TmpFolder::new(&quota).ok();
        self
    }

    /// All files below a folder of `/tmp`, by their path within it.
    pub(crate) fn tmp_files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        let tmp = self.tmp.as_ref().and_then(|tmp| tmp.get(folder));
        let mut waiting: Vec<(String, TmpNode)> =
            tmp.into_iter().map(|node| (String::new(), node)).collect();
        while let Some((path, node)) = waiting.pop() {
            match node {
                TmpNode::File(file) => found.push((path, file.read(0, usize::MAX))),
                TmpNode::Folder(folder) => {
                    let mut last = None;
                    while let Some((name, _)) = folder.entry_after(last.as_deref()) {
                        let separator = if path.is_empty() { "" } else { "/" };
                        let below = format!("{path}{separator}{name}");
                        waiting.extend(folder.get(&name).map(|node| (below, node)));
                        last = Some(name);
                    }
                }
            }
        }
        found
    }
}

/// A file or folder, wherever it lives.
#[derive(Clone)]
pub enum Place {
    Root(Root),
    Folder(Arc<Tree>),
    File(FileBytes),
    TmpFolder(Arc<TmpFolder>),
    TmpFile(Arc<TmpFile>),
    /// `/dev/null`.
    Null,
    /// `/dev`.
    Devices,
}

impl Place {
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Root(_) | Self::Folder(_) | Self::TmpFolder(_) | Self::Devices)
    }

    pub fn len(&self) -> u64 {
        match self {
            Self::File(bytes) => bytes.len() as u64,
            Self::TmpFile(file) => file.len(),
            _ => 0,
        }
    }

    /// At most `length` bytes of a file from `offset`; empty at and past its end.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, ErrorCode> {
        match self {
            Self::File(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(length).min(bytes.len());
                Ok(bytes[start..end].to_vec())
            }
            Self::TmpFile(file) => Ok(file.read(offset, length)),
            Self::Null => Ok(Vec::new()),
            _ => Err(ErrorCode::IsDirectory),
        }
    }

    /// A number that is the same for the same file and differs between files.
    pub fn identity(&self) -> u64 {
        let address = match self {
            Self::Root(root) => Arc::as_ptr(&root.mounts).addr(),
            Self::Folder(tree) => Arc::as_ptr(tree).addr(),
            Self::File(bytes) => bytes.as_ptr().addr(),
            Self::TmpFolder(folder) => Arc::as_ptr(folder).addr(),
            Self::TmpFile(file) => Arc::as_ptr(file).addr(),
            Self::Null => 1,
            Self::Devices => 2,
        };
        address as u64
    }

    fn child(&self, name: &str) -> Result<Place, ErrorCode> {
        match self {
            Self::Root(root) => match name {
                "tmp" => root.tmp.clone().map(Place::TmpFolder).ok_or(ErrorCode::NoEntry),
                "dev" => Ok(Place::Devices),
                _ => root
                    .mounts
                    .iter()
                    .find(|(mount, _)| *mount == name)
                    .map(|(_, tree)| Place::Folder(tree.clone()))
                    .ok_or(ErrorCode::NoEntry),
            },
            Self::Folder(tree) => match tree.entry(name) {
                Some(Node::File(bytes)) => Ok(Place::File(bytes.clone())),
                Some(Node::Folder(folder)) => Ok(Place::Folder(folder.clone())),
                None => Err(ErrorCode::NoEntry),
            },
            Self::TmpFolder(folder) => match folder.get(name) {
                Some(TmpNode::File(file)) => Ok(Place::TmpFile(file)),
                Some(TmpNode::Folder(folder)) => Ok(Place::TmpFolder(folder)),
                None => Err(ErrorCode::NoEntry),
            },
            Self::Devices if name == "null" => Ok(Place::Null),
            Self::Devices => Err(ErrorCode::NoEntry),
            Self::File(_) | Self::TmpFile(_) | Self::Null => Err(ErrorCode::NotDirectory),
        }
    }

    /// The entry of a folder whose name comes after another's, or the first, and whether it
    /// is a folder itself.
    pub fn entry_after(&self, name: Option<&str>) -> Option<(String, bool)> {
        match self {
            Self::Root(root) => {
                let mounts = root.mounts.iter().map(|(mount, _)| *mount).chain(["dev", "tmp"]);
                let next = mounts.filter(|mount| name.is_none_or(|name| *mount > name)).min()?;
                Some((next.to_owned(), true))
            }
            Self::Folder(tree) => {
                let mut next = tree.entry_after(name)?;
                if next.0 == BYTECODE {
                    next = tree.entry_after(Some(BYTECODE))?;
                }
                let (name, node) = next;
                Some((name.to_owned(), matches!(node, Node::Folder(_))))
            }
            Self::TmpFolder(folder) => folder.entry_after(name),
            Self::Devices => name.is_none().then(|| ("null".to_owned(), false)),
            Self::File(_) | Self::TmpFile(_) | Self::Null => None,
        }
    }

    /// The node at a path relative to this folder.
    pub fn resolve(&self, path: &str) -> Result<Place, ErrorCode> {
        let mut stack = vec![self.clone()];
        for part in parts(path)? {
            match part {
                ".." => {
                    stack.pop();
                    if stack.is_empty() {
                        return Err(ErrorCode::NotPermitted);
                    }
                }
                name => {
                    let next = stack.last().ok_or(ErrorCode::NotPermitted)?.child(name)?;
                    stack.push(next);
                }
            }
        }
        let found = stack.pop().ok_or(ErrorCode::NotPermitted)?;
        if path.ends_with('/') && !found.is_folder() {
            return Err(ErrorCode::NotDirectory);
        }
        Ok(found)
    }

    /// The folder that holds the last part of a path, and that part.
    pub fn resolve_parent<'a>(&self, path: &'a str) -> Result<(Place, &'a str), ErrorCode> {
        let trimmed = path.trim_end_matches('/');
        let (folder, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
        if matches!(name, "" | "." | "..") {
            return Err(ErrorCode::Invalid);
        }
        let _ = parts(path)?;
        Ok((self.resolve(folder)?, name))
    }

    /// This place as the writable folder that it is, or why nothing can be changed in it.
    pub fn writable(&self) -> Result<&Arc<TmpFolder>, ErrorCode> {
        match self {
            Self::TmpFolder(folder) => Ok(folder),
            Self::File(_) | Self::TmpFile(_) | Self::Null => Err(ErrorCode::NotDirectory),
            _ => Err(ErrorCode::ReadOnly),
        }
    }
}

fn parts(path: &str) -> Result<impl Iterator<Item = &str>, ErrorCode> {
    if path.starts_with('/') {
        return Err(ErrorCode::NotPermitted);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(ErrorCode::NameTooLong);
    }
    Ok(path.split('/').filter(|part| !matches!(*part, "" | ".")))
}

pub fn code(error: TmpError) -> ErrorCode {
    match error {
        TmpError::Full => ErrorCode::InsufficientSpace,
        TmpError::Exists => ErrorCode::Exist,
        TmpError::NotFound => ErrorCode::NoEntry,
        TmpError::NotEmpty => ErrorCode::NotEmpty,
        TmpError::NotFolder => ErrorCode::NotDirectory,
        TmpError::IsFolder => ErrorCode::IsDirectory,
        TmpError::NameTooLong => ErrorCode::NameTooLong,
        TmpError::Invalid => ErrorCode::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Place {
        let mut app = Tree::new();
        app.insert("a/b.txt", "hello").unwrap();
        Place::Root(Root::new(vec![("app", Arc::new(app))]).with_tmp(Quota::new(1000)))
    }

    #[test]
    fn paths_stay_within_their_folder() {
        let root = root();
        assert_eq!(root.resolve("app/a/../a/./b.txt").unwrap().len(), 5);
        let app = root.resolve("app/a").unwrap();
        for (path, error) in [
            ("..", ErrorCode::NotPermitted),
            ("../app", ErrorCode::NotPermitted),
            ("x/../../..", ErrorCode::NoEntry),
            ("/app", ErrorCode::NotPermitted),
            ("b.txt/..", ErrorCode::NotDirectory),
            ("b.txt/", ErrorCode::NotDirectory),
            ("c", ErrorCode::NoEntry),
        ] {
            // A file has no parent to return to: `b.txt/..` may also resolve to the folder.
            match app.resolve(path) {
                Err(found) => assert_eq!(found, error, "{path}"),
                Ok(place) => assert!(path == "b.txt/.." && place.is_folder(), "{path}"),
            }
        }
        assert!(root.resolve(&"a/".repeat(5000)).is_err());
    }

    #[test]
    fn bytecode_is_found_and_not_listed() {
        let mut app = Tree::new();
        for path in ["A.py", "__pycache__/a.pyc", "__pycache__/b.pyc", "z.py"] {
            app.insert(path, "").unwrap();
        }
        let root = Place::Root(Root::new(vec![("app", Arc::new(app))]));
        let app = root.resolve("app").unwrap();
        assert_eq!(app.entry_after(None), Some(("A.py".to_owned(), false)));
        assert_eq!(app.entry_after(Some("A.py")), Some(("z.py".to_owned(), false)));
        assert_eq!(app.entry_after(Some("z.py")), None);
        assert!(app.resolve("__pycache__/a.pyc").is_ok());
    }

    #[test]
    fn files_below_a_folder_of_tmp() {
        let root = Root::new(Vec::new()).with_tmp(Quota::new(1000));
        assert!(root.tmp_files("a").is_empty());
        let tmp = root.tmp.clone().unwrap();
        tmp.create_folder("a").unwrap();
        let Some(TmpNode::Folder(a)) = tmp.get("a") else { panic!("a folder") };
        a.create_folder("b").unwrap();
        let Some(TmpNode::Folder(b)) = a.get("b") else { panic!("a folder") };
        b.create_file("c").unwrap().append(b"deep").unwrap();
        a.create_file("d").unwrap();
        tmp.create_file("e").unwrap();
        let mut found = root.tmp_files("a");
        found.sort();
        assert_eq!(found, [("b/c".to_owned(), b"deep".to_vec()), ("d".to_owned(), Vec::new())]);
    }

    #[test]
    fn only_tmp_is_writable() {
        let root = root();
        assert!(root.resolve("tmp").unwrap().writable().is_ok());
        for path in ["", "app", "app/a", "dev"] {
            assert_eq!(root.resolve(path).unwrap().writable().err(), Some(ErrorCode::ReadOnly));
        }
    }
}
