//! Docker, asked for when it is first needed.

use std::sync::OnceLock;

use fallback_docker::Docker;
use fallback_docker::settings::{Bases, PoolLimits, Settings};
use model::Executor;
use model::manifest::PythonVersion;

use crate::environment::Environment;

/// Containers of one program at a time: it makes its calls one after another.
const CONTAINERS: usize = 4;

/// The fallback, if there is one.
pub struct Containers {
    environment: Environment,
    docker: OnceLock<Result<Docker, String>>,
}

impl Containers {
    pub fn new(environment: &Environment) -> Self {
        Self { environment: environment.clone(), docker: OnceLock::new() }
    }

    /// What runs functions in containers, or why there is none.
    pub fn executor(&self) -> Result<&Docker, &str> {
        self.docker.get_or_init(|| self.start()).as_ref().map_err(String::as_str)
    }

    fn start(&self) -> Result<Docker, String> {
        let environment = &self.environment;
        match environment.docker_use.as_deref() {
            None | Some("auto" | "always") => {}
            Some("never") => return Err("MECAPY_DOCKER_USE is `never`".to_owned()),
            Some(other) => {
                return Err(format!(
                    "MECAPY_DOCKER_USE is `{other}`: it must be `auto`, `always` or `never`"
                ));
            }
        }
        let own = Settings::default();
        let given = |value: &Option<String>, own: String| value.clone().unwrap_or(own);
        let versions = match &environment.docker_versions {
            None => own.versions,
            Some(text) => versions(text)?,
        };
        let docker = Docker::new(Settings {
            host: environment.docker_host.clone(),
            bases: Bases {
                python: given(&environment.docker_python_base, own.bases.python),
                scientific: given(&environment.docker_scientific_base, own.bases.scientific),
                cfd: given(&environment.docker_cfd_base, own.bases.cfd),
            },
            versions,
            // Only this process's own: others of this user may run at the same time.
            owner: format!("wasm-run {}", std::process::id()),
            scratch: Some(environment.cache_dir.join("images")),
            pool: PoolLimits { containers: CONTAINERS, ..own.pool },
            ..own
        })
        .map_err(|error| error.to_string())?;
        docker.check().map_err(|error| error.to_string())?;
        Ok(docker)
    }
}

/// `3.11,3.12`.
fn versions(text: &str) -> Result<Vec<PythonVersion>, String> {
    let one = |text: &str| {
        let minor = text.trim().strip_prefix("3.")?.parse().ok()?;
        Some(PythonVersion { major: 3, minor })
    };
    let versions: Option<Vec<_>> = text.split(',').map(one).collect();
    let mut versions =
        versions.ok_or_else(|| format!("MECAPY_DOCKER_VERSIONS is `{text}`: write `3.11,3.12`"))?;
    versions.sort_unstable();
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_versions() {
        let of = |minor| PythonVersion { major: 3, minor };
        assert_eq!(versions("3.12, 3.9").unwrap(), [of(9), of(12)]);
        for bad in ["", "3", "2.7", "3.x", "3.11;3.12"] {
            assert!(versions(bad).unwrap_err().contains("MECAPY_DOCKER_VERSIONS"), "{bad}");
        }
    }

    #[test]
    fn what_is_turned_off_is_not_there() {
        let environment = |value: &str| Environment {
            docker_use: Some(value.to_owned()),
            ..Environment::read(None)
        };
        for (value, why) in [("never", "is `never`"), ("maybe", "must be `auto`")] {
            let containers = Containers::new(&environment(value));
            assert!(containers.executor().err().unwrap().contains(why));
        }
    }
}
