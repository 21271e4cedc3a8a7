//! The `runtime` keys of a manifest: how a function wants to be run.

use std::time::Duration;

use model::EnginePreference;
use model::limits::MIB;
use model::manifest::{PythonVersion, RuntimeSpec};

use super::document::Node;
use super::meaning::object;

/// A function's own keys stand over the package's, one by one.
pub fn runtime(own: Option<&Node>, defaults: Option<&Node>) -> RuntimeSpec {
    let get = |key: &str| {
        own.and_then(|node| node.get(key)).or_else(|| defaults.and_then(|node| node.get(key)))
    };
    let flag = |key: &str| get(key).and_then(Node::as_bool).unwrap_or(false);
    let mut spec = RuntimeSpec {
        python_version: get("python_version").and_then(Node::as_str).and_then(python_version),
        fuel: get("fuel").and_then(whole),
        warmup: get("warmup").into_iter().flat_map(Node::items).map(object).collect(),
        deterministic: flag("deterministic"),
        cache: flag("cache"),
        retry: flag("retry"),
        ..RuntimeSpec::default()
    };
    if let Some(image) = get("base_image").and_then(Node::as_str) {
        image.clone_into(&mut spec.base_image);
    }
    if let Some(timeout) =
        get("timeout").and_then(Node::as_f64).and_then(|s| Duration::try_from_secs_f64(s).ok())
    {
        spec.timeout = timeout;
    }
    if let Some(megabytes) = get("memory_limit").and_then(whole) {
        spec.memory_bytes = megabytes.saturating_mul(MIB);
    }
    if let Some(cores) = get("cpu_limit").and_then(Node::as_f64) {
        spec.cpu_limit = cores;
    }
    spec.engine = match get("engine").and_then(Node::as_str) {
        Some("sandbox") => EnginePreference::Sandbox,
        Some("docker") => EnginePreference::Docker,
        _ => EnginePreference::Auto,
    };
    spec
}

pub fn python_version(text: &str) -> Option<PythonVersion> {
    let (major, minor) = text.split_once('.')?;
    Some(PythonVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// A whole number, also one written as `1e6` or `2.0`.
fn whole(node: &Node) -> Option<u64> {
    let value = node.to_value();
    let float = || value.as_f64().filter(|x| x.fract() == 0.0 && *x >= 0.0 && *x < 2_f64.powi(63));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just above"
    )]
    value.as_u64().or_else(|| float().map(|x| x as u64))
}
