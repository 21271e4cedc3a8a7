//! Exact versions with hashes, by way of `uv pip compile`.

use std::fs;

use serde::{Deserialize, Serialize};

use super::requirements::normalised;
use super::{DependencyError, Requirement, Resolver, Target, cache, uv};
use crate::problem::{Problem, Step};

const INPUT: &str = "requirements.in";
const OUTPUT: &str = "requirements.lock";
/// Most packages that a lock may come to.
pub const MAX_PACKAGES: usize = 1_000;

/// One package of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPackage {
    /// Normalised: `ruamel-yaml`.
    pub name: String,
    pub version: String,
    /// Of all its files, as `sha256:...`.
    pub hashes: Vec<String>,
    /// What asked for it: other packages, or nothing if the package itself did.
    pub via: Vec<String>,
}

/// Everything that a package needs, exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The Python that it was resolved for.
    pub python: String,
    /// The platform that it was resolved for; its hashes are of the files of all platforms.
    pub platform: String,
    /// By name.
    pub packages: Vec<LockedPackage>,
}

impl Lock {
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    pub fn package(&self, name: &str) -> Option<&LockedPackage> {
        let name = normalised(name);
        self.packages.iter().find(|package| package.name == name)
    }

    /// As a requirements file with hashes, for `pip` and `uv` alike.
    pub fn to_requirements(&self) -> String {
        let mut text = String::new();
        for package in &self.packages {
            text.push_str(&format!("{}=={}", package.name, package.version));
            for hash in &package.hashes {
                text.push_str(&format!(" \\\n    --hash={hash}"));
            }
            text.push('\n');
        }
        text
    }
}

pub fn resolve(
    resolver: &Resolver,
    requirements: &[Requirement],
    target: &Target,
) -> Result<Lock, DependencyError> {
    let Target { python, platform } = target;
    if requirements.is_empty() {
        return Ok(Lock {
            python: python.clone(),
            platform: platform.clone(),
            packages: Vec::new(),
        });
    }
    let mut lines: Vec<&str> = requirements.iter().map(|one| one.text.as_str()).collect();
    lines.sort_unstable();
    lines.dedup();
    let input = lines.join("\n") + "\n";
    let key = cache::key("lock", &["1", &input, python, platform, &index_configuration()]);
    let folder = resolver.cache.as_deref();
    if let Some(entry) = cache::read(folder, &key)
        && let Ok(lock) = serde_json::from_slice(entry.content())
    {
        return Ok(lock);
    }
    let lock = compile(resolver, requirements, &input, target)?;
    if let Ok(text) = serde_json::to_vec(&lock) {
        cache::write(folder, &key, &text);
    }
    Ok(lock)
}

/// What of the environment decides where packages come from.
fn index_configuration() -> String {
    let mut variables: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| {
            name.starts_with("UV_INDEX")
                || name.starts_with("UV_DEFAULT_INDEX")
                || name.starts_with("UV_EXTRA_INDEX")
                || [
                    "UV_FIND_LINKS",
                    "UV_EXCLUDE_NEWER",
                    "UV_CONFIG_FILE",
                    "UV_PRERELEASE",
                    "UV_RESOLUTION",
                ]
                .contains(&name.as_str())
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    variables.sort_unstable();
    variables.join("\n")
}

fn compile(
    resolver: &Resolver,
    requirements: &[Requirement],
    input: &str,
    target: &Target,
) -> Result<Lock, DependencyError> {
    let folder = scratch()?;
    fs::write(folder.path().join(INPUT), input).map_err(disk)?;
    let mut arguments = vec!["pip", "compile", INPUT, "--output-file", OUTPUT];
    arguments.extend(["--generate-hashes", "--no-header", "--quiet"]);
    arguments.extend(target.options());
    let finished = uv::run(resolver, folder.path(), &arguments)?;
    if !finished.success {
        return Err(refused(requirements, &finished.stderr, &target.python));
    }
    let text = fs::read_to_string(folder.path().join(OUTPUT)).map_err(disk)?;
    let packages = parse(&text);
    if packages.len() > MAX_PACKAGES {
        return Err(Problem::new(
            Step::Dependencies,
            format!("the requirements come to more than {MAX_PACKAGES} packages"),
        )
        .help("require less")
        .into());
    }
    Ok(Lock { python: target.python.clone(), platform: target.platform.clone(), packages })
}

pub fn scratch() -> Result<tempfile::TempDir, DependencyError> {
    tempfile::Builder::new().prefix("mecapy-").tempdir().map_err(disk)
}

pub fn disk(error: std::io::Error) -> DependencyError {
    DependencyError::Unavailable(format!("the folder for temporary files cannot be used: {error}"))
}

/// `uv`'s refusal as a problem of the requirement that it speaks of.
pub fn refused(requirements: &[Requirement], stderr: &str, python: &str) -> DependencyError {
    let text = uv::explanation(stderr);
    if uv::is_unreachable(stderr) {
        return DependencyError::Unavailable(format!(
            "the package index cannot be reached: {text}"
        ));
    }
    let speaks_of = |requirement: &&Requirement| {
        text.match_indices(requirement.name.as_str()).any(|(at, name)| {
            let is_edge =
                |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || "-_".contains(c)));
            is_edge(text[..at].chars().next_back())
                && is_edge(text[at + name.len()..].chars().next())
        })
    };
    let help = if text.contains("no usable wheels")
        || text.contains("no wheels")
        || text.contains("building from source is disabled")
    {
        format!(
            "require a version that has a wheel for Python {python}: nothing is built from source"
        )
    } else if text.contains("was not found in the package registry") {
        "correct the name".to_owned()
    } else {
        "change the versions required".to_owned()
    };
    let message = format!("the requirements cannot be resolved: {text}");
    let problem = match requirements.iter().find(speaks_of) {
        Some(requirement) => requirement.problem(message),
        None => Problem::new(Step::Dependencies, message),
    };
    problem.help(help).into()
}

/// Reads `uv pip compile`'s output.
fn parse(text: &str) -> Vec<LockedPackage> {
    let mut packages: Vec<LockedPackage> = Vec::new();
    for line in text.lines() {
        let bare = line.trim().trim_end_matches('\\').trim();
        let Some(last) = packages.last_mut().filter(|_| line.starts_with([' ', '\t'])) else {
            if let Some((name, rest)) = bare.split_once("==") {
                let mut words = rest.split_whitespace();
                let version = words.next().unwrap_or_default().trim_end_matches(';').to_owned();
                let hashes = words
                    .filter_map(|word| word.strip_prefix("--hash="))
                    .map(str::to_owned)
                    .collect();
                let name = normalised(name.split('[').next().unwrap_or(name).trim());
                packages.push(LockedPackage { name, version, hashes, via: Vec::new() });
            }
            continue;
        };
        if let Some(hash) = bare.strip_prefix("--hash=") {
            last.hashes.push(hash.to_owned());
        } else if let Some(comment) = bare.strip_prefix('#') {
            let comment = comment.trim();
            let names = comment.strip_prefix("via").unwrap_or(comment);
            let names = names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty() && !name.starts_with("-r"));
            last.via.extend(names.map(normalised));
        }
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_read_and_written() {
        let text = "mpmath==1.3.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via sympy\n\
                    Ruamel.Yaml==0.18 \\\n    --hash=sha256:cc\n    # via\n    #   -r requirements.in\n    #   b_c\n";
        let packages = parse(text);
        assert_eq!(packages[0].hashes, ["sha256:aa", "sha256:bb"]);
        assert_eq!(packages[0].via, ["sympy"]);
        assert_eq!(
            (packages[1].name.as_str(), packages[1].via.as_slice()),
            ("ruamel-yaml", &["b-c".to_owned()][..])
        );
        let lock = Lock { packages, ..Lock::default() };
        assert_eq!(parse(&lock.to_requirements()).len(), 2);
        assert_eq!(lock.package("Ruamel_yaml").unwrap().version, "0.18");
    }

    #[test]
    fn refusals_name_the_requirement() {
        let requirement = |name: &str, line| Requirement {
            name: name.to_owned(),
            text: name.to_owned(),
            file: "requirements.txt".to_owned(),
            line: Some(line),
            column: None,
        };
        let requirements = [requirement("num", 1), requirement("numpy", 2)];
        let stderr = "warning: The requested Python version 3.14 is not available; 3.11.7 will be used\n  cause: x\n\
                      error: No solution found when resolving dependencies\n  cause: Because numpy==1.24.0 has no usable wheels and you require numpy==1.24.0, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for `numpy`\n";
        let DependencyError::Package(error) = refused(&requirements, stderr, "3.14") else {
            panic!()
        };
        let text = error.to_string();
        assert!(text.starts_with("requirements.txt:2: the requirements cannot be resolved: No solution found when resolving dependencies Because numpy==1.24.0"), "{text}");
        assert!(
            text.ends_with(
                "require a version that has a wheel for Python 3.14: nothing is built from source"
            ),
            "{text}"
        );
        assert!(!text.contains("3.11"), "{text}");
        let offline =
            "error: Failed to fetch: `https://index.example/simple/numpy/`\n  cause: dns error";
        assert!(matches!(refused(&requirements, offline, "3.14"), DependencyError::Unavailable(_)));
    }
}
