//! Components compiled ahead of time and memory images, kept in a cache folder and mapped
//! from it.
//!
//! `unsafe`, because wasmtime runs whatever machine code a compiled file holds. So a file is mapped only if this user wrote it here (the folder belongs to the
//! user and nobody else may write to it) and it is whole (its hash stands beside it).
//! Its name carries everything that affects its content; whatever does not fit, does not
//! verify or does not load is compiled again.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use python_wasm::Flavour;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::Metering;
use crate::memory::{Image, Mapping};

/// Changed whenever the meaning of the cache's files changes.
const FORMAT: u32 = 3;

/// The component of an image, compiled for this engine.
pub fn component(
    cache: &Path,
    engine: &Engine,
    metering: Metering,
    flavour: &Flavour,
    seed: usize,
) -> wasmtime::Result<Component> {
    let image = &flavour.images[seed];
    let mut key = Key::new();
    // Wasmtime's version, compiler settings and the processor's features.
    engine.precompile_compatibility_hash().hash(&mut key);
    key.write(image.component_id());
    let name = format!("{}-{}-{}.cwasm", flavour.name, metering.name(), key.text());
    let path = cache.join(name);
    let make = || engine.precompile_component(&image.component()?);
    // SAFETY: the file lies in a folder that only this user can write to, it was written
    // by `cached`, and its hash says that it is as it was written. It is never written to
    // again: new content comes under a new inode.
    let open = || unsafe { Component::deserialize_file(engine, &path) };
    cached(&path, make, open)
}

/// Names the interpreter that an image is, for what continues it.
pub fn identity(flavour: &Flavour, seed: usize, memory: &Image) -> String {
    let image = &flavour.images[seed];
    let mut key = Key::new();
    key.write(image.component_id());
    key.write(memory.base.bytes());
    image.globals().hash(&mut key);
    key.text()
}

/// The memory of a flavour's image, made ready if it is not there.
pub fn memory(
    cache: &Path,
    flavour: &Flavour,
    seed: usize,
    ready: impl FnOnce(Vec<u8>, Vec<u32>) -> wasmtime::Result<Vec<u8>>,
) -> wasmtime::Result<Arc<Image>> {
    let image = &flavour.images[seed];
    let mut key = Key::new();
    key.write(image.memory_id());
    let path = cache.join(format!("{}-{seed}-{}.image", flavour.name, key.text()));
    let globals = image.globals().unwrap_or_default();
    let open = || Ok(Image::of_base(Arc::new(Mapping::open(&path)?), globals.to_vec())?);
    cached(&path, || ready(image.memory()?, globals.to_vec()), open)
}

/// Opens a file of the cache, made first if it is not there or not whole.
fn cached<T>(
    path: &Path,
    make: impl FnOnce() -> wasmtime::Result<Vec<u8>>,
    open: impl Fn() -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let folder = path.parent().unwrap_or(Path::new("."));
    prepare_folder(folder)
        .map_err(|error| wasmtime::format_err!("the cache folder {}: {error}", folder.display()))?;
    if is_whole(path)
        && let Ok(opened) = open()
    {
        return Ok(opened);
    }
    // Whoever holds the lock makes it; the others find its file.
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    if is_whole(path)
        && let Ok(opened) = open()
    {
        return Ok(opened);
    }
    let content = make()?;
    write_atomically(&hash_file(path), blake3::hash(&content).to_hex().as_bytes())?;
    write_atomically(path, &content)?;
    open()
}

struct Key(blake3::Hasher);

impl Key {
    fn new() -> Self {
        let mut key = Self(blake3::Hasher::new());
        FORMAT.hash(&mut key);
        key
    }

    fn text(&self) -> String {
        self.0.finalize().to_hex()[..32].to_owned()
    }
}

impl Hasher for Key {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn hash_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".b3");
    name.into()
}

/// Whether a file is as it was written.
fn is_whole(path: &Path) -> bool {
    let check = || -> io::Result<bool> {
        let expected = fs::read_to_string(hash_file(path))?;
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut File::open(path)?, &mut hasher)?;
        Ok(hasher.finalize().to_hex().as_str() == expected)
    };
    check().unwrap_or(false)
}

pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes the folder, private to this user, or refuses one that others could write to.
pub fn prepare_folder(cache: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(cache)?;
    let user = rustix::process::geteuid().as_raw();
    let real = cache.canonicalize()?;
    for (level, folder) in real.ancestors().enumerate() {
        let metadata = fs::metadata(folder)?;
        let others_write = metadata.mode() & 0o022 != 0;
        // Above the cache, root's folders will do, and shared ones where nobody can move
        // what is another's.
        let safe = match (level, metadata.uid()) {
            (0 | 1, owner) => owner == user && !others_write,
            (_, owner) => {
                (owner == user || owner == 0) && (!others_write || metadata.mode() & 0o1000 != 0)
            }
        };
        if !safe {
            return Err(io::Error::other(format!(
                "{} must belong to this user, and nobody else may write to it; name another \
                 folder with MECAPY_CACHE_DIR",
                folder.display()
            )));
        }
    }
    Ok(())
}

/// The folder for compiled code below a user's cache folder.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("code")
}
