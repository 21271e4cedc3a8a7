//! Read-only files in memory: what an archive unpacks to and what a sandbox mounts.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// A file name or folder that a tree refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("`{0}`: absolute paths, `..`, backslashes and empty names are not allowed")]
    UnsafePath(String),
    #[error("`{0}` is there twice")]
    Duplicate(String),
    #[error("`{0}` is both a file and a folder")]
    FileAndFolder(String),
}

/// A file's bytes: shared, or a slice of a larger shared buffer.
#[derive(Clone)]
pub struct FileBytes {
    buffer: Arc<dyn AsRef<[u8]> + Send + Sync>,
    start: usize,
    end: usize,
}

impl FileBytes {
    /// `buffer[start..end]`, without copying.
    ///
    /// # Panics
    /// If the range does not lie within the buffer.
    pub fn slice(buffer: Arc<dyn AsRef<[u8]> + Send + Sync>, start: usize, end: usize) -> Self {
        assert!(start <= end && end <= (*buffer).as_ref().len(), "slice out of range");
        Self { buffer, start, end }
    }

    pub fn as_slice(&self) -> &[u8] {
        &(*self.buffer).as_ref()[self.start..self.end]
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { buffer: Arc::new(bytes), start: 0, end }
    }
}

impl From<&str> for FileBytes {
    fn from(text: &str) -> Self {
        text.as_bytes().to_vec().into()
    }
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.end - self.start)
    }
}

impl PartialEq for FileBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    File(FileBytes),
    Folder(Arc<Tree>),
}

/// A folder: its entries by name, in byte order.
///
/// Paths are relative, `/`-separated, without `.` or `..`; there are no links.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    entries: BTreeMap<Box<str>, Node>,
}

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, making the folders on the way.
    pub fn insert(&mut self, path: &str, bytes: impl Into<FileBytes>) -> Result<(), TreeError> {
        check_path(path)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at = self;
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            let entry = at
                .entries
                .entry(part.into())
                .or_insert_with(|| Node::Folder(Arc::new(Tree::new())));
            match entry {
                Node::Folder(tree) => at = Arc::make_mut(tree),
                Node::File(_) => return Err(TreeError::FileAndFolder(path.to_owned())),
            }
        }
        match at.entries.get(name) {
            Some(Node::File(_)) => Err(TreeError::Duplicate(path.to_owned())),
            Some(Node::Folder(_)) => Err(TreeError::FileAndFolder(path.to_owned())),
            None => {
                at.entries.insert(name.into(), Node::File(bytes.into()));
                Ok(())
            }
        }
    }

    /// The node at a relative path; the empty path is no node.
    pub fn node(&self, path: &str) -> Option<&Node> {
        let mut at = self;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let node = at.entries.get(part)?;
            match (node, parts.peek()) {
                (node, None) => return Some(node),
                (Node::Folder(tree), Some(_)) => at = tree,
                (Node::File(_), Some(_)) => return None,
            }
        }
        None
    }

    /// The bytes of the file at a path.
    pub fn file(&self, path: &str) -> Option<&FileBytes> {
        match self.node(path)? {
            Node::File(bytes) => Some(bytes),
            Node::Folder(_) => None,
        }
    }

    pub fn entry(&self, name: &str) -> Option<&Node> {
        self.entries.get(name)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(name, node)| (name.borrow(), node))
    }

    /// The first entry whose name comes after another's, or the very first.
    pub fn entry_after(&self, name: Option<&str>) -> Option<(&str, &Node)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let (name, node) = self.entries.range::<str, _>((start, Bound::Unbounded)).next()?;
        Some((name, node))
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All files with their full paths, in byte order of the paths' parts.
    pub fn files(&self) -> Vec<(String, &FileBytes)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect<'a>(&'a self, prefix: &str, found: &mut Vec<(String, &'a FileBytes)>) {
        for (name, node) in self.entries() {
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            match node {
                Node::File(bytes) => found.push((path, bytes)),
                Node::Folder(tree) => tree.collect(&path, found),
            }
        }
    }
}

fn check_path(path: &str) -> Result<(), TreeError> {
    let bad =
        path.contains(['\\', '\0']) || path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bad { Err(TreeError::UnsafePath(path.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_where_they_were_put() {
        let mut tree = Tree::new();
        tree.insert("a/b/c.py", "x").unwrap();
        tree.insert("a/d.py", "y").unwrap();
        assert_eq!(tree.file("a/b/c.py").unwrap().as_slice(), b"x");
        assert!(matches!(tree.node("a/b"), Some(Node::Folder(_))));
        for absent in ["", "a/b/c.py/d", "b", "a//d.py", "/a/d.py", "a/"] {
            assert!(tree.node(absent).is_none(), "{absent}");
        }
        let names: Vec<_> = tree.files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/b/c.py", "a/d.py"]);
    }

    #[test]
    fn unsafe_and_clashing_paths_are_refused() {
        let mut tree = Tree::new();
        tree.insert("a/b", "x").unwrap();
        for bad in ["", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a/", "a\0"] {
            assert!(matches!(tree.insert(bad, "x"), Err(TreeError::UnsafePath(_))), "{bad:?}");
        }
        assert!(matches!(tree.insert("a/b", "x"), Err(TreeError::Duplicate(_))));
        assert!(matches!(tree.insert("a", "x"), Err(TreeError::FileAndFolder(_))));
        assert!(matches!(tree.insert("a/b/c", "x"), Err(TreeError::FileAndFolder(_))));
    }
}
