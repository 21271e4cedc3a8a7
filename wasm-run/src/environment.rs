//! Every environment variable that is read, and the folders that follow from them.
//!
//! `NO_COLOR`, `CLICOLOR` and `TERM` are read by `anstream`, for colour alone.

use std::ffi::OsString;
use std::path::PathBuf;

/// A variable, and what it is for.
pub struct Variable {
    pub name: &'static str,
    pub meaning: &'static str,
}

const CACHE_DIR: &str = "MECAPY_CACHE_DIR";
const UV: &str = "MECAPY_UV";
const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
const HOME: &str = "HOME";

const DOCKER_USE: &str = "MECAPY_DOCKER_USE";
const DOCKER_HOST: &str = "MECAPY_DOCKER_HOST";
const DOCKER_PYTHON_BASE: &str = "MECAPY_DOCKER_PYTHON_BASE";
const DOCKER_SCIENTIFIC_BASE: &str = "MECAPY_DOCKER_SCIENTIFIC_BASE";
const DOCKER_CFD_BASE: &str = "MECAPY_DOCKER_CFD_BASE";
const DOCKER_VERSIONS: &str = "MECAPY_DOCKER_VERSIONS";

pub const VARIABLES: [Variable; 11] = [
    Variable {
        name: CACHE_DIR,
        meaning: "the cache folder, where `--cache-dir` does not name one",
    },
    Variable {
        name: XDG_CACHE_HOME,
        meaning: "the user's cache folder, if absolute; `mecapy` in it is the default",
    },
    Variable {
        name: HOME,
        meaning: "`.cache/mecapy` in it is the cache folder where nothing else names one",
    },
    Variable {
        name: UV,
        meaning: "the `uv` that resolves dependencies, where it is not on `PATH`",
    },
    Variable {
        name: DOCKER_USE,
        meaning: "`never`: Docker is not used; `auto`, the default, uses it where it is",
    },
    Variable {
        name: DOCKER_HOST,
        meaning: "where Docker's daemon listens, where its own client would not find it",
    },
    Variable {
        name: DOCKER_PYTHON_BASE,
        meaning: "base image `python-base`; default `python:{version}-slim`, as for the next two",
    },
    Variable { name: DOCKER_SCIENTIFIC_BASE, meaning: "base image `python-scientific`" },
    Variable { name: DOCKER_CFD_BASE, meaning: "base image `python-cfd`" },
    Variable {
        name: DOCKER_VERSIONS,
        meaning: "Python versions of the base images; default `3.10,3.11,3.12,3.13`",
    },
    Variable { name: "NO_COLOR", meaning: "set to anything: no colour, on a terminal too" },
];

#[derive(Clone, Debug)]
pub struct Environment {
    pub cache_dir: PathBuf,
    pub uv: Option<PathBuf>,
    pub docker_use: Option<String>,
    pub docker_host: Option<String>,
    pub docker_python_base: Option<String>,
    pub docker_scientific_base: Option<String>,
    pub docker_cfd_base: Option<String>,
    pub docker_versions: Option<String>,
}

impl Environment {
    /// Reads the process's variables; `cache_dir` is the one that the command line gives.
    pub fn read(cache_dir: Option<PathBuf>) -> Self {
        Self::of(cache_dir, |name| std::env::var_os(name))
    }

    fn of(given: Option<PathBuf>, get: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |name: &str| path(name).filter(|path| path.is_absolute());
        let cache_dir = given
            .or_else(|| path(CACHE_DIR))
            .or_else(|| Some(absolute(XDG_CACHE_HOME)?.join("mecapy")))
            .or_else(|| Some(absolute(HOME)?.join(".cache/mecapy")))
            // Nobody's home: a folder of this very user, checked by whoever maps code from it.
            .unwrap_or_else(|| std::env::temp_dir().join("mecapy-cache"));
        let text = |name: &str| {
            get(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
        };
        Self {
            cache_dir,
            uv: path(UV),
            docker_use: text(DOCKER_USE),
            docker_host: text(DOCKER_HOST),
            docker_python_base: text(DOCKER_PYTHON_BASE),
            docker_scientific_base: text(DOCKER_SCIENTIFIC_BASE),
            docker_cfd_base: text(DOCKER_CFD_BASE),
            docker_versions: text(DOCKER_VERSIONS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_comes_from_the_nearest_source() {
        let all = [(CACHE_DIR, "/c"), (XDG_CACHE_HOME, "/x"), (HOME, "/h")];
        let cache = |given: Option<&str>, variables: &[(&str, &str)]| {
            let get = |name: &str| {
                variables
                    .iter()
                    .find(|(one, _)| *one == name)
                    .map(|(_, value)| OsString::from(value))
            };
            Environment::of(given.map(PathBuf::from), get).cache_dir
        };
        assert_eq!(cache(Some("given"), &all), PathBuf::from("given"));
        assert_eq!(cache(None, &all), PathBuf::from("/c"));
        assert_eq!(cache(None, &all[1..]), PathBuf::from("/x/mecapy"));
        assert_eq!(cache(None, &all[2..]), PathBuf::from("/h/.cache/mecapy"));
        assert_eq!(
            cache(None, &[(CACHE_DIR, ""), (XDG_CACHE_HOME, "relative"), (HOME, "/h")]),
            PathBuf::from("/h/.cache/mecapy")
        );
    }

    #[test]
    fn every_variable_is_documented() {
        let page = include_str!("../../docs/wasm-run.md");
        for variable in &VARIABLES {
            let row = format!("| `{}` | {} |", variable.name, variable.meaning);
            assert!(page.contains(&row), "docs/wasm-run.md lacks: {row}");
        }
    }
}
