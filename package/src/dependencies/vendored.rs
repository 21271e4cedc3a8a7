//! Dependencies as the sandbox gets them, what is known of each, and their form in the
//! cache.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Tree;
use serde::{Deserialize, Serialize};

use crate::packed;

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

/// What stands before the files.
#[derive(Serialize, Deserialize)]
struct Header {
    distributions: Vec<Distribution>,
    unavailable: BTreeSet<String>,
}

impl Vendored {
    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            distributions: self.distributions.clone(),
            unavailable: self.unavailable.clone(),
        };
        packed::pack(&header, &self.tree)
    }

    /// What was kept, from `start` on; nothing if it is not whole.
    pub fn from_bytes(bytes: Vec<u8>, start: usize) -> Option<Self> {
        let (Header { distributions, unavailable }, tree) = packed::unpack(bytes, start)?;
        Some(Self { tree: tree.into(), distributions, unavailable })
    }
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
    fn what_was_kept_comes_back() {
        let mut deps = vendored();
        deps.take_out(&BTreeSet::from(["numpy".to_owned()]));
        let again = Vendored::from_bytes(deps.to_bytes(), 0).unwrap();
        assert_eq!((again.tree, again.distributions), (deps.tree, deps.distributions));
        assert_eq!(again.unavailable, deps.unavailable);
    }
}
