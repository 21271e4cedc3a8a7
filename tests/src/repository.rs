//! Where things are in a checkout.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate within the workspace").to_owned()
}

/// The build's own folder for files that outlive a run, such as compiled code. Removed by
/// `cargo clean`; the system's temporary folder if the program was moved away from there.
pub fn scratch() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(std::env::temp_dir, |target| target.join("tmp")).join("mecapy-tests")
}
