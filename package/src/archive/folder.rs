//! A package read from a folder on disk.

use std::fs;
use std::io::Read;
use std::path::Path;

use model::Tree;
use walkdir::{DirEntry, WalkDir};

use super::{Gathered, MAX_PATH_PARTS, check_name, junk, problem, too_large};
use crate::problem::Problem;

pub fn read(root: &Path) -> Result<Tree, Problem> {
    let mut gathered = Gathered::default();
    let walk = WalkDir::new(root)
        .follow_links(false)
        .sort_by_file_name()
        .max_depth(MAX_PATH_PARTS + 1)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_left_out(entry));
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).display().to_string();
            problem(format!("`{path}` cannot be read: {error}"), "check its permissions")
        })?;
        if entry.depth() == 0 {
            continue;
        }
        let name = relative(root, entry.path())?;
        check_name(&name).map_err(|problem| problem.in_file(&name))?;
        let kind = entry.file_type();
        if kind.is_dir() {
            continue;
        }
        if kind.is_symlink() {
            return Err(problem(
                format!("`{name}` is a link"),
                "put the file itself there: a package holds no links",
            )
            .in_file(name));
        }
        if !kind.is_file() {
            return Err(problem(
                format!("`{name}` is a device, a pipe or a socket"),
                "remove it: a package holds files and folders only",
            )
            .in_file(name));
        }
        let bytes = content(&entry, gathered.room()).map_err(|error| {
            problem(format!("`{name}` cannot be read: {error}"), "check its permissions")
                .in_file(&name)
        })?;
        gathered.add(&name, bytes.ok_or_else(|| too_large().in_file(&name))?)?;
    }
    Ok(gathered.tree)
}

/// The file's bytes, or nothing if there are more than `room`.
fn content(entry: &DirEntry, room: u64) -> std::io::Result<Option<Vec<u8>>> {
    let file = fs::File::open(entry.path())?;
    let mut bytes = Vec::new();
    file.take(room + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= room).then_some(bytes))
}

fn is_left_out(entry: &DirEntry) -> bool {
    let Some(name) = entry.file_name().to_str() else {
        return false;
    };
    if entry.file_type().is_dir() {
        junk::is_folder(name) || entry.path().join(junk::ENVIRONMENT_MARK).is_file()
    } else {
        // A link may stand for a left-out folder: `.venv -> ~/envs/calc`.
        junk::is_file(name) || (entry.file_type().is_symlink() && junk::is_folder(name))
    }
}

fn relative(root: &Path, path: &Path) -> Result<String, Problem> {
    let parts: Option<Vec<&str>> = path
        .strip_prefix(root)
        .unwrap_or(path)
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    parts.map(|parts| parts.join("/")).ok_or_else(|| {
        problem(
            format!("the name of `{}` is not UTF-8", path.to_string_lossy()),
            "rename it with plain characters",
        )
    })
}
