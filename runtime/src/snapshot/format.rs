//! A snapshot as bytes.
//!
//! On disk: a header (length, JSON) filled up to a whole page, then the changed pages,
//! which are mapped as they are. Its id is the hash of all that. Sent and stored it is
//! compressed.

use std::io::Read;
use std::sync::Arc;

use model::{Snapshot, SnapshotId};
use serde::{Deserialize, Serialize};

use crate::memory::{Image, MAX_MAPPED_RUNS, PAGE, Run, Slot};

/// Changed whenever the meaning of the bytes changes.
const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"mecasnap";

/// Where the header's JSON begins: after the magic and its length.
const JSON_AT: usize = 12;

const MAX_HEADER_BYTES: usize = 4 * 1024 * 1024;

/// Largest snapshot, uncompressed: what a memory may hold at most, and its header.
const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Fast, and near what slower levels give for pages.
const COMPRESSION: i32 = 3;

/// Most pages of a snapshot that are copied, where joining can do it: a page costs about a
/// microsecond.
const MAX_COPIED_PAGES: u32 = 128;

/// Names the interpreter that a snapshot continues: its component, memory and globals.
pub type Identity = String;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    format: u32,
    pub base: Identity,
    /// Bytes of the memory.
    pub len: usize,
    pub globals: Vec<u32>,
    /// First page and number of pages of each run.
    runs: Vec<(u32, u32)>,
}

impl Header {
    pub fn runs(&self) -> Vec<Run> {
        self.runs.iter().map(|&(first, pages)| Run { first, pages }).collect()
    }
}

/// The snapshot's bytes as they lie on disk, of a memory that began as `image`.
pub fn write(base: &Identity, image: &Image, memory: &Slot, globals: Vec<u32>) -> Vec<u8> {
    let bytes = memory.bytes();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (number, page) in bytes.chunks(PAGE).enumerate() {
        let start = number * PAGE;
        let mut same = true;
        image.parts(start..(start + PAGE).min(image.len()), |part, content| {
            let written = &bytes[part];
            same = same
                && match content {
                    Some(content) => written == content,
                    None => written.iter().all(|&byte| byte == 0),
                };
        });
        if start >= image.len() {
            same = page.iter().all(|&byte| byte == 0);
        }
        if same {
            continue;
        }
        match runs.last_mut() {
            Some((first, pages)) if *first + *pages == number as u32 => *pages += 1,
            _ => runs.push((number as u32, 1)),
        }
    }
    let runs = joined(&runs);
    let header = Header { format: FORMAT, base: base.clone(), len: bytes.len(), globals, runs };
    let json = serde_json::to_vec(&header).expect("a header is JSON");
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(json.len() as u32).to_le_bytes());
    out.extend_from_slice(&json);
    out.resize(out.len().next_multiple_of(PAGE), 0);
    for (first, pages) in header.runs {
        let start = first as usize * PAGE;
        out.extend_from_slice(&bytes[start..start + pages as usize * PAGE]);
    }
    out
}

/// Joins runs that are near each other, with what lies between them, until few enough pages
/// are left that are in no long run: those are copied whenever a memory is made.
fn joined(runs: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut joined = runs.to_vec();
    for gap in [1, 2, 4, 8, 16, 32] {
        let mut lengths: Vec<u32> = joined.iter().map(|run| run.1).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        if lengths.iter().skip(MAX_MAPPED_RUNS).sum::<u32>() <= MAX_COPIED_PAGES {
            break;
        }
        joined.clear();
        for &(first, pages) in runs {
            match joined.last_mut() {
                Some((start, length)) if first - (*start + *length) <= gap => {
                    *length = first + pages - *start;
                }
                _ => joined.push((first, pages)),
            }
        }
    }
    joined
}

/// The header, and where the pages begin. Nothing if this is no snapshot of this format.
pub fn read(bytes: &[u8]) -> Option<(Header, usize)> {
    let length = bytes.strip_prefix(MAGIC)?.get(..4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    if length > MAX_HEADER_BYTES {
        return None;
    }
    let json = bytes.get(JSON_AT..JSON_AT + length)?;
    let header: Header = serde_json::from_slice(json).ok()?;
    (header.format == FORMAT).then_some((header, (JSON_AT + length).next_multiple_of(PAGE)))
}

pub fn id_of(bytes: &[u8]) -> SnapshotId {
    let hash = blake3::hash(bytes).to_hex();
    SnapshotId::parse(hash.as_str()).expect("a hash is an id")
}

pub fn compress(bytes: &[u8]) -> std::io::Result<Snapshot> {
    let compressed: Arc<[u8]> = zstd::bulk::compress(bytes, COMPRESSION)?.into();
    Ok(Snapshot { id: id_of(bytes), bytes: compressed })
}

pub fn decompress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    zstd::Decoder::new(bytes)?.take(MAX_BYTES + 1).read_to_end(&mut out)?;
    if out.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("a snapshot that is too large"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_only_if_there_are_many() {
        let few: Vec<(u32, u32)> = (0..40).map(|at| (at * 3, 1)).collect();
        assert_eq!(joined(&few), few);
        let many: Vec<(u32, u32)> = (0..1000).map(|at| (at * 3, 1)).collect();
        assert_eq!(joined(&many), [(0, 2998)]);
        // Too far apart for any.
        let far: Vec<(u32, u32)> = (0..1000).map(|at| (at * 100, 1)).collect();
        assert_eq!(joined(&far), far);
    }

    #[test]
    fn what_is_no_snapshot_is_not_read() {
        for bytes in [&b""[..], b"mecasnap", b"mecasnap\xff\xff\xff\xff", b"mecasnap\x02\0\0\0{}"] {
            assert!(read(bytes).is_none());
        }
        let json = br#"{"format":0,"base":"b","len":65536,"globals":[],"runs":[]}"#;
        let mut bytes = MAGIC.to_vec();
        bytes.extend((json.len() as u32).to_le_bytes());
        bytes.extend(json);
        assert!(read(&bytes).is_none());
        assert!(decompress(b"not zstd").is_err());
    }
}
