//! A package's files, read from where a stranger put them: a folder, a ZIP or a `.py` file.
//!
//! Owns the limits and the rules for names, and what is left out. What the files mean is
//! none of its business.

mod folder;
mod junk;
mod zipped;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use model::Tree;
use unicode_normalization::UnicodeNormalization;

use crate::problem::{PackageError, Problem, Step};

const MIB: u64 = 1024 * 1024;

/// Most files of a package, those that are left out not counted.
pub const MAX_FILES: usize = 2_000;
/// Largest ZIP.
pub const MAX_PACKED_BYTES: u64 = 64 * MIB;
/// Largest content, counted while it is decompressed.
pub const MAX_UNPACKED_BYTES: u64 = 256 * MIB;
/// Content over ZIP size.
pub const MAX_RATIO: u64 = 200;
/// Deepest folder nesting, the file's own name included.
pub const MAX_PATH_PARTS: usize = 32;
/// Longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 512;
/// Most entries of a ZIP, those that are left out included.
pub const MAX_ENTRIES: usize = 20_000;

/// The name that a bare script gets in its tree.
pub const SCRIPT_FILE: &str = "handler.py";

/// A package as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    pub tree: Arc<Tree>,
    /// The file name of a bare `.py` file, which the tree holds as `handler.py`.
    pub script: Option<String>,
}

/// Reads whatever is at `path`.
pub fn read(path: &Path) -> Result<Archive, PackageError> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => problem(
            format!("there is no file or folder `{shown}`"),
            "give the path of a package: a folder, a .zip or a .py file",
        ),
        _ => problem(format!("`{shown}` cannot be read: {error}"), "check its permissions"),
    })?;
    if metadata.is_dir() {
        return read_folder(path);
    }
    if !metadata.is_file() {
        return Err(problem(
            format!("`{shown}` is neither a file nor a folder"),
            "give the path of a package: a folder, a .zip or a .py file",
        )
        .into());
    }
    let unreadable = |error: std::io::Error| {
        problem(format!("`{shown}` cannot be read: {error}"), "check its permissions")
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PACKED_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    read_bytes(&name, &bytes)
}

/// Reads an uploaded file by what it is: a ZIP, or a script if `name` ends in `.py`.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Archive, PackageError> {
    if name.to_ascii_lowercase().ends_with(".py") {
        read_script(name, bytes)
    } else if name.to_ascii_lowercase().ends_with(".zip") || bytes.starts_with(b"PK") {
        read_zip(bytes)
    } else {
        Err(problem(
            format!("`{name}` is not a package"),
            "a package is a folder, a .zip of it, or a .py file with a `calculate` function",
        )
        .into())
    }
}

/// Reads a folder, links refused.
pub fn read_folder(path: &Path) -> Result<Archive, PackageError> {
    Ok(Archive { tree: folder::read(path)?.into(), script: None })
}

/// Reads a ZIP; one that holds a single folder is read as that folder.
pub fn read_zip(bytes: &[u8]) -> Result<Archive, PackageError> {
    Ok(Archive { tree: zipped::read(bytes)?.into(), script: None })
}

/// Writes a package's files as a ZIP.
pub fn write_zip(tree: &Tree) -> std::io::Result<Vec<u8>> {
    zipped::write(tree)
}

/// Reads a bare script with a `calculate` function.
pub fn read_script(name: &str, bytes: &[u8]) -> Result<Archive, PackageError> {
    if bytes.len() as u64 > MAX_PACKED_BYTES {
        return Err(too_large_packed().into());
    }
    let mut tree = Tree::new();
    tree.insert(SCRIPT_FILE, bytes.to_vec()).expect("a valid path in an empty tree");
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    Ok(Archive { tree: tree.into(), script: Some(name.to_owned()) })
}

fn problem(message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem::new(Step::Archive, message).help(help)
}

fn too_large_packed() -> Problem {
    problem(
        format!("the package is larger than {} MiB", MAX_PACKED_BYTES / MIB),
        "leave large data out, and pass it as input files",
    )
}

/// Gathers files, and refuses what breaks a limit or could land on another file.
#[derive(Default)]
struct Gathered {
    tree: Tree,
    files: usize,
    bytes: u64,
    /// The path, or folder on a path, that each folded path was first seen as.
    folded: HashMap<String, String>,
}

impl Gathered {
    /// Bytes that may still be added.
    fn room(&self) -> u64 {
        MAX_UNPACKED_BYTES - self.bytes
    }

    /// Adds a file whose name `check_name` let pass.
    fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), Problem> {
        let path: String = path.nfc().collect();
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(problem(
                format!("the package has more than {MAX_FILES} files"),
                "leave out what the calculation does not need",
            ));
        }
        if bytes.len() as u64 > self.room() {
            return Err(too_large());
        }
        self.bytes += bytes.len() as u64;
        self.check_collision(&path)?;
        self.tree.insert(&path, bytes).map_err(|error| problem(error.to_string(), "rename it"))
    }

    /// On some systems `A.py` and `a.py` are one file: which one would run?
    fn check_collision(&mut self, path: &str) -> Result<(), Problem> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let part = &path[..end];
            let folded: String = part.chars().flat_map(char::to_lowercase).nfkc().collect();
            match self.folded.get(&folded) {
                Some(seen) if seen != part => {
                    return Err(problem(
                        format!("`{seen}` and `{part}` differ only in case or in how accents are written"),
                        "rename one: on some systems they are the same file",
                    )
                    .in_file(path));
                }
                Some(_) if end == path.len() => {
                    return Err(problem(format!("`{path}` is there twice"), "keep one of them")
                        .in_file(path));
                }
                Some(_) => {}
                None => {
                    self.folded.insert(folded, part.to_owned());
                }
            }
        }
        Ok(())
    }
}

fn too_large() -> Problem {
    problem(
        format!("the package's files are larger than {} MiB", MAX_UNPACKED_BYTES / MIB),
        "leave large data out, and pass it as input files",
    )
}

/// Refuses names that lead out of the package or mean different files to different systems.
fn check_name(name: &str) -> Result<(), Problem> {
    let wrong = |why: &str, help: &str| Err(problem(format!("`{}` {why}", shown(name)), help));
    if name.is_empty() {
        return wrong("is an empty file name", "give the file a name");
    }
    if name.contains('\\') {
        return wrong("has a backslash in its name", "separate folders with `/`");
    }
    if name.chars().any(char::is_control) {
        return wrong("has a control character in its name", "rename it");
    }
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || drive {
        return wrong("is an absolute path", "pack with paths relative to the package's folder");
    }
    let parts = || name.strip_suffix('/').unwrap_or(name).split('/');
    if parts().any(|part| part == "..") {
        return wrong("leads out of the package", "pack without `..` in paths");
    }
    if parts().any(|part| part.is_empty() || part == ".") {
        return wrong("has an empty or `.` part in its path", "pack with plain relative paths");
    }
    if parts().count() > MAX_PATH_PARTS {
        let why = format!("is nested deeper than {MAX_PATH_PARTS} folders");
        return wrong(&why, "use fewer folders");
    }
    if name.len() > MAX_PATH_BYTES {
        let why = format!("is a path of more than {MAX_PATH_BYTES} bytes");
        return wrong(&why, "use shorter names");
    }
    Ok(())
}

/// A stranger's file name, short and without control characters.
fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(100).flat_map(char::escape_debug).collect();
    if name.chars().nth(100).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["handler.py", "data/a b.json", "été.py", "a/b/c/", "..a", "a..b"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let deep = "a/".repeat(MAX_PATH_PARTS) + "a";
        let long = "a".repeat(MAX_PATH_BYTES + 1);
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "../a",
            "a/..",
            "C:/a",
            "c:a",
            "a\\b",
            "a\0b",
            "a\nb",
            "./a",
            "a//b",
            "a/./b",
            "/",
            "//",
            &deep,
            &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn scripts_become_handlers() {
        let archive = read_bytes("Poutre Été.py", b"def calculate(inputs): ...").unwrap();
        assert_eq!(archive.script.as_deref(), Some("Poutre Été.py"));
        assert!(archive.tree.file("handler.py").is_some());
        assert!(read_bytes("notes.txt", b"hello").is_err());
    }

    #[test]
    fn paths_that_are_one_file_elsewhere_are_refused() {
        for (a, b) in [("a.py", "A.py"), ("Data/x", "data/y"), ("ß/x", "ß/x"), ("ﬁ.py", "fi.py")]
        {
            let mut gathered = Gathered::default();
            gathered.add(a, Vec::new()).unwrap();
            assert!(gathered.add(b, Vec::new()).is_err(), "{a} {b}");
        }
        // The same name, composed and decomposed, is one name.
        let mut gathered = Gathered::default();
        gathered.add("e\u{301}.py", Vec::new()).unwrap();
        assert!(gathered.add("\u{e9}.py", Vec::new()).is_err());
        assert!(gathered.tree.file("\u{e9}.py").is_some());
    }
}
