//! Dependencies as the sandbox gets them, what is known of each, and their form in the
//! cache.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Tree;
use model::files::FileBytes;
use serde::{Deserialize, Serialize};

use super::cache;

/// One installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// As its author writes it: `PyYAML`.
    pub name: String,
    pub version: String,
    /// Top-level names to import.
    pub modules: Vec<String>,
    /// Dotted names of the native modules that were left out.
    pub native_modules: Vec<String>,
}

/// Dependencies for the sandbox.
#[derive(Clone, Debug, Default)]
pub struct Vendored {
    pub tree: Arc<Tree>,
    pub distributions: Vec<Distribution>,
    /// Top-level modules that were taken out, because they do not import without their
    /// native files.
    pub unavailable: BTreeSet<String>,
}

impl Vendored {
    /// Names of all native modules that were left out.
    pub fn native_modules(&self) -> impl Iterator<Item = &str> {
        self.distributions.iter().flat_map(|one| &one.native_modules).map(String::as_str)
    }

    /// The distribution for want of whose native files a module is missing; nothing if its
    /// absence has another cause.
    pub fn native_distribution_of(&self, module: &str) -> Option<&str> {
        let top = module.split('.').next().unwrap_or(module);
        let is_gone = self.unavailable.contains(top);
        let within = |native: &str, outer: &str| {
            native.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = self.distributions.iter().find(|one| {
            one.native_modules.iter().any(|native| within(native, module))
                || (is_gone && one.modules.iter().any(|name| name == top))
        });
        found.map(|one| one.name.as_str())
    }

    /// The distribution that a module belongs to.
    pub fn distribution_of(&self, module: &str) -> Option<&Distribution> {
        let top = module.split('.').next().unwrap_or(module);
        self.distributions.iter().find(|one| one.modules.iter().any(|name| name == top))
    }

    /// Top-level modules of distributions with native files: they may not import.
    pub fn doubtful_modules(&self) -> Vec<String> {
        let native = self.distributions.iter().filter(|one| !one.native_modules.is_empty());
        let modules: BTreeSet<&String> = native.flat_map(|one| &one.modules).collect();
        let is_there = |name: &str| {
            self.tree.entry(name).is_some() || self.tree.entry(&format!("{name}.py")).is_some()
        };
        modules.into_iter().filter(|name| is_there(name)).cloned().collect()
    }

    /// Takes top-level modules out, so that importing one fails plainly.
    pub fn take_out(&mut self, modules: &BTreeSet<String>) {
        let mut tree = Tree::new();
        for (path, bytes) in self.tree.files() {
            let top = path.split('/').next().unwrap_or(&path);
            if !modules.contains(top.strip_suffix(".py").unwrap_or(top)) {
                tree.insert(&path, bytes.clone()).expect("the paths of a tree form a tree");
            }
        }
        self.tree = tree.into();
        self.unavailable.extend(modules.iter().cloned());
    }
}

/// What a cache entry says before the files' bytes.
#[derive(Serialize, Deserialize)]
struct Index {
    distributions: Vec<Distribution>,
    /// Paths and lengths, in the order of the bytes.
    files: Vec<(String, usize)>,
}

pub fn packed(vendored: &Vendored) -> Vec<u8> {
    let files = vendored.tree.files();
    let index = Index {
        distributions: vendored.distributions.clone(),
        files: files.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect(),
    };
    let index = serde_json::to_vec(&index).unwrap_or_default();
    let mut packed = (index.len() as u64).to_le_bytes().to_vec();
    packed.extend(index);
    for (_, bytes) in files {
        packed.extend_from_slice(bytes);
    }
    packed
}

/// The files share the entry's one buffer.
pub fn unpacked(entry: cache::Entry) -> Option<Vendored> {
    let (length, rest) = entry.content().split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let index: Index = serde_json::from_slice(rest.get(..length)?).ok()?;
    let mut at = entry.start + 8 + length;
    let buffer: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(entry.bytes);
    let whole = (*buffer).as_ref().len();
    let mut tree = Tree::new();
    for (path, length) in index.files {
        let end = at.checked_add(length).filter(|end| *end <= whole)?;
        tree.insert(&path, FileBytes::slice(buffer.clone(), at, end)).ok()?;
        at = end;
    }
    Some(Vendored {
        tree: tree.into(),
        distributions: index.distributions,
        unavailable: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendored() -> Vendored {
        let mut tree = Tree::new();
        for path in ["numpy/__init__.py", "yaml/__init__.py", "six.py"] {
            tree.insert(path, "x").unwrap();
        }
        let distribution = |name: &str, modules: &[&str], native: &[&str]| Distribution {
            name: name.to_owned(),
            version: "1".to_owned(),
            modules: modules.iter().map(|name| (*name).to_owned()).collect(),
            native_modules: native.iter().map(|name| (*name).to_owned()).collect(),
        };
        let distributions = vec![
            distribution("numpy", &["numpy"], &["numpy._core._multiarray_umath"]),
            distribution("PyYAML", &["_yaml", "yaml"], &["yaml._yaml"]),
            distribution("six", &["six"], &[]),
        ];
        Vendored { tree: tree.into(), distributions, unavailable: BTreeSet::new() }
    }

    #[test]
    fn missing_modules_are_told_apart() {
        let mut deps = vendored();
        assert_eq!(deps.native_distribution_of("yaml._yaml"), Some("PyYAML"));
        assert_eq!(deps.native_distribution_of("yaml.nope"), None);
        assert_eq!(deps.native_distribution_of("six"), None);
        assert_eq!(deps.native_distribution_of("numpy.linalg"), None);
        assert_eq!(deps.doubtful_modules(), ["numpy", "yaml"]);
        deps.take_out(&BTreeSet::from(["numpy".to_owned()]));
        assert!(deps.tree.entry("numpy").is_none() && deps.tree.entry("six.py").is_some());
        for module in ["numpy", "numpy.linalg", "numpy._core"] {
            assert_eq!(deps.native_distribution_of(module), Some("numpy"), "{module}");
        }
    }

    #[test]
    fn entries_unpack_to_what_was_packed() {
        let deps = vendored();
        let bytes = packed(&deps);
        let again = unpacked(cache::Entry { bytes: bytes.clone(), start: 0 }).unwrap();
        assert_eq!((again.tree, again.distributions), (deps.tree, deps.distributions));
        for cut in 0..bytes.len() {
            assert!(
                unpacked(cache::Entry { bytes: bytes[..cut].to_vec(), start: 0 }).is_none(),
                "{cut}"
            );
        }
    }
}
