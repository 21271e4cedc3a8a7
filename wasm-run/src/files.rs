//! A call's files in a folder of this machine: only what the inputs name is read, and
//! nothing is written outside of the folder that the command line gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use model::executor::FileSink;
use model::{CallFiles, FileError, Violation};
use serde_json::Value;
use tempfile::NamedTempFile;

/// The files of one call.
#[derive(Debug)]
pub struct FolderFiles {
    /// Where the named inputs are.
    inputs: PathBuf,
    /// Keys that may be opened.
    named: BTreeSet<String>,
    /// Where outputs go, or why they cannot go anywhere.
    outputs: Result<PathBuf, String>,
}

impl FolderFiles {
    /// `folder` is what `--files` gives; `keys` the keys that the inputs name, with their
    /// places. Names each input whose file is not there.
    pub fn new(
        folder: Option<&Path>,
        keys: &BTreeMap<String, String>,
        package: &Path,
    ) -> Result<Self, Vec<Violation>> {
        let inputs = folder.unwrap_or(Path::new(".")).to_owned();
        let missing: Vec<Violation> = keys
            .iter()
            .filter_map(|(key, pointer)| {
                let message = problem_with(&inputs, key)?;
                let value = Value::String(key.clone());
                Some(Violation {
                    pointer: pointer.clone(),
                    rule: "file".to_owned(),
                    message,
                    value,
                })
            })
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let named = keys.keys().cloned().collect();
        Ok(Self { inputs, named, outputs: place_of_outputs(folder, package) })
    }
}

fn place_of_outputs(folder: Option<&Path>, package: &Path) -> Result<PathBuf, String> {
    let folder =
        folder.ok_or("there is no folder for output files: give one with `--files DIR`")?;
    let shown = folder.display();
    let folder = folder
        .canonicalize()
        .map_err(|error| format!("the folder `{shown}` cannot be used: {error}"))?;
    match package.canonicalize() {
        Ok(package) if package.is_dir() && folder.starts_with(&package) => Err(format!(
            "`{shown}` lies within the package, and its outputs would become a part of it: give another folder \
             with `--files DIR`"
        )),
        _ => Ok(folder),
    }
}

fn problem_with(folder: &Path, key: &str) -> Option<String> {
    if !is_key(key) {
        return Some(FileError::InvalidKey(key.to_owned()).to_string());
    }
    let shown = folder.display();
    match fs::metadata(folder.join(key)) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(_) => Some(format!("`{key}` in the folder `{shown}` is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "there is no file `{key}` in the folder `{shown}`; `--files DIR` names another"
        )),
        Err(error) => Some(format!("`{key}` in the folder `{shown}` cannot be read: {error}")),
    }
}

fn is_key(key: &str) -> bool {
    let bad_part = |part: &str| matches!(part, "" | "." | "..");
    !key.contains(['\\', '\0', ':']) && !key.split('/').any(bad_part)
}

impl CallFiles for FolderFiles {
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError> {
        if !is_key(key) {
            return Err(FileError::InvalidKey(key.to_owned()));
        }
        if !self.named.contains(key) {
            return Err(FileError::NotFound(key.to_owned()));
        }
        let file = File::open(self.inputs.join(key)).map_err(|error| unavailable(key, &error))?;
        Ok(Box::new(file))
    }

    fn create(&self, key: &str) -> Result<Box<dyn FileSink>, FileError> {
        if !is_key(key) {
            return Err(FileError::InvalidKey(key.to_owned()));
        }
        let root = self.outputs.as_ref().map_err(|why| FileError::Unavailable(why.clone()))?;
        if key.split('/').any(|part| part.starts_with('.')) {
            return Err(FileError::Unavailable(format!(
                "`{key}`: output files are not hidden ones"
            )));
        }
        if self.named.contains(key) {
            return Err(FileError::Unavailable(format!(
                "`{key}` is an input of this call: it is not replaced"
            )));
        }
        let sink = Sink::new(root, key).map_err(|error| unavailable(key, &error))?;
        Ok(Box::new(sink))
    }
}

fn unavailable(key: &str, error: &io::Error) -> FileError {
    FileError::Unavailable(format!("`{key}`: {error}"))
}

/// An output that appears under its name when it is whole.
struct Sink {
    file: NamedTempFile,
    path: PathBuf,
}

impl Sink {
    fn new(root: &Path, key: &str) -> io::Result<Self> {
        let mut folder = root.to_owned();
        let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            folder.push(part);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            // A link could lead anywhere.
            if !fs::symlink_metadata(&folder)?.is_dir() {
                return Err(io::Error::other(format!("`{}` is not a folder", folder.display())));
            }
        }
        let path = folder.join(name);
        if path.is_dir() {
            return Err(io::Error::other("there is a folder of that name"));
        }
        let file = tempfile::Builder::new().prefix(".wasm-run-").tempfile_in(&folder)?;
        Ok(Self { file, path })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl FileSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), FileError> {
        let Self { file, path } = *self;
        let shown = path.display().to_string();
        // A temporary file is its owner's alone; an output has the usual permissions.
        let kept = file.persist(&path).map_err(|error| unavailable(&shown, &error.error))?;
        usual_permissions(&kept).map_err(|error| unavailable(&shown, &error))
    }
}

#[cfg(unix)]
fn usual_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn usual_permissions(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), format!("/{name}"))).collect()
    }

    fn files(folder: &Path, names: &[&str]) -> Result<FolderFiles, Vec<Violation>> {
        FolderFiles::new(Some(folder), &keys(names), Path::new("no package"))
    }

    #[test]
    fn only_named_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "1,2").unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        let files = files(folder.path(), &["a.csv"]).unwrap();
        let mut text = String::new();
        files.open("a.csv").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "1,2");
        assert!(matches!(files.open("secret"), Err(FileError::NotFound(_))));
        for bad in ["", "/etc/passwd", "../a.csv", "x/../a.csv", "a\\b", "./a.csv"] {
            assert!(matches!(files.open(bad), Err(FileError::InvalidKey(_))), "{bad}");
        }
    }

    #[test]
    fn absent_files_are_violations() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let found = files(folder.path(), &["nothing", "folder", "../up"]).unwrap_err();
        let said: Vec<_> =
            found.iter().map(|one| (one.pointer.as_str(), one.rule.as_str())).collect();
        assert_eq!(said, [("/../up", "file"), ("/folder", "file"), ("/nothing", "file")]);
    }

    #[test]
    fn outputs_appear_when_finished_and_within_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in"), "").unwrap();
        let files = files(folder.path(), &["in"]).unwrap();
        let path = folder.path().join("out/b.txt");
        let mut sink = files.create("out/b.txt").unwrap();
        sink.write_all(b"text").unwrap();
        assert!(!path.exists());
        sink.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"text");
        drop(files.create("out/dropped.txt").unwrap());
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
        for bad in ["../x", "/x", "", ".bashrc", "a/.hidden/b", "in", "out", "in/x"] {
            assert!(files.create(bad).is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        let target = elsewhere.path().join("target");
        fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("file")).unwrap();
        let files = files(folder.path(), &[]).unwrap();
        assert!(files.create("link/x").is_err());
        files.create("file").unwrap().finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"before");
    }

    #[test]
    fn outputs_need_a_folder_outside_of_the_package() {
        let package = tempfile::tempdir().unwrap();
        let none = FolderFiles::new(None, &keys(&[]), package.path()).unwrap();
        let error = none.create("a").err().unwrap().to_string();
        assert!(error.contains("--files DIR"), "{error}");
        let inside = FolderFiles::new(Some(package.path()), &keys(&[]), package.path()).unwrap();
        assert!(inside.create("a").err().unwrap().to_string().contains("within the package"));
    }
}
