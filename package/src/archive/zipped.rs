//! A package read from a ZIP that anyone may have made.
//!
//! Headers are believed in nothing: sizes are counted while decompressing, and an archive
//! whose two sets of headers disagree is refused, because what one reader checks another
//! would not unpack.

use std::collections::HashSet;
use std::io::{Cursor, Read};

use model::Tree;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::{
    Gathered, MAX_ENTRIES, MAX_PACKED_BYTES, MAX_RATIO, check_name, junk, problem, shown,
    too_large, too_large_packed,
};
use crate::problem::Problem;

const REPACK: &str = "pack the folder again with an ordinary ZIP tool";

/// One entry worth reading.
struct Entry {
    index: usize,
    name: String,
    /// Its size, as the archive says.
    declared: u64,
}

/// Writes a tree as a ZIP: the same tree, the same bytes.
pub fn write(tree: &Tree) -> std::io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in tree.files() {
        archive.start_file(path, options)?;
        std::io::Write::write_all(&mut archive, bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

pub fn read(bytes: &[u8]) -> Result<Tree, Problem> {
    if bytes.len() as u64 > MAX_PACKED_BYTES {
        return Err(too_large_packed());
    }
    // Before the archive is opened, because opening it holds all entries in memory.
    if count_entries(bytes) > MAX_ENTRIES {
        return Err(problem(
            format!("the ZIP has more than {MAX_ENTRIES} entries"),
            "leave out what the calculation does not need",
        ));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.has_duplicate_names() {
        return Err(problem("two entries of the ZIP have the same name", REPACK));
    }
    let entries = entries(&archive)?;
    archive.validate_header_consistency().map_err(damaged)?;
    let root = single_folder(&entries);

    let mut gathered = Gathered::default();
    let ratio_limit = (bytes.len() as u64).saturating_mul(MAX_RATIO);
    // What says itself that it is too large is not unpacked; what lies is counted below.
    let mut declared = 0_u64;
    for entry in &entries {
        declared = declared.saturating_add(entry.declared);
        if declared > gathered.room() {
            return Err(too_large().in_file(&entry.name));
        }
        if declared > ratio_limit {
            return Err(too_dense().in_file(&entry.name));
        }
    }
    for entry in &entries {
        let limit = gathered.room().min(ratio_limit.saturating_sub(gathered.bytes));
        let mut content = Vec::new();
        archive
            .by_index(entry.index)
            .map_err(damaged)?
            .take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|error| {
            problem(format!("`{}` is damaged: {error}", shown(&entry.name)), REPACK)
                .in_file(&entry.name)
        })?;
        if content.len() as u64 > limit {
            return Err(if limit == gathered.room() { too_large() } else { too_dense() }
                .in_file(&entry.name));
        }
        let name = entry.name.strip_prefix(&root).unwrap_or(&entry.name);
        gathered.add(name, content)?;
    }
    Ok(gathered.tree)
}

fn too_dense() -> Problem {
    problem(
        format!("the ZIP unpacks to more than {MAX_RATIO} times its size"),
        "leave out what is mostly repetition, or compute it in the handler",
    )
}

/// The files to read, from the central directory alone.
fn entries(archive: &ZipArchive<Cursor<&[u8]>>) -> Result<Vec<Entry>, Problem> {
    let mut entries = Vec::new();
    let mut environments = HashSet::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(damaged)?;
        let name = std::str::from_utf8(entry.name_raw()).map_err(|_| {
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            problem(
                format!("the name of `{}` is not UTF-8", shown(&name)),
                "rename it with plain characters",
            )
        })?;
        check_name(name)?;
        if junk::is_path(name) {
            continue;
        }
        if let Some(folder) = name.strip_suffix(junk::ENVIRONMENT_MARK)
            && folder.ends_with('/')
        {
            environments.insert(folder.to_owned());
        }
        let refuse = |why: &str, help: &str| {
            Err(problem(format!("`{}` {why}", shown(name)), help).in_file(name))
        };
        match entry.unix_mode().unwrap_or(0) & 0o170_000 {
            0 | 0o040_000 | 0o100_000 => {}
            0o120_000 => {
                return refuse("is a link", "put the file itself there: a package holds no links");
            }
            _ => {
                return refuse(
                    "is a device, a pipe or a socket",
                    "remove it: a package holds files and folders only",
                );
            }
        }
        if entry.encrypted() {
            return refuse("is encrypted", "pack without a password");
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return refuse(
                "is compressed in an unusual way",
                "pack with `deflate`, as most tools do",
            );
        }
        if !name.ends_with('/') {
            entries.push(Entry { index, name: name.to_owned(), declared: entry.size() });
        }
    }
    entries
        .retain(|entry| !environments.iter().any(|folder| entry.name.starts_with(folder.as_str())));
    Ok(entries)
}

/// The folder that holds everything, with its slash; else nothing.
fn single_folder(entries: &[Entry]) -> String {
    let Some((first, _)) = entries.first().and_then(|entry| entry.name.split_once('/')) else {
        return String::new();
    };
    let folder = format!("{first}/");
    if entries.iter().all(|entry| entry.name.starts_with(&folder)) { folder } else { String::new() }
}

/// At least as many entries as the central directory has.
fn count_entries(bytes: &[u8]) -> usize {
    bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count()
}

fn damaged(error: ZipError) -> Problem {
    problem(format!("the ZIP cannot be read: {error}"), REPACK)
}
