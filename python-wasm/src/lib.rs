//! The Python components, by flavour, and the standard library that goes with them.
//!
//! Built by `build.rs` and carried within the binary. Compiling them for the host is
//! `runtime`'s work.

#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::sync::{Arc, LazyLock};

use model::Tree;
use model::files::FileBytes;

/// A component without data of its own, and the state in which the interpreter in it is
/// already initialised: an instance works only over that memory.
#[derive(Debug)]
pub struct Image {
    /// zstd-compressed, as the memory.
    component: &'static [u8],
    memory: &'static [u8],
    /// The mutable globals' values, if the component lets them be set: see
    /// `component_fuse::SET_GLOBALS`.
    globals: Option<&'static [u32]>,
}

/// One kind of Python.
#[derive(Debug)]
pub struct Flavour {
    pub name: &'static str,
    /// One image for each hash seed: what `hash` gives is set when an interpreter is
    /// initialised. The first is the one that deterministic calls and snapshots use.
    pub images: &'static [Image],
}

// `PYTHON`: CPython with its standard library and no other native code. With the feature
// `plain`, `PYTHON_PLAIN`: the same without its modules fused, to compare with.
include!(concat!(env!("OUT_DIR"), "/flavours.rs"));

/// `major.minor` of the interpreter in every flavour.
pub const PYTHON_VERSION: (u8, u8) = (3, 14);

impl Image {
    /// The component's compressed bytes: what identifies it.
    pub fn component_id(&self) -> &'static [u8] {
        self.component
    }

    /// The memory's compressed bytes: what identifies it.
    pub fn memory_id(&self) -> &'static [u8] {
        self.memory
    }

    /// What the component's mutable globals have to be set to, before anything else is
    /// called; absent where they are as the component has them.
    pub fn globals(&self) -> Option<&'static [u32]> {
        self.globals
    }

    pub fn component(&self) -> io::Result<Vec<u8>> {
        zstd::decode_all(self.component)
    }

    /// The initial memory: a whole number of WebAssembly pages.
    pub fn memory(&self) -> io::Result<Vec<u8>> {
        zstd::decode_all(self.memory)
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
        tree.insert(&path, FileBytes::slice(buffer.clone(), start, end))
            .map_err(io::Error::other)?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_is_there_with_its_bytecode() {
        let stdlib = stdlib().unwrap();
        for file in
            ["json/__init__.py", "__pycache__/typing.cpython-314.pyc", "xml/etree/ElementTree.py"]
        {
            assert!(stdlib.file(file).is_some_and(|bytes| !bytes.is_empty()), "{file}");
        }
        assert!(stdlib.file("typing.py").unwrap().starts_with(b"\"\"\""));
    }

    #[test]
    fn images_are_whole() {
        for image in PYTHON.images {
            assert!(image.component().unwrap().starts_with(b"\0asm"));
            assert_eq!(image.memory().unwrap().len() % 65536, 0);
            assert!(image.globals().is_some(), "the component is not fused");
            assert_eq!(image.component_id(), PYTHON.images[0].component_id());
        }
    }
}
