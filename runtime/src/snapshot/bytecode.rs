//! The bytecode of the modules that a handler imports.
//!
//! Most of an import from source is Python's compiler, whose waste moreover stays in the
//! memory that a snapshot keeps. So the handler is imported once only for its bytecode, and
//! again, from that, for the snapshot; and what the snapshot is compared with imports it
//! from that too. It serves the package that it comes from alone: its code ran when it was
//! made, and could have changed it.

use std::sync::Arc;
use std::time::Instant;

use model::{Bundle, ExecutorError, Limits, NoSnapshot, SnapshotJob, Tree};

use super::make::{no_instance, told};
use crate::Metering;
use crate::code::Code;
use crate::memory::{Ending, Image, end_of_call};
use crate::run::{self, Job};

/// Most bytecode that is kept; what does not fit is compiled at every import.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What the interpreter calls it.
const SUFFIX: &str = ".cpython-314.pyc";

/// Where the guest leaves it: `keep_bytecode` of the shim.
const FOLDER: &str = "bytecode";

/// A job's bundle with the bytecode of what its handler imports, or why that fails.
pub fn of_job(
    code: &Code,
    image: &Arc<Image>,
    stdlib: &Arc<Tree>,
    metering: Metering,
    job: &SnapshotJob,
) -> Result<Result<Arc<Bundle>, NoSnapshot>, ExecutorError> {
    let limits = Limits { tmp_bytes: MAX_BYTES, ..job.limits.clone() };
    let run = Job { limits: &limits, ..Job::of_snapshot(job) };
    let mut store = run::new_store(code, image, stdlib, metering, &run, Instant::now())?;
    let guest = code.instantiate(&mut store, image).map_err(no_instance)?;
    let asked = guest.exports.call_keep_bytecode(&mut store).map(Ok);
    let mut answer = told(asked, &store, job, None)?;
    if answer.is_ok() {
        let (target, left_out) = (run::target(&job.handler), run::left_out(&job.bundle));
        let loaded = guest.exports.call_load(&mut store, &target, &left_out);
        answer = told(loaded, &store, job, None)?;
    }
    let written = store.data_mut().ctx.tmp_files(FOLDER);
    end_of_call(store, Ending::Abnormal);
    Ok(answer.map(|()| {
        let (mut app, mut deps) = (job.bundle.app.clone(), job.bundle.deps.clone());
        for (path, bytes) in written {
            if !path.ends_with(SUFFIX) {
                continue;
            }
            if let Some(path) = path.strip_prefix("app/") {
                add(&mut app, path, bytes);
            } else if let Some(path) = path.strip_prefix("deps/") {
                add(&mut deps, path, bytes);
            }
        }
        Arc::new(Bundle { app, deps, left_out: job.bundle.left_out.clone(), image: None })
    }))
}

/// Puts a module's bytecode where an import looks for it. A package that brings some for
/// the same module keeps its own.
fn add(tree: &mut Arc<Tree>, path: &str, bytes: Vec<u8>) {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let separator = if folder.is_empty() { "" } else { "/" };
    let source = name.strip_suffix(SUFFIX).unwrap_or(name);
    if tree.file(&format!("{folder}{separator}{source}.py")).is_none() {
        return;
    }
    let _ = Arc::make_mut(tree).insert(&format!("{folder}{separator}__pycache__/{name}"), bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytecode_lies_beside_its_source() {
        let mut tree = Tree::new();
        tree.insert("a/__pycache__/b.cpython-314.pyc", "its own").unwrap();
        for path in ["handler.py", "a/b.py", "a/c/d.py"] {
            tree.insert(path, "source").unwrap();
        }
        let mut tree = Arc::new(tree);
        for path in [
            "none.cpython-314.pyc",
            "handler.cpython-314.pyc",
            "a/b.cpython-314.pyc",
            "a/c/d.cpython-314.pyc",
        ] {
            add(&mut tree, path, b"made".to_vec());
        }
        let files: Vec<(String, &[u8])> =
            tree.files().into_iter().map(|(path, bytes)| (path, bytes.as_slice())).collect();
        let expected: [(&str, &[u8]); 6] = [
            ("__pycache__/handler.cpython-314.pyc", b"made"),
            ("a/__pycache__/b.cpython-314.pyc", b"its own"),
            ("a/b.py", b"source"),
            ("a/c/__pycache__/d.cpython-314.pyc", b"made"),
            ("a/c/d.py", b"source"),
            ("handler.py", b"source"),
        ];
        assert_eq!(files, expected.map(|(path, bytes)| (path.to_owned(), bytes)));
    }
}
