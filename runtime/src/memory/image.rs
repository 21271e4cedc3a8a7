//! What a memory holds before its first call: a base, and the pages over it that differ.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::mapping::Mapping;

/// Pages of the host, in which images differ and memories are put back.
pub const PAGE: usize = 4096;

/// Pages of WebAssembly, in which memories are as large as they are.
const WASM_PAGE: usize = 64 * 1024;

/// Runs at least this long are mapped; shorter ones are copied, which costs less than a
/// mapping of their own.
const MIN_MAPPED_PAGES: usize = 24;

/// Most mappings that a slot's image takes, besides the base.
pub const MAX_MAPPED_RUNS: usize = 24;

/// Pages that follow each other and differ from the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number of the first page.
    pub first: u32,
    pub pages: u32,
}

impl Run {
    /// The bytes of a memory that it is.
    pub fn range(self) -> Range<usize> {
        let start = self.first as usize * PAGE;
        start..start + self.pages as usize * PAGE
    }
}

/// Changed pages, as they stand in a file.
pub struct Delta {
    pub mapping: Mapping,
    /// Where in the file the first page is; a whole number of pages.
    pub offset: usize,
    /// In their order, apart from each other; their pages follow each other in the file.
    pub runs: Vec<Run>,
}

/// A part of an image, and where its content is.
#[derive(Clone, Debug)]
pub struct Segment {
    pub range: Range<usize>,
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// At the same place of the base.
    Base,
    /// At this place of the delta's file.
    Delta {
        at: usize,
        mapped: bool,
    },
    Zero,
}

/// The content of a memory before its first call.
pub struct Image {
    /// Unlike any other's in this process.
    id: u64,
    pub base: Arc<Mapping>,
    pub delta: Option<Delta>,
    len: usize,
    /// Covers the whole image, in order.
    segments: Vec<Segment>,
    /// What the instance's mutable globals are set to.
    pub globals: Vec<u32>,
}

impl Image {
    /// An image that is a file's content: a whole number of WebAssembly pages.
    pub fn of_base(base: Arc<Mapping>, globals: Vec<u32>) -> io::Result<Arc<Self>> {
        let len = base.len();
        Self::new(base, None, len, globals)
    }

    /// An image of `len` bytes that is a base with other pages over it.
    pub fn new(
        base: Arc<Mapping>,
        delta: Option<Delta>,
        len: usize,
        globals: Vec<u32>,
    ) -> io::Result<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let refuse = |why: &str| Err(io::Error::other(format!("a memory image: {why}")));
        if len == 0 || !len.is_multiple_of(WASM_PAGE) || !base.len().is_multiple_of(WASM_PAGE) {
            return refuse("must be a whole number of pages");
        }
        if len < base.len() {
            return refuse("is smaller than its base");
        }
        let runs = delta.as_ref().map_or(&[][..], |delta| &delta.runs);
        if let Some(delta) = &delta {
            let pages: usize = runs.iter().map(|run| run.pages as usize).sum();
            let whole = delta.offset.is_multiple_of(PAGE)
                && delta.offset + pages * PAGE <= delta.mapping.len();
            if !whole {
                return refuse("its file is cut short");
            }
        }
        let Some(segments) = segments(base.len(), len, delta.as_ref()) else {
            return refuse("its runs overlap, or lie outside");
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Self { id, base, delta, len, segments, globals }))
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The content of a part of one segment.
    pub fn content(&self, source: Source, segment: usize, part: &Range<usize>) -> Option<&[u8]> {
        let length = part.len();
        match source {
            Source::Base => self.base.bytes().get(part.clone()),
            Source::Delta { at, .. } => {
                let start = at + (part.start - segment);
                self.delta.as_ref()?.mapping.bytes().get(start..start + length)
            }
            Source::Zero => None,
        }
    }

    /// Calls `each` with the parts of a range, and their content: none is zeros.
    pub fn parts<'a>(
        &'a self,
        range: Range<usize>,
        mut each: impl FnMut(Range<usize>, Option<&'a [u8]>),
    ) {
        let first = self.segments.partition_point(|segment| segment.range.end <= range.start);
        for segment in &self.segments[first..] {
            if segment.range.start >= range.end {
                break;
            }
            let part = range.start.max(segment.range.start)..range.end.min(segment.range.end);
            let content = self.content(segment.source, segment.range.start, &part);
            each(part, content);
        }
    }

    /// Whether a part of a memory is what it is in the image.
    pub fn equals(&self, range: Range<usize>, memory: &[u8]) -> bool {
        let mut equal = true;
        self.parts(range, |part, content| {
            equal = equal
                && match content {
                    Some(content) => memory[part] == *content,
                    None => memory[part].iter().all(|&byte| byte == 0),
                };
        });
        equal
    }

    /// Whether a page is copied when a memory is made, and not mapped.
    pub fn is_copied(&self, at: usize) -> bool {
        let segment = self.segments.partition_point(|segment| segment.range.end <= at);
        let segment = self.segments.get(segment);
        segment.is_some_and(|one| matches!(one.source, Source::Delta { mapped: false, .. }))
    }

    /// So many bytes of the content, if they lie within one page.
    pub fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if at % PAGE + N > PAGE || at + N > self.len {
            return None;
        }
        let mut bytes = [0; N];
        self.parts(at..at + N, |_, content| {
            if let Some(content) = content {
                bytes.copy_from_slice(content);
            }
        });
        Some(bytes)
    }

    /// The whole content.
    #[cfg(test)]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.parts(0..self.len, |part, content| {
            if let Some(content) = content {
                bytes[part].copy_from_slice(content);
            }
        });
        bytes
    }
}

/// Lays the runs over the base; nothing if they are not in order and within the image.
fn segments(base: usize, len: usize, delta: Option<&Delta>) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    // What no run covers, from `start` to `end`.
    let fill = |segments: &mut Vec<Segment>, start: usize, end: usize| {
        let split = base.clamp(start, end);
        for (range, source) in [(start..split, Source::Base), (split..end, Source::Zero)] {
            if !range.is_empty() {
                segments.push(Segment { range, source });
            }
        }
    };
    let mut at = 0;
    if let Some(delta) = delta {
        // The longest runs are mapped, as many as a slot may have mappings.
        let mut lengths: Vec<u32> = delta.runs.iter().map(|run| run.pages).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let shortest = lengths.get(MAX_MAPPED_RUNS).map_or(0, |pages| pages + 1);
        let mut file = delta.offset;
        for run in &delta.runs {
            let (start, pages) = (run.first as usize * PAGE, run.pages as usize);
            let end = start.checked_add(pages.checked_mul(PAGE)?)?;
            if start < at || end > len || pages == 0 {
                return None;
            }
            fill(&mut segments, at, start);
            let mapped = pages >= MIN_MAPPED_PAGES && run.pages >= shortest;
            segments
                .push(Segment { range: start..end, source: Source::Delta { at: file, mapped } });
            file += pages * PAGE;
            at = end;
        }
    }
    fill(&mut segments, at, len);
    Some(segments)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An image, and the folder of its files, which are opened again for each slot.
    pub struct Sample {
        pub image: Arc<Image>,
        _folder: tempfile::TempDir,
    }

    impl std::ops::Deref for Sample {
        type Target = Arc<Image>;

        fn deref(&self) -> &Arc<Image> {
            &self.image
        }
    }

    /// An image of `pages` WebAssembly pages over a base of `base_pages`, with some of its
    /// pages changed.
    pub fn image(base_pages: usize, pages: usize, runs: &[(u32, u32)]) -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        let bytes: Vec<u8> = (0..base_pages * WASM_PAGE).map(|at| (at / 251) as u8).collect();
        std::fs::write(&base, bytes).unwrap();
        let runs: Vec<Run> = runs.iter().map(|&(first, pages)| Run { first, pages }).collect();
        let changed: usize = runs.iter().map(|run| run.pages as usize).sum();
        let delta = folder.path().join("delta");
        let bytes: Vec<u8> = (0..(1 + changed) * PAGE).map(|at| (at / 7) as u8 ^ 0x5a).collect();
        std::fs::write(&delta, bytes).unwrap();
        let delta = Delta { mapping: Mapping::open(&delta).unwrap(), offset: PAGE, runs };
        let base = Arc::new(Mapping::open(&base).unwrap());
        let image = Image::new(base, Some(delta), pages * WASM_PAGE, Vec::new()).unwrap();
        Sample { image, _folder: folder }
    }

    #[test]
    fn segments_cover_the_image_in_order() {
        let image = image(2, 4, &[(3, 1), (4, 2), (30, 10), (50, 1)]);
        let mut at = 0;
        for segment in image.segments() {
            assert_eq!(segment.range.start, at);
            at = segment.range.end;
        }
        assert_eq!(at, image.len());
        let content = image.to_vec();
        let delta = image.delta.as_ref().unwrap();
        assert_eq!(content[..3 * PAGE], image.base.bytes()[..3 * PAGE]);
        assert_eq!(content[3 * PAGE..6 * PAGE], delta.mapping.bytes()[PAGE..4 * PAGE]);
        assert_eq!(content[30 * PAGE..40 * PAGE], delta.mapping.bytes()[4 * PAGE..14 * PAGE]);
        assert!(content[51 * PAGE..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn images_that_are_no_memory_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, length: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![1; length]).unwrap();
            Mapping::open(&path).unwrap()
        };
        for length in [1, WASM_PAGE - 1, WASM_PAGE + 1] {
            assert!(Image::of_base(Arc::new(open("odd", length)), Vec::new()).is_err());
        }
        let base = Arc::new(open("base", WASM_PAGE));
        let cases: [(&[(u32, u32)], usize); 6] = [
            (&[(0, 1), (0, 1)], WASM_PAGE),
            (&[(3, 2), (4, 1)], WASM_PAGE),
            (&[(4, 1), (3, 1)], WASM_PAGE),
            (&[(15, 2)], WASM_PAGE),
            (&[(0, 0)], WASM_PAGE),
            (&[(u32::MAX, 1)], WASM_PAGE),
        ];
        for (runs, len) in cases {
            let runs = runs.iter().map(|&(first, pages)| Run { first, pages }).collect();
            let delta = Delta { mapping: open("delta", 4 * PAGE), offset: 0, runs };
            assert!(Image::new(base.clone(), Some(delta), len, Vec::new()).is_err());
        }
        let short = Delta {
            mapping: open("short", PAGE),
            offset: 0,
            runs: vec![Run { first: 0, pages: 2 }],
        };
        assert!(Image::new(base, Some(short), WASM_PAGE, Vec::new()).is_err());
    }

    #[test]
    fn the_longest_runs_are_mapped_and_only_so_many() {
        let runs: Vec<(u32, u32)> = (0..40).map(|at| (at * 100, 24 + at)).collect();
        let image = image(1, 300, &runs);
        let mapped =
            |segment: &&Segment| matches!(segment.source, Source::Delta { mapped: true, .. });
        let count = image.segments().iter().filter(mapped).count();
        assert_eq!(count, MAX_MAPPED_RUNS);
        let last = image.segments().iter().rfind(mapped).unwrap();
        assert_eq!(last.range.start, 39 * 100 * PAGE);
    }
}
