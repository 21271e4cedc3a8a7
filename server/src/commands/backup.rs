//! `mecapy-server backup` and `restore`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use mecapy_server::blobs::folder::FolderBlobs;
use mecapy_server::blobs::{BlobError, BlobKey, Blobs};
use mecapy_server::clock::SystemClock;
use mecapy_server::config::Config;
use mecapy_server::folders::{self, Hold};
use mecapy_server::store::Store;
use mecapy_server::store::sqlite::SqliteStore;

use crate::wiring::{self, Storage};

const DATABASE: &str = "mecapy.db";
const KEY: &str = "secret.key";
const OBJECTS: &str = "objects";
const LEVEL: i32 = 3;
/// What a database and its log are called, after its name.
const DATABASE_FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// Objects that are looked up together.
const AT_ONCE: usize = 1_000;

#[derive(Args)]
pub struct BackupArgs {
    /// The file to write: a tar archive, compressed with zstd. It holds the key that secrets
    /// are sealed with: keep it as you keep them.
    file: PathBuf,
}

#[derive(Args)]
pub struct RestoreArgs {
    /// A file that `backup` wrote.
    file: PathBuf,
}

/// How often it is begun anew because an object went away meanwhile.
const TRIES: usize = 5;

/// Also while a server runs: the database is copied at one moment, and with it go the objects
/// that it refers to then.
pub async fn backup(config: &Config, args: BackupArgs) -> anyhow::Result<()> {
    let storage = wiring::storage(config)?;
    if args.file.exists() {
        bail!("{} is there already", args.file.display());
    }
    for _ in 0..TRIES {
        if let Some(objects) = try_backup(&config.data_dir, &storage, &args.file).await? {
            println!("{}: the database and {objects} objects", args.file.display());
            return Ok(());
        }
    }
    bail!("objects that the database refers to are not there: see `mecapy-server gc --dry-run`")
}

/// Nothing if an object was let go, and swept, since the database was copied.
async fn try_backup(data: &Path, storage: &Storage, file: &Path) -> anyhow::Result<Option<u64>> {
    let scratch = folders::scratch(data)?;
    let copy = scratch.path().join(DATABASE);
    storage.store.copy_to(&copy).await.context("the database could not be copied")?;
    let Some(objects) = needed(&copy, &*storage.blobs).await? else { return Ok(None) };
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Whole or not at all.
    let partial = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("the folder {}", folder.display()))?;
    let encoder = zstd::Encoder::new(BufWriter::new(partial.as_file()), LEVEL)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    archive.append_path_with_name(&copy, DATABASE)?;
    let key = data.join(KEY);
    if key.exists() {
        archive.append_path_with_name(&key, KEY)?;
    }
    for object in &objects {
        let opened = tokio::task::block_in_place(|| storage.blobs.open_blocking(object));
        let (bytes, mut content) = match (storage.blobs.size(object).await, opened) {
            (Ok(bytes), Ok(content)) => (bytes, content),
            (Err(BlobError::NotFound), _) | (_, Err(BlobError::NotFound)) => return Ok(None),
            (Err(error), _) | (_, Err(error)) => return Err(error.into()),
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append_data(&mut header, format!("{OBJECTS}/{object}"), &mut content)?;
    }
    let mut encoded = archive.into_inner()?.finish()?;
    encoded.flush()?;
    drop(encoded);
    partial.as_file().sync_all()?;
    partial.persist_noclobber(file)?;
    Ok(Some(objects.len() as u64))
}

/// The objects that a copied database refers to, renewed, so that a server leaves them alone
/// for as long as copying them may take; nothing if one of them is gone.
async fn needed(copy: &Path, blobs: &dyn Blobs) -> anyhow::Result<Option<Vec<BlobKey>>> {
    let database = SqliteStore::open(copy, Arc::new(SystemClock))?;
    let mut objects = Vec::new();
    loop {
        let page = database.references(objects.last(), AT_ONCE).await?;
        if page.is_empty() {
            // Closed here, it is one file again.
            return Ok(Some(objects));
        }
        if !blobs.renew(&page).await? {
            return Ok(None);
        }
        objects.extend(page);
    }
}

/// Fills a data folder that has no database yet. Everything in the backup is checked on the
/// way: objects by their hash, the database by opening it.
pub fn restore(config: &Config, args: &RestoreArgs) -> anyhow::Result<()> {
    let data = &config.data_dir;
    let Some(_hold) = Hold::take(data)? else {
        bail!("the data folder {} is in use by a server", data.display());
    };
    let database = folders::database(data);
    // What is left of one would be taken for the new one's.
    for left in DATABASE_FILES {
        let path = data.join(format!("{DATABASE}{left}"));
        if fs::symlink_metadata(&path).is_ok() {
            bail!("there is a database already: {}; restore into an empty folder", path.display());
        }
    }
    let blobs = FolderBlobs::open(&folders::objects(data))?;
    let file = File::open(&args.file).with_context(|| args.file.display().to_string())?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(BufReader::new(file))?);
    // The database comes to its place last: a restore that was cut off is none.
    let partial = data.join("restoring.db");
    let mut objects = 0_u64;
    let mut has_database = false;
    for entry in archive.entries().context("the file is not a backup")? {
        let mut entry = entry.context("the backup is damaged")?;
        let path = entry.path()?.into_owned();
        let parts: Vec<_> = path.components().collect();
        match parts.as_slice() {
            [Component::Normal(name)] if *name == DATABASE => {
                write_private(&partial, &mut entry)?;
                has_database = true;
            }
            [Component::Normal(name)] if *name == KEY => {
                write_private(&data.join(KEY), &mut entry)?;
            }
            [Component::Normal(folder), Component::Normal(name)] if *folder == OBJECTS => {
                let mut writer = blobs.stage_blocking(entry.size())?;
                std::io::copy(&mut entry, &mut writer)?;
                let stored = writer.finish()?;
                if name.to_string_lossy() != stored.key.to_string() {
                    bail!("the backup is damaged: object {} is another", name.to_string_lossy());
                }
                objects += 1;
            }
            _ => bail!("the file is not a backup: it has `{}`", path.display()),
        }
    }
    if !has_database {
        bail!("the file is not a backup: it has no database");
    }
    fs::rename(&partial, &database)?;
    File::open(data)?.sync_all()?;
    SqliteStore::open(&database, Arc::new(SystemClock))?;
    println!("{}: the database and {objects} objects", data.display());
    Ok(())
}

fn write_private(path: &Path, content: &mut impl std::io::Read) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    std::io::copy(content, &mut file)?;
    file.flush()?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use mecapy_server::store::{File as StoredFile, FileStore, new_id};

    use super::*;

    fn open(data: &Path) -> Storage {
        folders::create(data).unwrap();
        let store = SqliteStore::open(&folders::database(data), Arc::new(SystemClock)).unwrap();
        let blobs = FolderBlobs::open(&folders::objects(data)).unwrap();
        Storage { store, blobs: Arc::new(blobs) }
    }

    async fn put(storage: &Storage, key: &str, content: BlobKey) {
        let file = StoredFile {
            tenant: "acme".to_owned(),
            key: key.to_owned(),
            content,
            bytes: 1,
            content_type: "text/plain".to_owned(),
            created_at: mecapy_server::clock::Clock::now(&SystemClock),
            created_by: new_id(),
        };
        storage.store.put_file(file, u64::MAX).await.unwrap();
    }

    fn names(archive: &Path) -> Vec<String> {
        let file = File::open(archive).unwrap();
        let mut archive = tar::Archive::new(zstd::Decoder::new(file).unwrap());
        let entries = archive.entries().unwrap();
        entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_has_what_the_database_refers_to_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (data, archive) = (folder.path().join("data"), folder.path().join("backup"));
        let storage = open(&data);
        let kept = storage.blobs.put("kept".into()).await.unwrap().key;
        storage.blobs.put("nobody's".into()).await.unwrap();
        put(&storage, "one", kept).await;
        put(&storage, "two", kept).await;
        assert_eq!(try_backup(&data, &storage, &archive).await.unwrap(), Some(1));
        assert_eq!(names(&archive), [DATABASE.to_owned(), format!("{OBJECTS}/{kept}")]);
        // The database's copy was all of it: nothing was left in its log.
        let restored = folder.path().join("restored");
        fs::create_dir(&restored).unwrap();
        let mut tar = tar::Archive::new(zstd::Decoder::new(File::open(&archive).unwrap()).unwrap());
        tar.unpack(&restored).unwrap();
        let copy = SqliteStore::open(&restored.join(DATABASE), Arc::new(SystemClock)).unwrap();
        assert_eq!(copy.file("acme", "two").await.unwrap().content, kept);
        assert_eq!(fs::read_dir(data.join("tmp")).unwrap().count(), 0, "the copy is gone");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_an_object_that_is_referred_to_there_is_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let (data, archive) = (folder.path().join("data"), folder.path().join("backup"));
        let storage = open(&data);
        put(&storage, "one", BlobKey::of(b"swept")).await;
        assert_eq!(try_backup(&data, &storage, &archive).await.unwrap(), None);
        assert!(!archive.exists());
        let here = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(here, 1, "nothing is left beside the data");
        // It is there again when it is tried again.
        storage.blobs.put("swept".into()).await.unwrap();
        assert_eq!(try_backup(&data, &storage, &archive).await.unwrap(), Some(1));
    }
}
