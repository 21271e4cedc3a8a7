//! A tree of files, and what is known of it, as one run of bytes: how packages and their
//! dependencies are kept.
//!
//! The form is our own, since what is kept has been checked before: it is read without
//! copying, and has no limits of its own as an uploaded archive has.

use std::sync::Arc;

use model::Tree;
use model::files::FileBytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What stands before the files' bytes.
#[derive(Serialize, Deserialize)]
struct Index<H> {
    header: H,
    /// Paths and lengths, in the order of the bytes.
    files: Vec<(String, usize)>,
}

/// A header and a tree, one after the other.
pub fn pack<H: Serialize>(header: &H, tree: &Tree) -> Vec<u8> {
    let files = tree.files();
    let index = Index {
        header,
        files: files.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect(),
    };
    let index = serde_json::to_vec(&index).unwrap_or_default();
    let mut packed = (index.len() as u64).to_le_bytes().to_vec();
    packed.extend(index);
    for (_, bytes) in files {
        packed.extend_from_slice(bytes);
    }
    packed
}

/// What was packed, from `start` on; the files share the one buffer. Nothing if it is not
/// whole.
pub fn unpack<H: DeserializeOwned>(bytes: Vec<u8>, start: usize) -> Option<(H, Tree)> {
    let (length, rest) = bytes.get(start..)?.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let index: Index<H> = serde_json::from_slice(rest.get(..length)?).ok()?;
    let mut at = start + 8 + length;
    let whole = bytes.len();
    let buffer: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(bytes);
    let mut tree = Tree::new();
    for (path, length) in index.files {
        let end = at.checked_add(length).filter(|end| *end <= whole)?;
        tree.insert(&path, FileBytes::slice(buffer.clone(), at, end)).ok()?;
        at = end;
    }
    Some((index.header, tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_or_nothing() {
        let mut tree = Tree::new();
        for (path, text) in [("a.py", "1"), ("b/c.py", ""), ("b/d", "22")] {
            tree.insert(path, text).unwrap();
        }
        let bytes = pack(&"header", &tree);
        assert_eq!(unpack(bytes.clone(), 0), Some(("header".to_owned(), tree)));
        for cut in 0..bytes.len() {
            assert_eq!(unpack::<String>(bytes[..cut].to_vec(), 0), None, "{cut}");
        }
    }
}
