//! What only an embedded database has to do: come back as it was, stand a full disk, and say
//! what is broken.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use super::*;
use crate::clock::SystemClock;
use crate::store::conformance::{at, completed, create, queued};
use crate::store::{
    Class, Document, Ended, File, FileStore, NewTask, PageRequest, PassedOver, StoreError,
    TaskFilter, TaskStore,
};

fn open(path: &Path) -> Arc<SqliteStore> {
    try_open(path).unwrap()
}

fn try_open(path: &Path) -> Result<Arc<SqliteStore>> {
    SqliteStore::open(path, Arc::new(SystemClock))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    (folder, path)
}

#[tokio::test]
async fn all_is_there_when_it_is_opened_again() {
    let (_folder, path) = folder();
    let store = open(&path);
    let (ended, waits) = (completed(), queued());
    create(&*store, ended.clone()).await;
    create(&*store, waits.clone()).await;
    drop(store);
    let store = open(&path);
    assert_eq!(store.task("acme", None, ended.task.id).await.unwrap(), ended.task);
    let task = store
        .claim(Class::Default, None, &PassedOver::default(), "w", at(99), at(50))
        .await
        .unwrap();
    assert_eq!(task.unwrap().id, waits.task.id);
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn connections_are_set_as_they_have_to_be() {
    let store = SqliteStore::temporary();
    let settings = |conn: &Connection| -> Result<Vec<String>> {
        ["journal_mode", "synchronous", "foreign_keys", "trusted_schema", "query_only"]
            .into_iter()
            .map(|name| {
                let value = conn.query_row(&format!("PRAGMA {name}"), [], |row| {
                    let value: rusqlite::types::Value = row.get(0)?;
                    Ok(format!("{value:?}"))
                });
                Ok(format!("{name} {}", value?))
            })
            .collect()
    };
    let written = store.write(settings).await.unwrap().join(", ");
    let expected = r#"journal_mode Text("wal"), synchronous Integer(2), foreign_keys Integer(1), trusted_schema Integer(0), query_only Integer("#;
    assert_eq!(written, format!("{expected}0)"));
    let read = store.read(settings).await.unwrap().join(", ");
    assert_eq!(read, format!("{expected}1)"));
    let changed = store.read(|conn| Ok(run(conn, "DELETE FROM tenants", ()).is_ok())).await;
    assert_eq!(changed, Ok(false));
}

#[tokio::test]
async fn two_may_have_it_open() {
    let (_folder, path) = folder();
    let (one, two) = (open(&path), open(&path));
    let new = completed();
    create(&*one, new.clone()).await;
    assert_eq!(two.task("acme", None, new.task.id).await.unwrap(), new.task);
    create(&*two, queued()).await;
    one.check().await.unwrap();
    let task =
        one.claim(Class::Default, None, &PassedOver::default(), "w", at(99), at(50)).await.unwrap();
    assert!(task.is_some());
}

#[tokio::test]
async fn a_copy_is_a_whole_database() {
    let (folder, path) = folder();
    let store = open(&path);
    let new = completed();
    create(&*store, new.clone()).await;
    let to = folder.path().join("copy.db");
    store.copy_to(&to).await.unwrap();
    let mode = fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(store.copy_to(&to).await, Err(StoreError::Conflict(_))));
    let nowhere = folder.path().join("none/copy.db");
    assert!(matches!(store.copy_to(&nowhere).await, Err(StoreError::Unavailable(_))));
    let copy = open(&to);
    assert_eq!(copy.task("acme", None, new.task.id).await.unwrap(), new.task);
}

#[test]
fn databases_of_others_are_refused() {
    let (folder, path) = folder();
    assert_eq!(SqliteStore::pending_migrations(&path).unwrap().len(), 2);
    drop(open(&path));
    assert_eq!(SqliteStore::pending_migrations(&path).unwrap(), [""; 0]);
    let refused = |sql: &str, says: &str| {
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(sql).unwrap();
        let why = [try_open(&path).err(), SqliteStore::pending_migrations(&path).err()];
        for why in why {
            let why = why.unwrap().to_string();
            assert!(why.contains(says), "{why}");
        }
    };
    let newer = "INSERT INTO migrations (number, name, checksum, applied_at)
        VALUES (3, '0003_later', 'x', 0)";
    refused(newer, "newer");
    refused("UPDATE migrations SET checksum = 'y' WHERE number = 1", "not this server's");
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(try_open(&other).err().unwrap().to_string().contains("another program"));
    let text = folder.path().join("text.db");
    fs::write(&text, "a text that is long enough to be looked at as a database".repeat(99))
        .unwrap();
    assert!(matches!(try_open(&text), Err(StoreError::Corrupt(_))));
}

/// As a server before `0002_cache_keys` left it.
fn undo_cache_keys(path: &Path) {
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "DELETE FROM migrations WHERE number = 2;
             DROP INDEX tasks_running_calls;
             DROP INDEX tasks_ready;
             CREATE INDEX tasks_ready ON tasks (class, tenant, queued_at)
                WHERE state = 'queued' AND not_before IS NULL;
             ALTER TABLE tasks DROP COLUMN cache_key;",
        )
        .unwrap();
}

#[tokio::test]
async fn a_database_of_before_gets_its_cache_keys() {
    let (_folder, path) = folder();
    let store = open(&path);
    let (mut keyed, mut same, plain) = (queued(), queued(), queued());
    let call: [u8; 32] = std::array::from_fn(|i| (i * 8) as u8);
    keyed.task.cache_key = Some(call);
    same.task.cache_key = Some(call);
    for new in [&keyed, &same, &plain] {
        create(&*store, new.clone()).await;
    }
    drop(store);
    undo_cache_keys(&path);
    let array = serde_json::to_string(&call).unwrap();
    let set =
        format!("UPDATE tasks SET doc = json_set(doc, '$.cache_key', json('{array}')) WHERE n < 3");
    Connection::open(&path).unwrap().execute_batch(&set).unwrap();
    let store = open(&path);
    for (new, expected) in [(&keyed, Some(call)), (&same, Some(call)), (&plain, None)] {
        let task = store.task("acme", None, new.task.id).await.unwrap();
        assert_eq!(task.cache_key, expected);
    }
    let mut taken = Vec::new();
    let without = PassedOver::default();
    while let Some(task) =
        store.claim(Class::Default, None, &without, "w", at(99), at(50)).await.unwrap()
    {
        taken.push(task.id);
    }
    assert_eq!(taken, [keyed.task.id, plain.task.id]);
}

#[tokio::test]
async fn what_is_damaged_is_said_to_be() {
    let (_folder, path) = folder();
    let store = open(&path);
    let damage = |sql: &str| {
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    };
    for sql in [
        "UPDATE tasks SET doc = '{'",
        "UPDATE tasks SET doc = '{}'",
        "UPDATE tasks SET state = 'lost'",
        "UPDATE tasks SET state = 'running', worker = NULL",
        "UPDATE tasks SET attempt = -1",
        "UPDATE tasks SET attempt = 99999999999",
        "UPDATE tasks SET owner = x'00'",
    ] {
        let new = completed();
        create(&*store, new.clone()).await;
        damage(sql);
        let page = PageRequest { limit: 10, after: None };
        let filter = TaskFilter::default();
        let (id, now) = (new.task.id, at(30));
        for outcome in [
            store.task("acme", None, id).await.map(drop),
            store.tasks("acme", None, &filter, page).await.map(drop),
            store.cancel("acme", id, now).await.map(drop),
        ] {
            assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{sql}: {outcome:?}");
        }
        damage("PRAGMA foreign_keys = OFF; DELETE FROM tasks; DELETE FROM task_documents");
    }
    for sql in [
        "UPDATE task_documents SET payload_objects = '[', ended_objects = '['",
        "UPDATE task_documents SET payload_objects = '{\"inputs\":{\"key\":\"x\",\"bytes\":1}}',
            ended_objects = '{\"result\":{\"key\":\"x\",\"bytes\":1}}'",
        "UPDATE task_documents SET inputs = NULL, ended_objects = '{\"files\":1}'",
    ] {
        let new = completed();
        create(&*store, new.clone()).await;
        damage(sql);
        for outcome in
            [store.payload(new.task.id).await.map(drop), store.ended(new.task.id).await.map(drop)]
        {
            assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{sql}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_panic_ends_neither_thread() {
    let store = SqliteStore::temporary();
    let id = create(&*store, completed()).await;
    for _ in 0..8 {
        let half = store
            .write(move |conn| -> Result<()> {
                run(conn, "DELETE FROM task_documents", ())?;
                panic!("a defect");
            })
            .await;
        assert!(matches!(half, Err(StoreError::Unavailable(why)) if why.contains("a defect")));
        let half = store.read(|_| -> Result<()> { panic!("a defect") }).await;
        assert!(matches!(half, Err(StoreError::Unavailable(_))));
    }
    assert!(store.payload(id).await.is_ok(), "what was half done is undone");
    store.check().await.unwrap();
}

#[tokio::test]
async fn one_that_fails_takes_no_other_with_it() {
    let store = SqliteStore::temporary();
    // They all wait while the first one is at work, and so are in one transaction.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = store.write(move |_| wait.recv().map_err(|_| writer::gone()));
    let (good, bad) = (completed(), completed());
    let mut forged = bad.clone();
    forged.task.id = good.task.id;
    forged.task.tenant = "other".to_owned();
    // It has written a task when it comes to the one that it may not make.
    let half = completed();
    let writes = async {
        let create = |new: NewTask| store.create_tasks(vec![new], 1);
        let last = completed();
        let outcomes = tokio::join!(
            create(good.clone()),
            store.create_tasks(vec![half.clone(), forged], 1),
            create(bad.clone()),
            async {
                go.send(()).unwrap();
                create(last).await
            }
        );
        assert!(outcomes.0.is_ok() && outcomes.2.is_ok() && outcomes.3.is_ok());
        assert!(matches!(outcomes.1, Err(StoreError::Conflict(_))));
    };
    let (first, ()) = tokio::join!(first, writes);
    first.unwrap();
    assert_eq!(store.task("acme", None, bad.task.id).await.unwrap(), bad.task);
    assert_eq!(store.task("acme", None, half.task.id).await, Err(StoreError::NotFound));
}

/// A disk of a few MiB, as long as it lives. Only root can make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"];
        let status = Command::new("mount").args(mount).arg(path).status();
        status.ok()?.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_and_writes_go_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::at(&folder.path().join("disk")) else {
        assert!(!rustix::process::geteuid().is_root(), "root can mount");
        println!("not root: no small disk can be made");
        return;
    };
    let store = open(&disk.0.join(FILE_NAME));
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let large = || {
        let mut new = completed();
        let result = Some(Document::Inline("7".repeat(100_000)));
        new.ended = Some(Ended { result, ..Ended::default() });
        new.task.result_bytes = Some(100_000);
        new
    };
    let mut kept = Vec::new();
    let refused = loop {
        let new = large();
        match store.create_tasks(vec![new.clone()], 1).await {
            Ok(()) => kept.push(new),
            Err(error) => break (new.task.id, error),
        }
    };
    assert_eq!(refused.1, StoreError::Full);
    assert!(kept.len() > 3, "{}", kept.len());
    // Again and again; also of what comes together.
    for _ in 0..3 {
        let both = tokio::join!(
            store.create_tasks(vec![large()], 1),
            store.create_tasks(vec![large()], 1)
        );
        assert_eq!(both, (Err(StoreError::Full), Err(StoreError::Full)));
    }
    let missing = store.task("acme", None, refused.0).await;
    assert_eq!(missing, Err(StoreError::NotFound), "nothing of it was written");
    for new in &kept {
        assert_eq!(store.task("acme", None, new.task.id).await.unwrap(), new.task);
    }
    fs::remove_file(&ballast).unwrap();
    let new = large();
    store.create_tasks(vec![new.clone()], 1).await.unwrap();
    store.check().await.unwrap();
    let path = disk.0.join(FILE_NAME);
    drop(store);
    let store = open(&path);
    assert_eq!(store.ended(new.task.id).await.unwrap(), new.ended.unwrap());
    let page = PageRequest { limit: 1000, after: None };
    let listed = store.tasks("acme", None, &TaskFilter::default(), page).await.unwrap();
    assert_eq!(listed.items.len(), kept.len() + 1);
    drop(store);
    // Nor can one be made where there is no space.
    let mut ballast = fs::File::create(&ballast).unwrap();
    while ballast.write_all(&[0; 4096]).is_ok() {}
    assert_eq!(try_open(&disk.0.join("other.db")).err(), Some(StoreError::Full));
}

#[tokio::test]
async fn files_of_a_damaged_count_do_not_wrap() {
    let (_folder, path) = folder();
    let store = open(&path);
    let file = File {
        tenant: "acme".to_owned(),
        key: "a".to_owned(),
        content: BlobKey::of(b"a"),
        bytes: 10,
        content_type: "text/plain".to_owned(),
        created_at: at(1),
        created_by: uuid::Uuid::nil(),
    };
    store.put_file(file.clone(), 100).await.unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE tenant_totals SET stored_bytes = 3")
        .unwrap();
    assert!(matches!(store.put_file(file, 100).await, Err(StoreError::Corrupt(_))));
}
