//! What a build is made from, as the archive that the daemon is sent, streamed: it may be
//! larger than memory.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use model::Tree;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

const CHUNK: usize = 256 * 1024;

/// Dates are not content. The first that a ZIP file can hold, for who packs files again.
const DATE: u64 = 315_532_800;

/// One part of a context: where it is put, and what it is.
pub enum Part {
    File(String, Vec<u8>),
    Tree(String, Arc<Tree>),
    /// Of this machine's disk.
    Folder(String, PathBuf),
    /// An archive of regular files.
    Archive(String, &'static [u8]),
}

/// The archive of some parts, in pieces. Dropping the stream ends its making.
pub fn stream(
    handle: &Handle,
    parts: Vec<Part>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(4);
    handle.spawn_blocking(move || {
        let mut pieces = Pieces { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) };
        let written = write(&parts, &mut pieces).and_then(|()| pieces.flush());
        if let Err(error) = written {
            // Whoever is gone needs no error.
            let _ = sender.blocking_send(Err(error));
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
    .fuse()
}

struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the build has ended");
        self.sender.blocking_send(Ok(piece.into())).map_err(gone)
    }
}

fn write(parts: &[Part], to: &mut impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    for part in parts {
        match part {
            Part::File(path, bytes) => {
                append(&mut archive, path, 0o644, bytes.len() as u64, bytes.as_slice())?
            }
            Part::Tree(at, tree) => {
                // `COPY` of a folder that is not there fails, even if there is nothing in it.
                folder(&mut archive, at)?;
                for (path, bytes) in tree.files() {
                    append(
                        &mut archive,
                        &join(at, &path),
                        0o644,
                        bytes.len() as u64,
                        bytes.as_slice(),
                    )?;
                }
            }
            Part::Folder(at, path) => {
                folder(&mut archive, at)?;
                add_folder(&mut archive, at, path)?;
            }
            Part::Archive(at, bytes) => {
                for entry in tar::Archive::new(*bytes).entries()? {
                    let entry = entry?;
                    let path = join(at, &entry.path()?.to_string_lossy());
                    append(&mut archive, &path, 0o644, entry.size(), entry)?;
                }
            }
        }
    }
    archive.into_inner()?;
    Ok(())
}

fn join(at: &str, path: &str) -> String {
    if at.is_empty() { path.to_owned() } else { format!("{at}/{path}") }
}

fn add_folder<W: Write>(archive: &mut tar::Builder<W>, at: &str, path: &Path) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let inner = join(at, name);
        let kind = entry.file_type()?;
        if kind.is_dir() {
            folder(archive, &inner)?;
            add_folder(archive, &inner, &entry.path())?;
        } else if kind.is_file() {
            let file = std::fs::File::open(entry.path())?;
            let metadata = file.metadata()?;
            let mode = if mode_of(&metadata) & 0o111 == 0 { 0o644 } else { 0o755 };
            // A file that grows meanwhile would break the archive.
            let size = metadata.len();
            append(archive, &inner, mode, size, file.take(size))?;
        }
        // Wheels have no links, sockets or devices: what else is here is nobody's.
    }
    Ok(())
}

fn mode_of(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    mode: u32,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = header(mode);
    header.set_size(size);
    archive.append_data(&mut header, path, content)
}

fn folder<W: Write>(archive: &mut tar::Builder<W>, path: &str) -> io::Result<()> {
    if path.is_empty() {
        return Ok(());
    }
    let mut header = header(0o755);
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    archive.append_data(&mut header, format!("{path}/"), io::empty())
}

fn header(mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_mtime(DATE);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: Vec<Part>) -> Vec<(String, u32, u64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pieces: Vec<_> = runtime.block_on(stream(runtime.handle(), parts).collect());
        let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let told = |entry: tar::Entry<&[u8]>| {
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (path, entry.header().mode().unwrap(), entry.size())
        };
        archive.entries().unwrap().map(|entry| told(entry.unwrap())).collect()
    }

    #[test]
    fn parts_are_put_where_they_belong() {
        let disk = tempfile::tempdir().unwrap();
        std::fs::create_dir(disk.path().join("inner")).unwrap();
        std::fs::write(disk.path().join("inner/large"), vec![7; 3 * CHUNK + 1]).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", disk.path().join("link")).unwrap();
        let mut tree = Tree::new();
        let long = format!("{}/x.py", "d".repeat(200));
        tree.insert(&long, "x").unwrap();
        let found = names(vec![
            Part::File("Dockerfile".to_owned(), b"FROM".to_vec()),
            Part::Tree("app".to_owned(), Arc::new(tree)),
            Part::Folder("deps".to_owned(), disk.path().to_owned()),
        ]);
        let expected = [
            ("Dockerfile".to_owned(), 0o644, 4),
            ("app/".to_owned(), 0o755, 0),
            (format!("app/{long}"), 0o644, 1),
            ("deps/".to_owned(), 0o755, 0),
            ("deps/inner/".to_owned(), 0o755, 0),
            ("deps/inner/large".to_owned(), 0o644, 3 * CHUNK as u64 + 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_an_error_of_the_stream() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parts = vec![Part::Folder("a".to_owned(), PathBuf::from("/nonexistent/folder"))];
        let pieces: Vec<_> = runtime.block_on(stream(runtime.handle(), parts).collect());
        assert!(pieces.iter().any(Result::is_err));
    }
}
