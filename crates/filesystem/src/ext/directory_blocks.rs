//! The blocks of a directory, read in large pieces.

use smallvec::SmallVec;
use vminspect_bytes::{ReadAt, ReadError};

use super::directory::Facts;
use super::volume::Ext;
use super::widen;
use crate::stored::LOST;
use crate::{Allocation, Error, Place, Record, Run};

/// Most bytes that are read at once.
const CHUNK: u64 = 256 << 10;

/// A block of a directory.
pub(super) struct Block<'b> {
    pub(super) bytes: &'b [u8],
    /// Its number in the directory.
    pub(super) logical: u64,
    /// Where it lies on the view.
    pub(super) place: u64,
}

/// Reads the blocks of a directory one after the other; goes on after one that cannot be read.
pub(super) struct DirectoryBlocks<'a> {
    fs: &'a Ext,
    facts: Facts,
    runs: SmallVec<[Run; 2]>,
    next_run: usize,
    /// What is left of the current run: position in the file, on the view, bytes.
    rest: (u64, u64, u64),
    buffer: Vec<u8>,
    /// Bytes of the buffer that were passed on already, and where it begins in the file and on the view.
    used: usize,
    start: (u64, u64),
    /// Position in the file up to which all is told.
    told: u64,
    end: u64,
    /// Read one block at a time until here, since a larger read failed.
    careful_until: u64,
    first_problem: Option<ReadError>,
}

impl<'a> DirectoryBlocks<'a> {
    pub(super) fn new(fs: &'a Ext, facts: Facts, runs: &[Run], record: &Record) -> Self {
        let block_size = fs.superblock.block_size;
        let size = record.metadata.size;
        let end = block_size.blocks_of(size).saturating_mul(block_size.bytes());
        let sound = size != 0 && end == size;
        let in_use = record.metadata.allocation != Allocation::Deleted;
        let first_problem = (!sound && in_use).then(|| {
            facts
                .damaged(record.place.start())
                .expected("a size of whole blocks")
                .found(format!("{size} bytes"))
        });
        Self {
            fs,
            facts,
            runs: SmallVec::from_slice(runs),
            next_run: 0,
            rest: (0, 0, 0),
            buffer: Vec::new(),
            used: 0,
            start: (0, 0),
            told: 0,
            end: if in_use { end } else { 0 },
            careful_until: 0,
            first_problem,
        }
    }

    fn block_bytes(&self) -> u64 {
        self.fs.superblock.block_size.bytes()
    }

    /// The next block, or why it cannot be read.
    pub(super) fn next_block(&mut self) -> Option<Result<Block<'_>, Error>> {
        if let Some(problem) = self.first_problem.take() {
            return Some(Err(problem.into()));
        }
        while self.used >= self.buffer.len() {
            match self.fill() {
                Some(Ok(())) => {}
                Some(Err(error)) => return Some(Err(error.into())),
                None => return None,
            }
        }
        let size = self.fs.superblock.block_size.bytes_usize();
        let from = self.used;
        self.used = from.saturating_add(size);
        let logical = self.start.0.saturating_add(widen(from)).checked_div(self.block_bytes()).unwrap_or(0);
        let place = self.start.1.saturating_add(widen(from));
        let bytes = self.buffer.get(from..self.used).unwrap_or_default();
        Some(Ok(Block { bytes, logical, place }))
    }

    /// Reads the next piece into the buffer.
    fn fill(&mut self) -> Option<Result<(), ReadError>> {
        self.buffer.clear();
        self.used = 0;
        if self.rest.2 == 0
            && let Err(hole) = self.next_run()?
        {
            return Some(Err(hole));
        }
        let (position, place, left) = self.rest;
        if place >= LOST {
            // The record's own problems say why.
            self.rest.2 = 0;
            return Some(Err(self
                .facts
                .damaged(position)
                .found(format!("{left} bytes whose place is lost"))));
        }
        let most = if position < self.careful_until { self.block_bytes() } else { CHUNK };
        let length = left.min(most);
        self.buffer.resize(usize::try_from(length).unwrap_or(0), 0);
        if let Err(error) = self.fs.view.read_exact_at(place, &mut self.buffer) {
            self.buffer.clear();
            if length > self.block_bytes() {
                self.careful_until = position.saturating_add(length);
                return Some(Ok(()));
            }
            let skip = if place >= self.fs.view.len() { left } else { length };
            self.advance(skip);
            return Some(Err(self.facts.damaged(place).caused_by(error)));
        }
        self.start = (position, place);
        self.advance(length);
        Some(Ok(()))
    }

    fn advance(&mut self, by: u64) {
        let (position, place, left) = self.rest;
        self.rest = (position.saturating_add(by), place.saturating_add(by), left.saturating_sub(by));
    }

    /// Goes on to the next run that holds anything; an error tells of a hole.
    fn next_run(&mut self) -> Option<Result<(), ReadError>> {
        let run = self.runs.get(self.next_run).copied();
        let start = run.map_or(self.end, |run| run.start.min(self.end));
        if start > self.told {
            let hole = start.saturating_sub(self.told);
            let from = self.told;
            self.told = start;
            return Some(Err(self
                .facts
                .damaged(from)
                .found(format!("a hole of {hole} bytes in its content"))));
        }
        let run = run?;
        self.next_run = self.next_run.saturating_add(1);
        let end = run.start.saturating_add(run.length).min(self.end.max(run.start));
        let length = end.saturating_sub(run.start);
        match run.place {
            Place::Volume(place) => {
                self.told = end.max(self.told);
                self.rest = (run.start, place, length);
            }
            // Told as a hole, once the next run shows its end.
            Place::Zero => self.rest = (run.start, 0, 0),
        }
        Some(Ok(()))
    }
}
