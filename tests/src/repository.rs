//! Where things are in a checkout.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate within the workspace").to_owned()
}

/// Where compiled code and resolved dependencies are kept between runs: `MECAPY_CACHE_DIR`,
/// else a folder that `cargo clean` removes.
pub fn cache() -> PathBuf {
    if let Some(given) = std::env::var_os("MECAPY_CACHE_DIR").filter(|given| !given.is_empty()) {
        return given.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(
        || std::env::temp_dir().join("mecapy-tests"),
        |target| target.join("mecapy-cache"),
    )
}
