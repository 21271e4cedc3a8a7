//! What is no part of a package, though it lies in its folder.

/// Folders of version control, caches, environments and editors.
const FOLDERS: [&str; 18] = [
    "__MACOSX",
    "__pycache__",
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
    ".idea",
    ".vscode",
    ".tox",
    ".nox",
    ".hypothesis",
    ".eggs",
    ".bzr",
];
const FILES: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
const SUFFIXES: [&str; 5] = [".pyc", ".pyo", "~", ".swp", ".swo"];
const PREFIXES: [&str; 2] = [".#", "._"];

/// A file that marks its folder as a virtual environment.
pub const ENVIRONMENT_MARK: &str = "pyvenv.cfg";

pub fn is_folder(name: &str) -> bool {
    FOLDERS.contains(&name)
}

pub fn is_file(name: &str) -> bool {
    FILES.contains(&name)
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a file's or (ending in `/`) a folder's path is left out by its names alone.
pub fn is_path(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    folders.split('/').any(is_folder) || is_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out() {
        for junk in [
            "__MACOSX/._a.py",
            "a/__pycache__/b.pyc",
            ".git/config",
            "a/.DS_Store",
            "a.py~",
            ".#a.py",
            "a/b.swp",
            ".venv/lib/x.py",
            "__MACOSX/",
        ] {
            assert!(is_path(junk), "{junk}");
        }
        for kept in ["handler.py", "git/a.py", "venv/a.py", "data/.keep", "", "a/.git"] {
            assert!(!is_path(kept), "{kept}");
        }
    }
}
