//! Packs the runner, and the guest's Python that it shares with the sandbox, into one archive
//! that images are built with.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo"));
    let file = fs::File::create(out.join("runner.tar")).expect("the build's own folder");
    let mut archive = tar::Builder::new(file);
    for (folder, name) in
        [(here.join("runner"), "runner"), (here.join("../python-wasm/guest"), "guest")]
    {
        println!("cargo::rerun-if-changed={}", folder.display());
        add(&mut archive, &folder, Path::new(name));
    }
    archive.finish().expect("the build's own folder");
}

/// All Python files below a folder, in order and without dates: the same code always gives
/// the same archive, and with it the same images.
fn add(archive: &mut tar::Builder<fs::File>, folder: &Path, name: &Path) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("the sources")
        .map(|entry| entry.expect("the sources").path())
        .collect();
    entries.sort();
    for path in entries {
        let inner = name.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "__pycache__") {
                add(archive, &path, &inner);
            }
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let content = fs::read(&path).expect("the sources");
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            archive
                .append_data(&mut header, inner, content.as_slice())
                .expect("the build's own folder");
        }
    }
}
