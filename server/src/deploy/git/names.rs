//! Checking a reference and a subfolder before git or the file system sees them.

use std::path::{Component, Path, PathBuf};

use super::error::GitError;

/// Most bytes of a reference: longer than any file system lets git store.
const MAX_REFERENCE_BYTES: usize = 255;
/// Most bytes of a subfolder's path.
const MAX_SUBFOLDER_BYTES: usize = 1_024;

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// A branch, a tag, or anything else that the server names; `HEAD` by default.
    Name(String),
    /// 40 hexadecimal digits in lower case.
    Commit(String),
}

impl Reference {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Name(text) | Self::Commit(text) => text,
        }
    }
}

/// Reads a reference by the rules of `git check-ref-format`, so that it can be neither an
/// option nor a refspec with two sides, a pattern, or an expression over history.
pub(super) fn reference(given: Option<&str>) -> Result<Reference, GitError> {
    let Some(text) = given else {
        return Ok(Reference::Name("HEAD".to_owned()));
    };
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Reference::Commit(text.to_ascii_lowercase()));
    }
    let refuse = |why: &str| {
        let shown: String = text.chars().take(80).collect();
        Err(GitError::Invalid(format!(
            "the reference {shown:?} {why}: name a branch, a tag or a full commit id"
        )))
    };
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > MAX_REFERENCE_BYTES {
        return refuse("is too long");
    }
    if text.starts_with(['-', '+']) {
        return refuse("begins with a sign that git reads as an instruction");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c)) {
        return refuse("has a character that no branch or tag may have");
    }
    let is_bad_part =
        |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if text == "@"
        || text.contains("..")
        || text.contains("@{")
        || text.ends_with('.')
        || text.split('/').any(is_bad_part)
    {
        return refuse("is not a name that git takes");
    }
    Ok(Reference::Name(text.to_owned()))
}

/// Reads a subfolder as a path below the checkout; empty for the whole of it.
pub(super) fn subfolder(given: Option<&str>) -> Result<PathBuf, GitError> {
    let text = given.unwrap_or_default();
    let refuse = |why: &str| {
        let shown: String = text.chars().take(80).collect();
        Err(GitError::Invalid(format!(
            "the subfolder {shown:?} {why}: write a path from the top of the repository, as in `functions/fea`"
        )))
    };
    if text.len() > MAX_SUBFOLDER_BYTES {
        return refuse("is too long");
    }
    if text.starts_with('-') || text.chars().any(char::is_control) {
        return refuse("has a character that it may not have");
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return refuse("is git's own");
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return refuse("leads out of itself with `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("is absolute"),
        }
    }
    Ok(path)
}

/// The subfolder within a checkout: there, a folder, and not reached over a link.
pub(super) fn locate(checkout: &Path, subfolder: &Path) -> Result<PathBuf, GitError> {
    let mut folder = checkout.to_path_buf();
    for name in subfolder {
        folder.push(name);
        // Not followed: a link, had one come to be, is not a folder here.
        let is_folder = folder.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if !is_folder {
            return Err(GitError::Invalid(format!(
                "the commit has no folder {:?}: name one that is in the repository and is not a link",
                subfolder.display().to_string()
            )));
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_that_git_takes() {
        for name in ["main", "v1.0", "feature/x-1", "refs/heads/main", "HEAD", "été", "abc1234"] {
            assert_eq!(reference(Some(name)).unwrap(), Reference::Name(name.to_owned()));
        }
        assert_eq!(reference(None).unwrap().as_str(), "HEAD");
        let id = "A".repeat(40);
        assert_eq!(reference(Some(&id)).unwrap(), Reference::Commit("a".repeat(40)));
    }

    #[test]
    fn references_that_are_instructions_are_refused() {
        let long = "a".repeat(256);
        for name in [
            "",
            "-x",
            "--upload-pack=touch /tmp/x",
            "+main",
            "main:refs/heads/x",
            "^main",
            "a..b",
            "a b",
            "a\nb",
            "a\0b",
            "refs/heads/*",
            "main~1",
            "main@{1}",
            "@",
            "/main",
            "main/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "a\\b",
            &long,
        ] {
            assert!(matches!(reference(Some(name)), Err(GitError::Invalid(_))), "{name:?}");
        }
    }

    #[test]
    fn subfolders_stay_inside() {
        assert_eq!(subfolder(None).unwrap(), Path::new(""));
        assert_eq!(subfolder(Some("./a//b/.")).unwrap(), Path::new("a/b"));
        for path in ["..", "a/../b", "/etc", "-a", "a\0b", "a\nb", ".git", "a/.GIT/hooks"] {
            assert!(matches!(subfolder(Some(path)), Err(GitError::Invalid(_))), "{path:?}");
        }
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("real/inner")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(locate(folder.path(), Path::new("real/inner")).is_ok());
        for path in ["link", "link/inner", "file", "none"] {
            assert!(matches!(locate(folder.path(), Path::new(path)), Err(GitError::Invalid(_))));
        }
    }
}
