use vminspect_bytes::{ReadAt, ReadError};

use super::superblock::JournalSuperblock;
use crate::{Place, Run};

/// A block of the journal, counted from its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct JournalBlock(pub(super) u32);

/// A walk through the circular log that ends, at the latest, where it began.
#[derive(Clone, Debug)]
pub(super) struct LogPosition {
    next: u32,
    first: u32,
    last: u32,
    left: u32,
}

impl LogPosition {
    /// From `start` once around.
    pub(super) fn new(superblock: &JournalSuperblock, start: u32) -> Self {
        Self { next: start, first: superblock.first, last: superblock.last, left: superblock.log_length() }
    }

    /// Blocks between here and the end of the journal's file, at most `wanted`: they can be read at once.
    pub(super) fn contiguous(&self, wanted: u32) -> u32 {
        wanted.min(self.last.saturating_sub(self.next))
    }

    /// Whether the walk has `count` more blocks.
    pub(super) fn has(&self, count: u32) -> bool {
        self.left >= count
    }

    /// The next `count` blocks, no more than the walk has.
    pub(super) fn take_blocks(&mut self, count: u32) -> impl Iterator<Item = JournalBlock> {
        (0..count).map_while(|_| self.next())
    }

    /// Passes over `count` blocks, no more than the walk has.
    pub(super) fn pass_over(&mut self, count: u32) {
        self.take_blocks(count).for_each(drop);
    }
}

impl Iterator for LogPosition {
    type Item = JournalBlock;

    fn next(&mut self) -> Option<JournalBlock> {
        self.left = self.left.checked_sub(1)?;
        let block = self.next;
        self.next = match block.saturating_add(1) {
            next if next >= self.last => self.first,
            next => next,
        };
        Some(JournalBlock(block))
    }
}

/// The journal's blocks: their bytes, and where they lie on the volume.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    journal: &'a dyn ReadAt,
    runs: &'a [Run],
    block_size: u32,
}

impl<'a> Blocks<'a> {
    /// Of a journal file with these runs.
    pub(super) fn new(journal: &'a dyn ReadAt, runs: &'a [Run], block_size: u32) -> Self {
        Self { journal, runs, block_size }
    }

    /// Bytes a block.
    pub(super) fn block_size(&self) -> usize {
        usize::try_from(self.block_size).unwrap_or(usize::MAX)
    }

    /// Byte offset in the journal.
    pub(super) fn offset(&self, block: JournalBlock) -> u64 {
        u64::from(block.0).saturating_mul(u64::from(self.block_size))
    }

    /// Fills `buffer` from `block` on.
    pub(super) fn read(&self, block: JournalBlock, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.journal.read_exact_at(self.offset(block), buffer)
    }

    /// Where the block lies on the volume. `None` for a hole, which no sound journal has.
    pub(super) fn volume_offset(&self, block: JournalBlock) -> Option<u64> {
        let offset = self.offset(block);
        let index = self.runs.partition_point(|run| run.start <= offset).checked_sub(1)?;
        let run = self.runs.get(index)?;
        let skip = offset.checked_sub(run.start)?;
        match run.place {
            Place::Volume(start) if run.length.checked_sub(skip)? >= u64::from(self.block_size) => {
                start.checked_add(skip)
            }
            Place::Volume(_) | Place::Zero => None,
        }
    }
}
