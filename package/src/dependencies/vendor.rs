//! A lock's packages, laid out like `site-packages` for the sandbox.
//!
//! Wheels are installed by `uv` into a folder of their own, which runs none of their code;
//! what of it is native is left out, and remembered by the module that it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

use model::Tree;
use walkdir::WalkDir;

use super::requirements::normalised;
use super::target::{self, Target};
use super::vendored::{Distribution, Vendored};
use super::{DependencyError, Lock, PLATFORM, PYTHON_VERSION, Resolver, cache, lock, uv};
use crate::problem::{Problem, Step};

/// Largest content of all dependencies, native files left out.
pub const MAX_VENDORED_BYTES: u64 = 256 * 1024 * 1024;
/// Most files of all dependencies, native files left out.
pub const MAX_VENDORED_FILES: usize = 20_000;

const TARGET: &str = "site";
const NATIVE_SUFFIXES: [&str; 5] = [".so", ".pyd", ".dylib", ".dll", ".a"];

pub fn vendor(resolver: &Resolver, lock: &Lock) -> Result<Vendored, DependencyError> {
    if lock.is_empty() {
        return Ok(Vendored::default());
    }
    let requirements = lock.to_requirements();
    let key = cache::key("deps", &["2", &requirements, PYTHON_VERSION, PLATFORM]);
    let folder = resolver.cache.as_deref();
    if let Some(vendored) =
        cache::read(folder, &key).and_then(|entry| Vendored::from_bytes(entry.bytes, entry.start))
    {
        return Ok(vendored);
    }
    let vendored = install(resolver, lock, &requirements)?;
    if folder.is_some() {
        cache::write(folder, &key, &vendored.to_bytes());
    }
    Ok(vendored)
}

fn install(
    resolver: &Resolver,
    lock: &Lock,
    requirements: &str,
) -> Result<Vendored, DependencyError> {
    let folder = lock::scratch()?;
    let finished =
        target::install(resolver, folder.path(), requirements, TARGET, &Target::sandbox())?;
    if !finished.success {
        let text = uv::explanation(&finished.stderr);
        if uv::is_unreachable(&finished.stderr) {
            return Err(DependencyError::Unavailable(format!(
                "the package index cannot be reached: {text}"
            )));
        }
        return Err(Problem::new(
            Step::Dependencies,
            format!("the dependencies cannot be installed: {text}"),
        )
        .help(format!(
            "require versions with wheels for Python {PYTHON_VERSION}: nothing is built from source"
        ))
        .into());
    }
    read(&folder.path().join(TARGET), lock)
}

fn read(root: &Path, lock: &Lock) -> Result<Vendored, DependencyError> {
    let mut tree = Tree::new();
    let (mut files, mut room) = (0_usize, MAX_VENDORED_BYTES);
    let mut native = Vec::new();
    let mut records: HashMap<String, String> = HashMap::new();
    let too_large = |what: String| {
        Problem::new(Step::Dependencies, what).help("require less, or set `runtime.engine: docker`")
    };
    for entry in WalkDir::new(root).follow_links(false).sort_by_file_name() {
        let entry = entry.map_err(|error| lock::disk(error.into()))?;
        let parts: Option<Vec<&str>> = entry
            .path()
            .strip_prefix(root)
            .ok()
            .and_then(|path| path.components().map(|part| part.as_os_str().to_str()).collect());
        let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
            continue;
        };
        if !entry.file_type().is_file() || is_left_out(&parts) {
            continue;
        }
        let path = parts.join("/");
        if let Some(module) = native_module(&path) {
            native.extend(module.map(|module| (path.clone(), module)));
            continue;
        }
        files += 1;
        if files > MAX_VENDORED_FILES {
            return Err(too_large(format!(
                "the dependencies have more than {MAX_VENDORED_FILES} files"
            ))
            .into());
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(entry.path()).map_err(lock::disk)?;
        file.take(room + 1).read_to_end(&mut bytes).map_err(lock::disk)?;
        let Some(left) = room.checked_sub(bytes.len() as u64) else {
            let mib = MAX_VENDORED_BYTES / (1024 * 1024);
            return Err(too_large(format!("the dependencies are larger than {mib} MiB")).into());
        };
        room = left;
        if let [folder, "RECORD"] = parts.as_slice()
            && let Some(stem) = folder.strip_suffix(".dist-info")
        {
            records.insert(stem.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        tree.insert(&path, bytes).map_err(|error| {
            DependencyError::from(
                Problem::new(
                    Step::Dependencies,
                    format!("a dependency's file cannot be used: {error}"),
                )
                .help("require another version of it"),
            )
        })?;
    }
    let distributions = distributions(&tree, &records, &native, lock);
    Ok(Vendored { tree: tree.into(), distributions, unavailable: BTreeSet::new() })
}

fn is_left_out(parts: &[&str]) -> bool {
    let folders = &parts[..parts.len() - 1];
    parts[0] == ".lock"
        || (parts.len() > 1 && matches!(parts[0], "bin" | "Scripts"))
        || folders.iter().any(|folder| {
            *folder == "__pycache__" || folder.ends_with(".libs") || *folder == ".dylibs"
        })
}

/// Whether a file is native, and the module that it would be, if it would be one.
fn native_module(path: &str) -> Option<Option<String>> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_native =
        NATIVE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) || name.contains(".so.");
    if !is_native {
        return None;
    }
    let stem = name.split('.').next().unwrap_or(name);
    let is_module = (name.ends_with(".so") || name.ends_with(".pyd"))
        && !stem.is_empty()
        && !stem.starts_with("lib");
    let prefix =
        if folder.is_empty() { String::new() } else { format!("{}.", folder.replace('/', ".")) };
    Some(is_module.then(|| format!("{prefix}{stem}")))
}

fn distributions(
    tree: &Tree,
    records: &HashMap<String, String>,
    native: &[(String, String)],
    lock: &Lock,
) -> Vec<Distribution> {
    let mut found = BTreeMap::new();
    for (stem, record) in records {
        let (name, version) = stem.split_once('-').unwrap_or((stem, ""));
        let metadata = tree.file(&format!("{stem}.dist-info/METADATA"));
        let metadata =
            metadata.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let head = metadata.split("\n\n").next().unwrap_or_default();
        let written = head.lines().find_map(|line| line.strip_prefix("Name:")).map(str::trim);
        let paths: BTreeSet<&str> = record.lines().map(record_path).collect();
        let modules: BTreeSet<&str> = paths.iter().filter_map(|path| top_module(path)).collect();
        let native_modules = native
            .iter()
            .filter(|(path, _)| paths.contains(path.as_str()))
            .map(|(_, module)| module.clone());
        let normal = normalised(name);
        let version = lock.package(&normal).map_or(version, |package| package.version.as_str());
        found.insert(
            normal,
            Distribution {
                name: written.unwrap_or(name).to_owned(),
                version: version.to_owned(),
                modules: modules.into_iter().map(str::to_owned).collect(),
                native_modules: native_modules.collect(),
            },
        );
    }
    found.into_values().collect()
}

/// The path of a line of a wheel's RECORD.
fn record_path(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None => line.split(',').next().unwrap_or(line),
    }
}

fn top_module(path: &str) -> Option<&str> {
    match path.split_once('/') {
        Some((folder, rest)) => {
            let is_code = rest.ends_with(".py") || native_module(rest).flatten().is_some();
            let is_name = !folder.contains(['.', '-'])
                && !matches!(folder, "bin" | "share" | "Scripts" | "__pycache__");
            (is_code && is_name).then_some(folder)
        }
        None if path.ends_with(".py") => path.strip_suffix(".py"),
        None => native_module(path).flatten().and_then(|_| path.split('.').next()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_files() {
        for (path, module) in [
            ("yaml/_yaml.cpython-314-x86_64-linux-gnu.so", Some("yaml._yaml")),
            ("_cffi_backend.abi3.so", Some("_cffi_backend")),
            ("a/b.pyd", Some("a.b")),
            ("a/libx.so", None),
            ("a/libx.so.3", None),
        ] {
            assert_eq!(native_module(path), Some(module.map(str::to_owned)), "{path}");
        }
        assert_eq!(native_module("a/so.py"), None);
        assert!(
            is_left_out(&["numpy.libs", "libx.py"])
                && is_left_out(&["bin", "x"])
                && !is_left_out(&["bin.py"])
        );
    }
}
