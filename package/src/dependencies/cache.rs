//! Results kept on disk under a key of what made them.
//!
//! An entry is one file: a checksum and what it covers. It appears whole, by a rename, and
//! is checked when it is read: what is truncated or altered is as if it were not there.
//! A cache that cannot be written is no error.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"mecapy1\n";
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

/// Names what an entry was made from.
pub fn key(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{digest}")
}

fn path(folder: &Path, key: &str) -> PathBuf {
    folder.join(key)
}

/// An entry with its header, and where its content starts.
pub struct Entry {
    pub bytes: Vec<u8>,
    pub start: usize,
}

impl Entry {
    pub fn content(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// The entry of a key, if it is there and unharmed.
pub fn read(folder: Option<&Path>, key: &str) -> Option<Entry> {
    let bytes = fs::read(path(folder?, key)).ok()?;
    let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
    let (checksum, content) = rest.split_at_checked(blake3::OUT_LEN)?;
    let is_whole = magic == MAGIC && blake3::hash(content).as_bytes() == checksum;
    is_whole.then_some(Entry { bytes, start: HEADER })
}

/// Keeps an entry; one that another process put there meanwhile is the same.
pub fn write(folder: Option<&Path>, key: &str, content: &[u8]) {
    let Some(folder) = folder else { return };
    let keep = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(MAGIC)?;
        file.write_all(blake3::hash(content).as_bytes())?;
        file.write_all(content)?;
        file.as_file().sync_data()?;
        file.persist(path(folder, key))?;
        Ok(())
    };
    // Without a cache the work is done again, and that is all.
    let _ = keep();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmed_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = Some(folder.path());
        let key = key("lock", &["a", "b"]);
        assert!(read(at, &key).is_none());
        write(at, &key, b"content");
        assert_eq!(read(at, &key).unwrap().content(), b"content");
        let file = folder.path().join(&key);
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            assert!(read(at, &key).is_none(), "{cut}");
            let mut altered = whole.clone();
            altered[cut] ^= 1;
            fs::write(&file, &altered).unwrap();
            assert!(read(at, &key).is_none(), "{cut}");
        }
        write(at, &key, b"content");
        assert!(read(at, &key).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn keys_are_unambiguous() {
        assert_ne!(key("k", &["ab", "c"]), key("k", &["a", "bc"]));
        write(None, "k", b"");
        assert!(read(None, "k").is_none());
    }
}
