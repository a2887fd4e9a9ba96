//! Sorting more records than fit the memory: runs of them are sorted there, written to a temporary file, and merged.
//!
//! Records are bytes and are put in their order, so that what comes out does not depend on who put them in when.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use rayon::prelude::*;

/// Least memory that sorting works in.
const LEAST: u64 = 8 << 20;
/// Most memory of one run: positions in it have 32 bits.
const MOST: u64 = 1 << 30;
/// Least and most that is read of a run at once.
const READ: (usize, usize) = (16 << 10, 1 << 20);

/// Takes records in any order.
pub struct Sorter {
    reverse: bool,
    /// Bytes of records, and memory for their index, that a run may have.
    budget: usize,
    bytes: Vec<u8>,
    index: Vec<Slot>,
    spilled: Option<Spilled>,
}

/// A record of the run that is being gathered.
#[derive(Clone, Copy)]
struct Slot {
    /// Its first eight bytes, as a number: that mostly decides.
    key: u64,
    at: u32,
    length: u32,
}

/// Runs in a temporary file.
struct Spilled {
    file: File,
    end: u64,
    runs: Vec<(u64, u64)>,
}

impl Slot {
    fn bytes<'b>(&self, all: &'b [u8]) -> &'b [u8] {
        let start = self.at as usize;
        all.get(start..start + self.length as usize).unwrap_or_default()
    }
}

/// The first bytes of a record as a number. A shorter one is as if zeros followed; what follows them decides then.
fn key(record: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(record).for_each(|(place, byte)| *place = *byte);
    u64::from_be_bytes(first)
}

impl Sorter {
    /// A sorter that stays within `memory` bytes. `reverse` puts the greatest first.
    #[must_use]
    pub fn new(memory: u64, reverse: bool) -> Self {
        // While a run is written or the runs are merged, buffers take some, too.
        let budget = usize::try_from((memory - memory / 8).clamp(LEAST, MOST)).unwrap_or(usize::MAX);
        Self { reverse, budget, bytes: Vec::new(), index: Vec::new(), spilled: None }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When the temporary file cannot be made or written.
    pub fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let used = self.bytes.len() + self.index.len() * size_of::<Slot>();
        if used + record.len() + size_of::<Slot>() > self.budget && !self.index.is_empty() {
            self.spill()?;
        }
        self.reserve(record.len());
        let at = u32::try_from(self.bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let length = u32::try_from(record.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.bytes.extend_from_slice(record);
        self.index.push(Slot { key: key(record), at, length });
        Ok(())
    }

    /// Grows by halves: doubling could take twice what was asked for.
    fn reserve(&mut self, more: usize) {
        let (bytes, index) = (self.bytes.len() + more, self.index.len() + 1);
        if bytes > self.bytes.capacity() {
            self.bytes.reserve_exact((bytes / 2).max(1 << 16).min(self.budget.max(more)));
        }
        if index > self.index.capacity() {
            self.index.reserve_exact((index / 2).max(1 << 12));
        }
    }

    /// Puts the run in order.
    fn sort(&mut self) {
        let (bytes, reverse) = (&self.bytes, self.reverse);
        self.index.par_sort_unstable_by(|x, y| {
            let order = x.key.cmp(&y.key).then_with(|| x.bytes(bytes).cmp(y.bytes(bytes)));
            if reverse { order.reverse() } else { order }
        });
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        if self.spilled.is_none() {
            self.spilled = Some(Spilled { file: tempfile::tempfile()?, end: 0, runs: Vec::new() });
        }
        if let Some(spilled) = &mut self.spilled {
            spilled.write(&self.index, &self.bytes)?;
        }
        self.bytes.clear();
        self.index.clear();
        Ok(())
    }

    /// Ends the adding. What comes next are the records in order.
    ///
    /// # Errors
    /// When the temporary file cannot be written or read.
    pub fn finish(mut self) -> io::Result<Sorted> {
        if self.spilled.is_some() && !self.index.is_empty() {
            self.spill()?;
        }
        let Some(Spilled { file, runs, .. }) = self.spilled.take() else {
            self.sort();
            return Ok(Sorted(Ordered::Memory(self.bytes, self.index.into_iter())));
        };
        let each = (self.budget / 4 / runs.len().max(1)).clamp(READ.0, READ.1);
        // The memory of the last run is not needed any more.
        (self.bytes, self.index) = (Vec::new(), Vec::new());
        let runs = runs.into_iter().map(|(start, end)| RunReader::new(start, end, each));
        let mut merge = Merge { file, reverse: self.reverse, runs: runs.collect(), heap: Vec::new() };
        merge.start()?;
        Ok(Sorted(Ordered::Runs(merge)))
    }
}

impl Spilled {
    /// Writes a run: each record after its length.
    fn write(&mut self, index: &[Slot], bytes: &[u8]) -> io::Result<()> {
        let start = self.end;
        let mut out = BufWriter::with_capacity(READ.1, &self.file);
        for slot in index {
            out.write_all(&slot.length.to_le_bytes())?;
            out.write_all(slot.bytes(bytes))?;
            self.end += 4 + u64::from(slot.length);
        }
        out.flush()?;
        drop(out);
        self.runs.push((start, self.end));
        Ok(())
    }
}

/// Records in order.
pub struct Sorted(Ordered);

enum Ordered {
    Memory(Vec<u8>, std::vec::IntoIter<Slot>),
    Runs(Merge),
}

impl Sorted {
    /// Hands each record to `take`.
    ///
    /// # Errors
    /// Those of `take`, and when the temporary file cannot be read.
    pub fn each(self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self.0 {
            Ordered::Memory(bytes, mut index) => index.try_for_each(|slot| take(slot.bytes(&bytes))),
            Ordered::Runs(mut merge) => {
                while let Some(run) = merge.heap.first().copied() {
                    take(merge.runs[run].record())?;
                    merge.advance(run)?;
                }
                Ok(())
            }
        }
    }
}

/// Runs that are read side by side.
struct Merge {
    file: File,
    reverse: bool,
    runs: Vec<RunReader>,
    /// Those that have a record, as a heap: the first has the record that comes next.
    heap: Vec<usize>,
}

impl Merge {
    fn start(&mut self) -> io::Result<()> {
        for run in 0..self.runs.len() {
            if self.runs[run].next(&self.file)? {
                self.heap.push(run);
            }
        }
        for at in (0..self.heap.len() / 2).rev() {
            self.sink(at);
        }
        Ok(())
    }

    /// Goes on to the next record of the run that stands first.
    fn advance(&mut self, run: usize) -> io::Result<()> {
        if !self.runs[run].next(&self.file)? {
            self.heap.swap_remove(0);
        }
        self.sink(0);
        Ok(())
    }

    fn precedes(&self, x: usize, y: usize) -> bool {
        let (x, y) = (&self.runs[x], &self.runs[y]);
        let order = x.key.cmp(&y.key).then_with(|| x.record().cmp(y.record()));
        order == if self.reverse { Ordering::Greater } else { Ordering::Less }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.precedes(self.heap[child], self.heap[first]) {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.heap.swap(at, first);
            at = first;
        }
    }
}

/// Reads one run.
struct RunReader {
    /// What is left of it in the file.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    window: usize,
    /// The record that stands next, in the buffer.
    start: usize,
    length: usize,
    key: u64,
}

impl RunReader {
    fn new(at: u64, end: u64, window: usize) -> Self {
        Self { at, end, buffer: Vec::new(), window, start: 0, length: 0, key: 0 }
    }

    fn record(&self) -> &[u8] {
        self.buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// Goes on to the next record; false at the end.
    fn next(&mut self, file: &File) -> io::Result<bool> {
        let position = self.start + self.length;
        let Some(position) = self.fill(file, position, 4)? else { return Ok(false) };
        let length = self.buffer.get(position..).and_then(|rest| rest.first_chunk::<4>());
        let length = length.map_or(0, |length| u32::from_le_bytes(*length)) as usize;
        let whole = self.fill(file, position, 4 + length)?;
        let position = whole.ok_or(io::ErrorKind::UnexpectedEof)?;
        (self.start, self.length) = (position + 4, length);
        self.key = key(self.record());
        Ok(true)
    }

    /// Has `length` bytes from `position` of the buffer on; returns where they stand then. `None` at the end of the run.
    fn fill(&mut self, file: &File, position: usize, length: usize) -> io::Result<Option<usize>> {
        if position + length <= self.buffer.len() {
            return Ok(Some(position));
        }
        self.buffer.drain(..position);
        let held = self.buffer.len();
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let more = self.window.max(length).saturating_sub(held).min(left);
        self.buffer.resize(held + more, 0);
        file.read_exact_at(&mut self.buffer[held..], self.at)?;
        self.at += more as u64;
        // A record that was read is not kept.
        (self.start, self.length) = (0, 0);
        match self.buffer.len() {
            0 => Ok(None),
            have if have < length => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(Some(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u32) -> Vec<Vec<u8>> {
        let mut state = 0x9e37_79b9_u32;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let one = |number: u32, next: &mut dyn FnMut() -> u32| {
            let length = match number % 97 {
                0 => 0,
                1 => 3,
                2 => 70_000,
                _ => 20 + next() as usize % 60,
            };
            // Few different first bytes, so that later ones decide.
            (0..length).map(|at| if at < 8 { next() as u8 % 2 } else { next() as u8 }).collect()
        };
        (0..count).map(|number| one(number, &mut next)).collect()
    }

    fn sorted(records: &[Vec<u8>], budget: usize, reverse: bool) -> (Vec<Vec<u8>>, usize) {
        let mut sorter = Sorter::new(0, reverse);
        sorter.budget = budget;
        records.iter().for_each(|record| sorter.push(record).unwrap());
        let runs = sorter.spilled.as_ref().map_or(0, |spilled| spilled.runs.len());
        let mut out = Vec::new();
        let mut take = |record: &[u8]| {
            out.push(record.to_vec());
            Ok(())
        };
        sorter.finish().unwrap().each(&mut take).unwrap();
        (out, runs)
    }

    #[test]
    fn runs_merge_to_what_memory_would_have_sorted() {
        let records = records(20_000);
        let mut expected = records.clone();
        expected.sort();
        for (budget, least) in [(usize::MAX, 0), (4 << 20, 3), (200_000, 70)] {
            for reverse in [false, true] {
                let (out, runs) = sorted(&records, budget, reverse);
                assert!(runs >= least, "{budget}: {runs} runs");
                assert_eq!(least == 0, runs == 0);
                if reverse {
                    assert!(out.iter().eq(expected.iter().rev()));
                } else {
                    assert!(out == expected);
                }
            }
        }
        assert!(sorted(&[], 1, false).0.is_empty());
    }

    #[test]
    fn what_stops_the_taker_stops_the_sorter() {
        let mut sorter = Sorter::new(0, false);
        sorter.push(b"a").unwrap();
        let error = sorter.finish().unwrap().each(&mut |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
