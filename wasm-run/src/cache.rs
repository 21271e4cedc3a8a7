//! What the sandbox answered about packages, kept between runs.
//!
//! Checking code and reading signatures give the same answer for the same files, so a
//! package that has not changed is not asked again. An entry's name carries everything that
//! its answer depends on, this program included; it is written under another name and
//! renamed, and one that is truncated, altered or in another's place is as if it were not
//! there. A cache that cannot be written is no error.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use model::{
    Bundle, Engine, Executor, ExecutorError, Job, Limits, Logs, NoSnapshot, Operation, Outcome,
    SnapshotId, SnapshotJob, SnapshotRef, Tree, Usage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Changed whenever the meaning of entries changes.
const FORMAT: u32 = 2;
/// Entries that are kept; beyond, the oldest half is removed.
const MAX_ENTRIES: usize = 4_096;
/// The one file of the package with which `package` tries dependencies.
const PROBE_FILE: &str = "mecapy_import_probe.py";

/// Answers from the folder what it can, and everything else by `inner`.
pub struct Remembering<'a> {
    inner: &'a dyn Executor,
    folder: PathBuf,
    identity: String,
    /// Hashes of trees seen, by address; the trees are kept, so that none is reused.
    hashes: Mutex<HashMap<usize, (Arc<Tree>, blake3::Hash)>>,
}

impl<'a> Remembering<'a> {
    pub fn new(inner: &'a dyn Executor, cache_dir: &Path) -> Self {
        Self {
            inner,
            folder: cache_dir.join("answers"),
            identity: identity(),
            hashes: Mutex::default(),
        }
    }

    /// The name of a job's answer; nothing for jobs that run the package's own function.
    fn key(&self, job: &Job) -> Option<String> {
        let is_question = match &job.operation {
            Operation::Inspect { .. } | Operation::Describe { .. } => true,
            Operation::Call { .. } => {
                let mut files = job.bundle.app.entries();
                matches!((files.next(), files.next()), (Some((PROBE_FILE, _)), None))
            }
            Operation::Test => false,
        };
        if !is_question {
            return None;
        }
        let parts = json!([job.operation, job.snapshot.as_ref().map(|one| &one.id)]);
        Some(self.name(&job.bundle, parts, &job.limits, job.deterministic))
    }

    fn snapshot_key(&self, job: &SnapshotJob) -> String {
        let parts = json!(["snapshot", job.handler, job.warmup, job.cases]);
        self.name(&job.bundle, parts, &job.limits, job.deterministic)
    }

    fn name(&self, bundle: &Bundle, parts: Value, limits: &Limits, deterministic: bool) -> String {
        let parts = json!([
            FORMAT,
            self.identity,
            parts,
            self.hash(&bundle.app),
            self.hash(&bundle.deps),
            bundle.left_out,
            [
                limits.timeout.as_millis().to_string(),
                limits.memory_bytes.to_string(),
                format!("{:?}", limits.fuel)
            ],
            deterministic,
        ]);
        blake3::hash(parts.to_string().as_bytes()).to_hex().to_string()
    }

    fn hash(&self, tree: &Arc<Tree>) -> String {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, hash) =
            hashes.entry(Arc::as_ptr(tree).addr()).or_insert_with(|| (tree.clone(), hash_of(tree)));
        hash.to_hex().to_string()
    }
}

impl Executor for Remembering<'_> {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let Some(key) = self.key(job) else { return self.inner.run(job) };
        if let Some(value) = read(&self.folder, &key) {
            let (logs, warnings, usage) = (Logs::default(), Vec::new(), Usage::default());
            return Ok(Outcome { result: Ok(value), logs, warnings, usage });
        }
        let outcome = self.inner.run(job)?;
        if let Ok(value) = &outcome.result {
            write(&self.folder, &key, value);
        }
        Ok(outcome)
    }

    fn snapshot(
        &self,
        job: &SnapshotJob,
    ) -> Result<Result<SnapshotRef, NoSnapshot>, ExecutorError> {
        let key = self.snapshot_key(job);
        match read(&self.folder, &key).map(serde_json::from_value) {
            Some(Ok(Remembered::Snapshot(id))) => {
                if let Some(snapshot) = self.inner.snapshot_at_hand(&id) {
                    return Ok(Ok(snapshot));
                }
            }
            Some(Ok(Remembered::Unfit(reason))) => return Ok(Err(NoSnapshot::Unfit(reason))),
            _ => {}
        }
        let taken = self.inner.snapshot(job)?;
        let answer = match &taken {
            Ok(snapshot) => Remembered::Snapshot(snapshot.id.clone()),
            Err(NoSnapshot::Unfit(reason)) => Remembered::Unfit(reason.clone()),
            Err(NoSnapshot::Failed { .. }) => return Ok(taken),
        };
        if let Ok(value) = serde_json::to_value(answer) {
            write(&self.folder, &key, &value);
        }
        Ok(taken)
    }

    fn snapshot_at_hand(&self, id: &SnapshotId) -> Option<SnapshotRef> {
        self.inner.snapshot_at_hand(id)
    }
}

/// What came of taking a snapshot.
#[derive(Serialize, Deserialize)]
enum Remembered {
    Snapshot(SnapshotId),
    Unfit(String),
}

fn hash_of(tree: &Tree) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in tree.files() {
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes.as_slice());
    }
    hasher.finalize()
}

/// This very program: another build may answer otherwise.
pub fn identity() -> String {
    let file = std::env::current_exe().and_then(fs::metadata);
    let modified = file.as_ref().ok().and_then(|file| file.modified().ok());
    let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let size = file.map(|file| file.len()).unwrap_or_default();
    format!("{} {size} {}", env!("CARGO_PKG_VERSION"), since.unwrap_or_default().as_nanos())
}

fn read(folder: &Path, key: &str) -> Option<Value> {
    let bytes = fs::read(folder.join(key)).ok()?;
    let (checksum, content) = bytes.split_at_checked(blake3::OUT_LEN)?;
    (checksum_of(key, content).as_bytes() == checksum).then_some(())?;
    model::json::parse(std::str::from_utf8(content).ok()?).ok()
}

fn write(folder: &Path, key: &str, value: &Value) {
    let keep = || -> std::io::Result<()> {
        private_folder(folder)?;
        prune(folder)?;
        let content = value.to_string();
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(checksum_of(key, content.as_bytes()).as_bytes())?;
        file.write_all(content.as_bytes())?;
        file.persist(folder.join(key))?;
        Ok(())
    };
    // Without a cache the question is asked again, and that is all.
    let _ = keep();
}

/// Over the key too: an entry in another's place is not its answer.
fn checksum_of(key: &str, content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(key.as_bytes()).update(content).finalize()
}

#[cfg(unix)]
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

fn prune(folder: &Path) -> std::io::Result<()> {
    let mut entries: Vec<_> =
        fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    if entries.len() < MAX_ENTRIES {
        return Ok(());
    }
    let age = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    entries.sort_by_cached_key(age);
    for path in &entries[..entries.len() / 2] {
        // Another process may have been quicker.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use model::executor::ImportPolicy;
    use model::{Bundle, CancelToken, ErrorKind, Failure, HandlerRef, Limits};
    use serde_json::Map;

    use super::*;

    /// Counts what it is asked; every other answer is a failure.
    #[derive(Default)]
    struct Counting(AtomicU32, bool);

    impl Executor for Counting {
        fn engine(&self) -> Engine {
            Engine::Sandbox
        }

        fn run(&self, _job: &Job) -> Result<Outcome, ExecutorError> {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            let result = if self.1 {
                Err(Failure::new(ErrorKind::Exception, "no"))
            } else {
                Ok(json!({"n": n}))
            };
            Ok(Outcome { result, logs: Logs::default(), warnings: vec![], usage: Usage::default() })
        }
    }

    fn job(source: &str, operation: Operation) -> Job {
        let mut app = Tree::new();
        app.insert("handler.py", source).unwrap();
        Job {
            tenant: Arc::default(),
            bundle: Arc::new(Bundle { app: app.into(), ..Bundle::default() }),
            operation,
            limits: Limits::default(),
            snapshot: None,
            deterministic: false,
            files: Arc::new(()),
            events: Arc::new(()),
            cancel: CancelToken::new(),
        }
    }

    fn describe(source: &str) -> Job {
        job(source, Operation::Describe { handler: HandlerRef::single() })
    }

    fn answer(executor: &Counting, folder: &Path, job: &Job) -> Value {
        Remembering::new(executor, folder).run(job).unwrap().result.unwrap()["n"].clone()
    }

    #[test]
    fn a_question_is_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let executor = Counting::default();
        let asked = |job: &Job| answer(&executor, folder.path(), job);
        assert_eq!(asked(&describe("a")), json!(0));
        assert_eq!(asked(&describe("a")), json!(0));
        assert_eq!(asked(&describe("b")), json!(1));
        assert_eq!(
            asked(&job("a", Operation::Inspect { policy: ImportPolicy::default() })),
            json!(2)
        );
        assert_eq!(asked(&Job { deterministic: true, ..describe("a") }), json!(3));
        // Calls are never answered from memory.
        let call = || Operation::Call { handler: HandlerRef::single(), inputs: Map::new() };
        assert_eq!(asked(&job("a", call())), json!(4));
        assert_eq!(asked(&job("a", call())), json!(5));
    }

    #[test]
    fn failures_are_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let executor = Counting(AtomicU32::new(0), true);
        for _ in 0..2 {
            assert!(
                Remembering::new(&executor, folder.path())
                    .run(&describe("a"))
                    .unwrap()
                    .result
                    .is_err()
            );
        }
        assert_eq!(executor.0.into_inner(), 2);
    }

    #[test]
    fn harmed_entries_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "key", &json!({"a": 1}));
        assert_eq!(read(folder.path(), "key"), Some(json!({"a": 1})));
        let path = folder.path().join("key");
        let whole = fs::read(&path).unwrap();
        fs::copy(&path, folder.path().join("other")).unwrap();
        assert_eq!(read(folder.path(), "other"), None);
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(read(folder.path(), "key"), None, "{cut}");
            let mut altered = whole.clone();
            altered[cut] ^= 1;
            fs::write(&path, &altered).unwrap();
            assert_eq!(read(folder.path(), "key"), None, "{cut}");
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let executor = Counting::default();
        assert_eq!(answer(&executor, &file, &describe("a")), json!(0));
        assert_eq!(answer(&executor, &file, &describe("a")), json!(1));
    }
}
