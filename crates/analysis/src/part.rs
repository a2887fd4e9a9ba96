//! The runs and names that one scan unit yielded, packed; in memory, or in a temporary file when there are
//! too many of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use vminspect_bytes::BlockCache;
use vminspect_filesystem::FileId;

/// Packed parts that are kept in memory after they were read back.
const CACHE_BUDGET: usize = 16 << 20;
/// What a process needs besides its tables.
const BASE_MEMORY: u64 = 64 << 20;

const RUN: usize = 24;
const ENTRY: usize = 16;

/// A stored run of a file's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// First position in the file.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) length: u64,
    /// Where they lie on the view.
    pub(crate) place: u64,
}

/// Collects a part.
#[derive(Default)]
pub(crate) struct PartBuilder {
    runs: Vec<u8>,
    entries: Vec<u8>,
    names: Vec<u8>,
}

impl PartBuilder {
    pub(crate) fn add_run(&mut self, run: Run) {
        for field in [run.start, run.length, run.place] {
            self.runs.extend_from_slice(&field.to_le_bytes());
        }
    }

    pub(crate) fn add_entry(&mut self, name: &[u8], child: FileId) {
        self.entries.extend_from_slice(&child.0.to_le_bytes());
        self.entries.extend_from_slice(&position(self.names.len()).to_le_bytes());
        self.entries.extend_from_slice(&position(name.len()).to_le_bytes());
        self.names.extend_from_slice(name);
    }

    pub(crate) fn runs(&self) -> u32 {
        position(self.runs.len() / RUN)
    }

    pub(crate) fn entries(&self) -> u32 {
        position(self.entries.len() / ENTRY)
    }

    /// Whether its entries are those of a directory, in the same order.
    pub(crate) fn holds(&self, directory: &Directory) -> bool {
        let mut rows = self.entries.chunks_exact(ENTRY);
        let same = directory.iter().all(|(name, child)| {
            rows.next().is_some_and(|row| field(row, 0) == child.0 && text(&self.names, row) == name)
        });
        same && rows.next().is_none()
    }

    /// The packed part, put wherever `memory` has room.
    pub(crate) fn finish(self, memory: &TableMemory) -> Part {
        let names_at = self.runs.len() + self.entries.len();
        let mut bytes = Vec::with_capacity(names_at + self.names.len());
        bytes.extend_from_slice(&self.runs);
        bytes.extend_from_slice(&self.entries);
        bytes.extend_from_slice(&self.names);
        Part { entries_at: self.runs.len(), names_at, place: memory.put(bytes) }
    }
}

/// Scan units hold a few thousand records, and their names less than 4 GiB: positions fit 32 bits.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A packed part.
#[derive(Debug)]
pub(crate) struct Part {
    entries_at: usize,
    names_at: usize,
    place: PartPlace,
}

#[derive(Debug)]
enum PartPlace {
    Memory(Arc<[u8]>),
    File { offset: u64, length: usize },
}

impl Part {
    /// Runs `first..first + count`.
    pub(crate) fn runs(&self, memory: &TableMemory, first: u32, count: u32) -> Vec<Run> {
        if count == 0 {
            return Vec::new();
        }
        let bytes = memory.get(&self.place);
        let rows = bytes.get(..self.entries_at).unwrap_or_default().chunks_exact(RUN);
        let run = |row: &[u8]| Run { start: field(row, 0), length: field(row, 8), place: field(row, 16) };
        rows.skip(first as usize).take(count as usize).map(run).collect()
    }

    /// The directory whose entries are `first..first + count`.
    pub(crate) fn directory(&self, memory: &TableMemory, first: u32, count: u32) -> Directory {
        let start = self.entries_at + first as usize * ENTRY;
        let end = start + count as usize * ENTRY;
        if count == 0 {
            return Directory::default();
        }
        Directory { bytes: Some(memory.get(&self.place)), entries: (start, end), names_at: self.names_at }
    }
}

fn field(row: &[u8], at: usize) -> u64 {
    row.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The name that a packed entry means.
fn text<'a>(names: &'a [u8], row: &[u8]) -> &'a [u8] {
    let packed = field(row, 8);
    let start = usize::try_from(packed & 0xffff_ffff).unwrap_or(0);
    let length = usize::try_from(packed >> 32).unwrap_or(0);
    names.get(start..start + length).unwrap_or_default()
}

/// The names of one directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    bytes: Option<Arc<[u8]>>,
    entries: (usize, usize),
    names_at: usize,
}

impl Directory {
    /// Each name and the file it names, as stored.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], FileId)> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let rows = bytes.get(self.entries.0..self.entries.1).unwrap_or_default().chunks_exact(ENTRY);
        rows.map(move |row| (self.text(row), FileId(field(row, 0))))
    }

    /// The name at a position.
    pub(crate) fn name(&self, position: usize) -> &[u8] {
        let start = self.entries.0 + position * ENTRY;
        let bytes = self.bytes.as_deref().unwrap_or_default();
        bytes.get(start..start + ENTRY).map(|row| self.text(row)).unwrap_or_default()
    }

    fn text(&self, row: &[u8]) -> &[u8] {
        let names = self.bytes.as_deref().and_then(|bytes| bytes.get(self.names_at..));
        text(names.unwrap_or_default(), row)
    }

    /// The same, sorted by name. Equal names stay in the order in which they are stored.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], FileId)> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_by_key(|(name, _)| *name);
        entries
    }
}

/// Where the tables of an analysis live: in memory up to a budget, above it in a temporary file.
#[derive(Debug)]
pub(crate) struct TableMemory {
    budget: u64,
    used: AtomicU64,
    spilled: OnceLock<Option<File>>,
    end: AtomicU64,
    cache: BlockCache<u64>,
    failure: Mutex<Option<io::Error>>,
}

impl TableMemory {
    /// Tables of a process that should stay within `memory` bytes.
    pub(crate) fn within(memory: u64) -> Self {
        Self {
            budget: memory.saturating_sub(BASE_MEMORY),
            used: AtomicU64::new(0),
            spilled: OnceLock::new(),
            end: AtomicU64::new(0),
            cache: BlockCache::new(CACHE_BUDGET),
            failure: Mutex::new(None),
        }
    }

    /// Counts memory that something else uses.
    pub(crate) fn count(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn put(&self, bytes: Vec<u8>) -> PartPlace {
        let length = bytes.len();
        let used = self.used.fetch_add(length as u64, Ordering::Relaxed);
        let over = used.saturating_add(length as u64) > self.budget && length > 0;
        if over && let Some(file) = self.spilled.get_or_init(|| tempfile::tempfile().ok()) {
            let offset = self.end.fetch_add(length as u64, Ordering::Relaxed);
            if file.write_all_at(&bytes, offset).is_ok() {
                self.used.fetch_sub(length as u64, Ordering::Relaxed);
                return PartPlace::File { offset, length };
            }
        }
        PartPlace::Memory(bytes.into())
    }

    fn get(&self, place: &PartPlace) -> Arc<[u8]> {
        match place {
            PartPlace::Memory(bytes) => Arc::clone(bytes),
            PartPlace::File { offset, length } => {
                self.cache.get_or_insert(*offset, || self.load(*offset, *length)).unwrap_or_else(|error| {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Arc::from([])
                })
            }
        }
    }

    fn load(&self, offset: u64, length: usize) -> io::Result<Arc<[u8]>> {
        let file = self.spilled.get().and_then(Option::as_ref).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    }

    /// Why tables could not be read back, if so: the analysis is not complete then.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(memory: &TableMemory, names: u32) -> Part {
        let mut builder = PartBuilder::default();
        for name in 0..names {
            builder.add_run(Run { start: 0, length: name.into(), place: 7 });
            builder.add_entry(format!("name {name}").as_bytes(), FileId(name.into()));
        }
        builder.finish(memory)
    }

    #[test]
    fn parts_are_the_same_in_memory_and_in_a_file() {
        let (large, none) = (TableMemory::within(1 << 30), TableMemory::within(0));
        for memory in [large, none] {
            let parts: Vec<Part> = (0..50).map(|count| part(&memory, count)).collect();
            let in_file = matches!(parts[9].place, PartPlace::File { .. });
            assert_eq!(in_file, memory.budget == 0);
            for (count, part) in (0_u32..).zip(&parts) {
                let runs = part.runs(&memory, 0, count);
                assert_eq!(
                    runs.iter().map(|run| run.length).collect::<Vec<_>>(),
                    (0..u64::from(count)).collect::<Vec<_>>()
                );
                let directory = part.directory(&memory, count / 2, count - count / 2);
                let names: Vec<_> = directory.iter().map(|(name, id)| (name.to_vec(), id)).collect();
                let expected: Vec<_> = (count / 2..count)
                    .map(|name| (format!("name {name}").into_bytes(), FileId(name.into())))
                    .collect();
                assert_eq!(names, expected);
            }
            assert!(memory.take_failure().is_none());
        }
    }
}
