//! The Python components, by flavour, and the standard library that goes with them.
//!
//! Built by `build.rs` and carried within the binary. Compiling them for the host is
//! `runtime`'s work.

#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::sync::{Arc, LazyLock};

use model::Tree;
use model::files::FileBytes;

/// A component with the interpreter already initialised, in one or more images.
#[derive(Debug)]
pub struct Flavour {
    pub name: &'static str,
    /// The component, zstd-compressed, once for each hash seed. The first is the one that
    /// deterministic calls use.
    images: &'static [&'static [u8]],
}

/// CPython with its standard library and no other native code.
pub static PYTHON: Flavour = Flavour {
    name: "python",
    images: &[
        include_bytes!(concat!(env!("OUT_DIR"), "/python-0.wasm.zst")),
        include_bytes!(concat!(env!("OUT_DIR"), "/python-1.wasm.zst")),
    ],
};

/// `major.minor` of the interpreter in every flavour.
pub const PYTHON_VERSION: (u8, u8) = (3, 14);

impl Flavour {
    /// Number of images.
    pub fn seeds(&self) -> usize {
        self.images.len()
    }

    /// The compressed component of one image: what identifies it.
    pub fn compressed(&self, seed: usize) -> &'static [u8] {
        self.images[seed]
    }

    /// The component of one image.
    pub fn component(&self, seed: usize) -> io::Result<Vec<u8>> {
        zstd::decode_all(self.images[seed])
    }
}

static STDLIB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stdlib.tar"));

/// The standard library, sources and bytecode, as the guest sees it at `/python`.
/// Files are slices of the binary itself: nothing is copied.
pub fn stdlib() -> io::Result<Arc<Tree>> {
    static TREE: LazyLock<Result<Arc<Tree>, String>> =
        LazyLock::new(|| read_stdlib().map(Arc::new).map_err(|error| error.to_string()));
    TREE.clone().map_err(io::Error::other)
}

fn read_stdlib() -> io::Result<Tree> {
    let buffer: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(STDLIB);
    let mut tree = Tree::new();
    for entry in tar::Archive::new(STDLIB).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(io::Error::other)?;
        let start = usize::try_from(entry.raw_file_position()).map_err(io::Error::other)?;
        let length = io::copy(&mut entry.by_ref(), &mut io::sink())?;
        let end = start + usize::try_from(length).map_err(io::Error::other)?;
        tree.insert(&path, FileBytes::slice(buffer.clone(), start, end)).map_err(io::Error::other)?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_is_there_with_its_bytecode() {
        let stdlib = stdlib().unwrap();
        for file in ["json/__init__.py", "__pycache__/typing.cpython-314.pyc", "xml/etree/ElementTree.py"] {
            assert!(stdlib.file(file).is_some_and(|bytes| !bytes.is_empty()), "{file}");
        }
        assert!(stdlib.file("typing.py").unwrap().starts_with(b"\"\"\""));
    }

    #[test]
    fn components_are_whole() {
        for seed in 0..PYTHON.seeds() {
            assert!(PYTHON.component(seed).unwrap().starts_with(b"\0asm"));
        }
    }
}
