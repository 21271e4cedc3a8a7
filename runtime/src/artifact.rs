//! Components compiled ahead of time, kept in a cache folder and mapped from it.
//!
//! The one module with `unsafe`: wasmtime runs whatever machine code a compiled file
//! holds. So a file is mapped only if this user wrote it here (the folder belongs to the
//! user and nobody else may write to it) and it is whole (its hash stands beside it).
//! Its name carries everything that affects its content; whatever does not fit, does not
//! verify or does not load is compiled again.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use python_wasm::Flavour;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::Metering;

/// Changed whenever the meaning of the cache's files changes.
const FORMAT: u32 = 1;

/// A component of a flavour's image, compiled for this engine.
pub fn load(
    cache: &Path,
    engine: &Engine,
    metering: Metering,
    flavour: &Flavour,
    seed: usize,
) -> wasmtime::Result<Component> {
    prepare_folder(cache)?;
    let path = cache.join(file_name(engine, metering, flavour, seed));
    if let Some(component) = open(&path, engine) {
        return Ok(component);
    }
    // Whoever holds the lock compiles; the others find its file.
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    if let Some(component) = open(&path, engine) {
        return Ok(component);
    }
    let compiled = engine.precompile_component(&flavour.component(seed)?)?;
    let hash = blake3::hash(&compiled).to_hex();
    write_atomically(&path, &compiled)?;
    write_atomically(&path.with_extension("b3"), hash.as_bytes())?;
    open(&path, engine)
        .ok_or_else(|| wasmtime::format_err!("{}: written, but does not load", path.display()))
}

fn file_name(engine: &Engine, metering: Metering, flavour: &Flavour, seed: usize) -> String {
    struct Blake(blake3::Hasher);
    impl Hasher for Blake {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    FORMAT.hash(&mut hasher);
    // Wasmtime's version, compiler settings and the processor's features.
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(flavour.compressed(seed));
    let key = hasher.0.finalize().to_hex();
    format!("{}-{seed}-{}-{}.cwasm", flavour.name, metering.name(), &key[..32])
}

/// The component of a file that is whole; `None` for anything else.
fn open(path: &Path, engine: &Engine) -> Option<Component> {
    let mut file = File::open(path).ok()?;
    let expected = fs::read_to_string(path.with_extension("b3")).ok()?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).ok()?;
    if hasher.finalize().to_hex().as_str() != expected {
        return None;
    }
    // SAFETY: the file lies in a folder that only this user can write to, it was written
    // by `load`, and its hash says that it is as it was written. It is never written to
    // again: new content comes under a new inode.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes the folder, private to this user, or refuses one that others could write to.
fn prepare_folder(cache: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(cache)?;
    let metadata = fs::metadata(cache)?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "{}: the cache folder must belong to this user and be writable by nobody else",
            cache.display()
        )));
    }
    Ok(())
}

/// The folder for compiled code below a user's cache folder.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("code")
}
