//! Packages made in memory, for tests.
#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(clippy::result_large_err, clippy::type_complexity, reason = "as calls answer")]

pub mod scripted;

use std::io::{Cursor, Write};
use std::sync::Arc;

use mecapy_package::{self as package, Archive, archive, manifest};
use model::Tree;
use zip::write::SimpleFileOptions;

/// The shortest manifest of the single-function form.
pub const SINGLE: &str = "version: \"1.0\"\nmetadata:\n  name: beam\n";

pub fn tree(files: &[(&str, &str)]) -> Arc<Tree> {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, *text).unwrap();
    }
    tree.into()
}

/// What is said of a package with these files, or nothing if it is right.
pub fn said_of(files: &[(&str, &str)]) -> Vec<String> {
    let archive = Archive { tree: tree(files), script: None };
    let Err(error) = manifest::read(&archive)
        .and_then(|source| package::dependencies::of_package(&archive.tree, &source).map(|_| ()))
    else {
        return Vec::new();
    };
    error.problems.iter().map(ToString::to_string).collect()
}

/// What is said of a single-function package with these lines after the metadata.
pub fn said_of_manifest(more: &str) -> Vec<String> {
    let text = format!("{SINGLE}{more}");
    said_of(&[("mecapy.yaml", &text), ("handler.py", "")])
}

pub struct ZipEntry<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub mode: u32,
}

pub fn entry<'a>(name: &'a str, bytes: &'a [u8]) -> ZipEntry<'a> {
    ZipEntry { name, bytes, mode: 0o100_644 }
}

/// A ZIP with these entries, in this order, written as told: nothing is corrected.
pub fn zip_of(entries: &[ZipEntry<'_>]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default().unix_permissions(entry.mode & 0o777);
        if entry.mode & 0o170_000 == 0o120_000 {
            let target = std::str::from_utf8(entry.bytes).unwrap();
            writer.add_symlink(entry.name, target, options).unwrap();
        } else {
            writer.start_file(entry.name, options).unwrap();
            writer.write_all(entry.bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// What is said of a ZIP, or nothing if it is right.
pub fn said_of_zip(bytes: &[u8]) -> Vec<String> {
    match archive::read_zip(bytes).and_then(|archive| manifest::read(&archive)) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}
