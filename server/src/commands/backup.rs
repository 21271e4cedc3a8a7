//! `mecapy-server backup` and `restore`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use mecapy_server::config::Config;
use mecapy_server::folders::{self, Hold};
use mecapy_server::store::sqlite::SqliteStore;

use crate::wiring;

const DATABASE: &str = "mecapy.db";
const KEY: &str = "secret.key";
const OBJECTS: &str = "objects";
const LEVEL: i32 = 3;

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

/// Also while a server runs: the database is copied at one moment, and every object that it
/// refers to then is there.
pub async fn backup(config: &Config, args: BackupArgs) -> anyhow::Result<()> {
    let storage = wiring::storage(config)?;
    if args.file.exists() {
        bail!("{} is there already", args.file.display());
    }
    let scratch = folders::scratch(&config.data_dir)?;
    let copy = scratch.path().join(DATABASE);
    storage.store.copy_to(&copy).await.context("the database could not be copied")?;
    let folder = args.file.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Whole or not at all.
    let partial = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("the folder {}", folder.display()))?;
    let encoder = zstd::Encoder::new(BufWriter::new(partial.as_file()), LEVEL)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    archive.append_path_with_name(&copy, DATABASE)?;
    let key = config.data_dir.join(KEY);
    if key.exists() {
        archive.append_path_with_name(&key, KEY)?;
    }
    let mut after = None;
    let mut objects = 0_u64;
    loop {
        let listed = storage.blobs.list(after.as_ref(), 1_000).await?;
        let Some(last) = listed.last() else { break };
        after = Some(last.key);
        for one in listed {
            let mut content =
                match tokio::task::block_in_place(|| storage.blobs.open_blocking(&one.key)) {
                    Ok(content) => content,
                    // Swept since it was listed: nothing refers to it.
                    Err(mecapy_server::blobs::BlobError::NotFound) => continue,
                    Err(error) => return Err(error.into()),
                };
            let mut header = tar::Header::new_gnu();
            header.set_size(one.bytes);
            header.set_mode(0o600);
            header.set_cksum();
            archive.append_data(&mut header, format!("{OBJECTS}/{}", one.key), &mut content)?;
            objects += 1;
        }
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    drop(file);
    partial.as_file().sync_all()?;
    partial.persist_noclobber(&args.file)?;
    println!("{}: the database and {objects} objects", args.file.display());
    Ok(())
}

/// Fills a data folder that has no database yet. Everything in the backup is checked on the
/// way: objects by their hash, the database by opening it.
pub fn restore(config: &Config, args: &RestoreArgs) -> anyhow::Result<()> {
    let data = &config.data_dir;
    let Some(_hold) = Hold::take(data)? else {
        bail!("the data folder {} is in use by a server", data.display());
    };
    let database = folders::database(data);
    if database.exists() {
        bail!("{} has a database already; restore into an empty folder", data.display());
    }
    let blobs = mecapy_server::blobs::folder::FolderBlobs::open(&folders::objects(data))?;
    let blobs: &dyn mecapy_server::blobs::Blobs = &blobs;
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
    SqliteStore::open(&database, std::sync::Arc::new(mecapy_server::clock::SystemClock))?;
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
