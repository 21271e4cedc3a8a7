//! What is peculiar to files on a disk: permissions, damage, strangers, and its end.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;

use super::FolderBlobs;
use crate::blobs::{BlobError, BlobKey, Blobs, Stored};

fn store() -> (TempDir, FolderBlobs) {
    let root = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(root.path()).unwrap();
    (root, blobs)
}

fn path_of(root: &Path, key: &BlobKey) -> PathBuf {
    let key = key.to_string();
    root.join("objects").join(&key[..2]).join(&key[2..])
}

fn staged_files(root: &Path) -> usize {
    fs::read_dir(root.join("staging")).unwrap().count()
}

#[tokio::test]
async fn a_store_is_its_owners_alone_and_is_found_again() {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().join("several/levels/blobs");
    let key = FolderBlobs::open(&root).unwrap().put("kept".into()).await.unwrap().key;
    let object = path_of(&root, &key);
    let folders = ["", "objects", "staging"].map(|name| root.join(name));
    for folder in folders.iter().map(PathBuf::as_path).chain(object.parent()) {
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o7777, 0o700, "{}", folder.display());
    }
    assert_eq!(fs::metadata(&object).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(FolderBlobs::open(&root).unwrap().size(&key).await, Ok(4));
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let root = tempfile::NamedTempFile::new().unwrap();
    let refused = FolderBlobs::open(root.path()).err();
    assert!(matches!(refused, Some(BlobError::Unavailable(_))), "{refused:?}");
    // Also one level down.
    let root = tempfile::tempdir().unwrap();
    File::create(root.path().join("objects")).unwrap();
    let refused = FolderBlobs::open(root.path()).err();
    assert!(matches!(refused, Some(BlobError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn what_a_crash_left_in_staging_is_cleared() {
    let (root, blobs) = store();
    let kept = blobs.put("kept".into()).await.unwrap().key;
    let staging = root.path().join("staging");
    for _ in 0..3 {
        // A process that dies removes nothing.
        let (mut file, _) = blobs.folder.new_staged().unwrap().keep().unwrap();
        file.write_all(b"half").unwrap();
    }
    fs::write(staging.join("a-note-by-the-operator"), "").unwrap();
    fs::create_dir(staging.join("staged-folder")).unwrap();
    symlink(path_of(root.path(), &kept), staging.join("staged-link")).unwrap();
    assert_eq!(blobs.clear_staging().await, Ok(3));
    assert_eq!(blobs.clear_staging().await, Ok(0));
    assert_eq!(staged_files(root.path()), 3);
    assert_eq!(blobs.size(&kept).await, Ok(4));
}

/// A reading of a blob whose file was meddled with.
#[derive(Debug)]
struct Reading {
    /// Of the file as it is now.
    file_bytes: u64,
    got_bytes: u64,
    end: Result<(), BlobError>,
}

impl Reading {
    /// Corrupt, and known to be before the last bytes; of one chunk, before the first.
    fn is_corrupt(&self) -> bool {
        let Self { file_bytes, got_bytes, .. } = *self;
        matches!(self.end, Err(BlobError::Corrupt(_)))
            && (got_bytes == 0 || got_bytes < file_bytes && file_bytes > 262_144)
    }
}

/// What readers get of a blob of these bytes after its file was meddled with: in the
/// streaming and in the blocking form.
async fn meddled(bytes: &[u8], meddle: impl FnOnce(&Path)) -> [Reading; 2] {
    let (root, blobs) = store();
    let Stored { key, .. } = blobs.put(Bytes::copy_from_slice(bytes)).await.unwrap();
    let path = path_of(root.path(), &key);
    meddle(&path);
    let file_bytes = fs::metadata(path).unwrap().len();
    let (mut got_bytes, mut blocking) = (0, Vec::new());
    let end = match blobs.read(&key, None).await {
        Ok(mut read) => loop {
            match read.stream.try_next().await {
                Ok(Some(piece)) => got_bytes += piece.len() as u64,
                Ok(None) => break Ok(()),
                Err(error) => break Err(BlobError::from(error)),
            }
        },
        Err(error) => Err(error),
    };
    let read = blobs.open_blocking(&key).and_then(|mut reader| {
        let read = reader.read_to_end(&mut blocking).map(drop);
        // What failed does not look like the end when it is asked again.
        assert_eq!(reader.read(&mut [0]).is_err(), read.is_err());
        Ok(read?)
    });
    let streamed = Reading { file_bytes, got_bytes, end };
    [streamed, Reading { file_bytes, got_bytes: blocking.len() as u64, end: read }]
}

#[tokio::test]
async fn an_altered_file_is_corrupt_before_its_last_bytes() {
    for length in [1, 1000, 262_144, 700_000] {
        let bytes = vec![7; length];
        let flip = |path: &Path| {
            let mut altered = fs::read(path).unwrap();
            altered[0] ^= 1;
            fs::write(path, altered).unwrap();
        };
        let cut = |path: &Path| fs::write(path, &fs::read(path).unwrap()[..length - 1]).unwrap();
        let empty = |path: &Path| fs::write(path, "").unwrap();
        let grow = |path: &Path| {
            File::options().append(true).open(path).unwrap().write_all(&[7]).unwrap();
        };
        let damages: [&dyn Fn(&Path); 4] = [&flip, &cut, &empty, &grow];
        for (number, damage) in damages.into_iter().enumerate() {
            for reading in meddled(&bytes, damage).await {
                assert!(reading.is_corrupt(), "damage {number} of {length} bytes: {reading:?}");
            }
        }
        for reading in meddled(&bytes, |_| ()).await {
            assert_eq!((reading.got_bytes, reading.end), (length as u64, Ok(())));
        }
    }
    for reading in meddled(b"", |path| fs::write(path, "x").unwrap()).await {
        assert!(reading.is_corrupt(), "{reading:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_is_corrupt() {
    let (root, blobs) = store();
    let Stored { key, .. } = blobs.put(vec![7; 1_000_000].into()).await.unwrap();
    for range in [None, Some(1..900_000)] {
        let read = blobs.read(&key, range).await.unwrap();
        File::options().write(true).open(path_of(root.path(), &key)).unwrap().set_len(10).unwrap();
        let got: io::Result<Vec<Bytes>> = read.stream.try_collect().await;
        assert!(matches!(got.map_err(BlobError::from), Err(BlobError::Corrupt(_))));
        // A blob of another size is not taken for the same content: this replaces it.
        blobs.put(vec![7; 1_000_000].into()).await.unwrap();
    }
    assert_eq!(blobs.size(&key).await, Ok(1_000_000));
}

#[tokio::test]
async fn what_is_stored_again_is_new_again() {
    let (root, blobs) = store();
    let Stored { key, .. } = blobs.put("again".into()).await.unwrap();
    let path = path_of(root.path(), &key);
    let inode = fs::metadata(&path).unwrap().ino();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    assert_eq!(blobs.list(None, 1).await.unwrap()[0].modified, old);
    blobs.put("again".into()).await.unwrap();
    assert!(blobs.list(None, 1).await.unwrap()[0].modified > old);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "it was replaced");
}

#[tokio::test]
async fn foreign_files_are_neither_listed_nor_read() {
    let (root, blobs) = store();
    let Stored { key, .. } = blobs.put("ours".into()).await.unwrap();
    let objects = root.path().join("objects");
    let ours = path_of(root.path(), &key);
    let prefix = ours.parent().unwrap();
    let digits = |c: &str| c.repeat(62);
    fs::write(objects.join("README"), "").unwrap();
    fs::write(objects.join("00"), "a file in the place of a folder").unwrap();
    fs::create_dir(objects.join("AB")).unwrap();
    fs::write(objects.join("AB").join(digits("1")), "").unwrap();
    fs::write(prefix.join(".nfs0001"), "").unwrap();
    fs::write(prefix.join(digits("F")), "").unwrap();
    fs::write(prefix.join(digits("1") + "1"), "").unwrap();
    let foreign = ["1", "2", "3"].map(|c| prefix.join(digits(c)));
    fs::create_dir(&foreign[0]).unwrap();
    symlink(&ours, &foreign[1]).unwrap();
    assert!(Command::new("mkfifo").arg(&foreign[2]).status().unwrap().success());

    let listed = blobs.list(None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.key).collect::<Vec<_>>(), [key]);
    let first = format!("00{}", digits("0"));
    let names = ["1", "2", "3"].map(|c| format!("{}{}", &key.to_string()[..2], digits(c)));
    for name in names.iter().chain([&first]) {
        let absent: BlobKey = name.parse().unwrap();
        assert_eq!(blobs.size(&absent).await, Err(BlobError::NotFound));
        assert_eq!(blobs.read(&absent, None).await.err(), Some(BlobError::NotFound));
    }
}

#[tokio::test]
async fn a_store_that_is_gone_is_unavailable() {
    let (root, blobs) = store();
    let staging = root.path().join("staging");
    fs::remove_dir(&staging).unwrap();
    for failed in [blobs.check().await, blobs.put("x".into()).await.map(drop)] {
        let Err(BlobError::Unavailable(why)) = failed else { panic!("{failed:?}") };
        assert!(why.contains(staging.to_str().unwrap()), "{why}");
    }
    fs::create_dir(&staging).unwrap();
    assert_eq!(blobs.check().await, Ok(()));
    fs::remove_dir(root.path().join("objects")).unwrap();
    for failed in [blobs.check().await, blobs.put("x".into()).await.map(drop)] {
        assert!(matches!(failed, Err(BlobError::Unavailable(_))), "{failed:?}");
    }
    assert_eq!(staged_files(root.path()), 0);
}

/// A file system of 1 MiB in memory, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` without the right to mount, which root has to have.
    fn mount() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "mecapy-test"]).arg(folder.path());
        assert!(mount.status().unwrap().success(), "root cannot mount a file system");
        Some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.0.path().display());
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_full_and_nothing_stays_on_it() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not root: no small disk to fill");
        return;
    };
    let root = disk.0.path();
    let blobs = FolderBlobs::open(root).unwrap();
    let kept = blobs.put(vec![1; 300_000].into()).await.unwrap().key;

    let large = vec![2; 2 << 20];
    assert_eq!(blobs.put(large.clone().into()).await, Err(BlobError::Full));
    assert_eq!(staged_files(root), 0);
    let pieces = large.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece)));
    let pieces = stream::iter(pieces.collect::<Vec<_>>()).boxed();
    assert_eq!(blobs.stage(pieces, u64::MAX).await.err(), Some(BlobError::Full));
    assert_eq!(staged_files(root), 0);
    assert_eq!(blobs.put_blocking(&large), Err(BlobError::Full));
    let mut writer = blobs.stage_blocking(u64::MAX).unwrap();
    let refused = writer.write_all(&large).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    // Its space is free again before the writer is gone.
    assert_eq!(staged_files(root), 0);
    assert_eq!(writer.finish(), Err(BlobError::Full));
    assert_eq!(blobs.list(None, 10).await.unwrap().len(), 1);

    // Not a byte is left: what is there can still be read and deleted.
    assert!(fs::write(root.join("filler"), &large).is_err());
    assert_eq!(blobs.check().await, Err(BlobError::Full));
    assert_eq!(blobs.put("x".into()).await, Err(BlobError::Full));
    assert_eq!(blobs.stage_blocking(9).unwrap().finish().unwrap().bytes, 0);
    assert_eq!(staged_files(root), 0);
    assert!(blobs.read(&kept, None).await.is_ok());
    let later = SystemTime::now() + Duration::from_secs(60);
    assert_eq!(blobs.remove(&kept, later).await, Ok(true));
    assert_eq!(blobs.check().await, Ok(()));
    assert_eq!(blobs.put("x".into()).await.unwrap().bytes, 1);
}

#[test]
fn a_store_on_two_file_systems_is_refused() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not root: no second file system");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    symlink(disk.0.path(), root.path().join("objects")).unwrap();
    let refused = FolderBlobs::open(root.path()).err();
    assert!(matches!(refused, Some(BlobError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_unavailable() {
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere: a file system that is read-only says no to it, too.
        let disk = SmallDisk::mount().unwrap();
        let blobs = FolderBlobs::open(disk.0.path()).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(disk.0.path());
        assert!(mount.status().unwrap().success());
        assert!(matches!(blobs.check().await, Err(BlobError::Unavailable(_))));
    } else {
        let (root, blobs) = store();
        for name in ["staging", "objects"] {
            let folder = root.path().join(name);
            fs::set_permissions(&folder, Permissions::from_mode(0o500)).unwrap();
            assert!(matches!(blobs.check().await, Err(BlobError::Unavailable(_))), "{name}");
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        }
        assert_eq!(blobs.check().await, Ok(()));
    }
}
