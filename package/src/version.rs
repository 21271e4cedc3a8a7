//! A package's version: what it says of itself, and a checksum of what it holds.

use model::{Checksum, PackageVersion, Tree};
use sha2::{Digest, Sha256};

/// What a hash of this format begins with, so that another format can never give the same.
const DOMAIN: &[u8] = b"mecapy package content, version 1\n";

/// The semantic version of a package that states none: a bare script.
pub fn unstated() -> semver::Version {
    semver::Version::new(0, 0, 0)
}

/// SHA-256 over the files in byte order of their whole paths: for each the length of the
/// path, the path, the length of the content and the content, lengths as 8 bytes, little
/// end first. Nothing else counts: no dates, modes, order or packing.
pub fn checksum(tree: &Tree) -> Checksum {
    let mut files = tree.files();
    files.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    for (path, bytes) in files {
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes.as_slice());
    }
    Checksum(hash.finalize().into())
}

/// The full version of a package.
pub fn of(tree: &Tree, semantic: &semver::Version) -> PackageVersion {
    PackageVersion::new(semantic.clone(), &checksum(tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text) in files {
            tree.insert(path, *text).unwrap();
        }
        tree
    }

    /// Computed with another implementation: a change of these breaks every version.
    #[test]
    fn vectors() {
        for (files, hex) in [
            (&[][..], "7801aabac631b7fe140f4a9d696a278e398d913c74546cde36b2a4764ccc9b41"),
            (
                &[("handler.py", "def calculate(inputs):\n    return inputs\n")][..],
                "468ef5dbd21c2c08e184a3b7a8a5f88fa204526552477c11edd44921ec8a5498",
            ),
            (
                &[("a/b", "1"), ("a.b", "2"), ("é", "")][..],
                "9475ac496e10ed6a17e89c3445bb2ce9d3d38e166feb605460fec54d04a2fe36",
            ),
        ] {
            assert_eq!(checksum(&tree(files)).to_hex(), hex);
        }
    }

    #[test]
    fn framing_is_unambiguous() {
        let all = [
            tree(&[("ab", "c")]),
            tree(&[("a", "bc")]),
            tree(&[("a", "b"), ("c", "")]),
            tree(&[("a", ""), ("b", "c")]),
            tree(&[("a/b", "c")]),
        ];
        let sums: std::collections::BTreeSet<_> = all.iter().map(checksum).collect();
        assert_eq!(sums.len(), all.len());
    }
}
