//! The runs of a file while they are gathered from its extent tree or block map.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::superblock::{BlockNumber, InodeNumber, Superblock};
use crate::stored::{LOST, push_run};
use crate::{Error, Place, Run};

/// Problems of one inode after which its map is not followed any further.
pub(super) const MOST_PROBLEMS: usize = 16;

/// Gathers runs, in order, and what is wrong with them.
pub(super) struct Gather<'a> {
    pub(super) superblock: &'a Superblock,
    pub(super) inode: InodeNumber,
    /// Bytes of the file: what lies beyond is not kept.
    pub(super) size: u64,
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problems: Vec<Error>,
    /// Blocks mapped so far: a file has no more than the filesystem.
    mapped: u64,
}

impl<'a> Gather<'a> {
    pub(super) fn new(superblock: &'a Superblock, inode: InodeNumber, size: u64) -> Self {
        Self {
            superblock,
            inode,
            size,
            runs: SmallVec::new(),
            depends: SmallVec::new(),
            problems: Vec::new(),
            mapped: 0,
        }
    }

    pub(super) fn damaged(&self, structure: &str, offset: u64) -> ReadError {
        ReadError::corrupt(format!("{structure} of inode {}", self.inode.get())).at(offset)
    }

    pub(super) fn report(&mut self, error: ReadError) {
        self.problems.push(error.into());
    }

    /// Whether so much is wrong that the map is not worth following.
    pub(super) fn is_hopeless(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// Adds `count` blocks from block `logical` of the file; `offset` is where the structure that says so lies.
    pub(super) fn map(&mut self, logical: u64, count: u64, first: BlockNumber, offset: u64) {
        self.mapped = self.mapped.saturating_add(count);
        if self.mapped > self.superblock.blocks {
            if self.mapped.saturating_sub(count) <= self.superblock.blocks {
                let error = self
                    .damaged("block map", offset)
                    .expected(format!("at most the {} blocks of the filesystem", self.superblock.blocks))
                    .found("more");
                self.report(error);
            }
            self.lose(logical, count);
            return;
        }
        if !self.superblock.contains_blocks(first, count) {
            let error = self
                .damaged("block map", offset)
                .expected(format!("blocks below {}", self.superblock.blocks))
                .found(format!("{count} from block {}", first.0));
            self.report(error);
            self.lose(logical, count);
            return;
        }
        let place = Place::Volume(self.superblock.block_size.offset_of(first));
        self.push(logical, count, place);
    }

    /// Adds blocks that were reserved and never written.
    pub(super) fn map_unwritten(&mut self, logical: u64, count: u64) {
        self.push(logical, count, Place::Zero);
    }

    /// Adds blocks of which it is not known where they are.
    pub(super) fn lose(&mut self, logical: u64, count: u64) {
        let start = logical.saturating_mul(self.superblock.block_size.bytes());
        self.push(logical, count, Place::Volume(LOST.saturating_add(start)));
    }

    /// First block of the file that no run covers yet.
    pub(super) fn end(&self) -> u64 {
        let end = self.runs.last().map_or(0, |run| run.start.saturating_add(run.length));
        self.superblock.block_size.blocks_of(end)
    }

    fn push(&mut self, logical: u64, count: u64, place: Place) {
        let bytes = self.superblock.block_size.bytes();
        let start = logical.saturating_mul(bytes);
        if start >= self.size || count == 0 {
            return;
        }
        let length = count.saturating_mul(bytes);
        push_run(&mut self.runs, Run { start, length, place });
    }
}
