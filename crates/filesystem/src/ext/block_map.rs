//! Block maps of ext2 and ext3: twelve direct block numbers and three trees of indirect ones.

use std::collections::HashSet;

use vminspect_bytes::{ByteRange, ReadAt, ReadError};
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::U32;

use super::layout::EXT4_NDIR_BLOCKS;
use super::runs::Gather;
use super::superblock::BlockNumber;
use super::widen;

/// A map being followed.
pub(super) struct BlockMap<'a, 'g> {
    pub(super) view: &'a dyn ReadAt,
    pub(super) gather: &'a mut Gather<'g>,
    visited: HashSet<u64>,
    /// The blocks seen last, not yet passed on: `(logical, physical, count)`.
    pending: (u64, u64, u64),
    /// Where the structure lies that named them.
    offset: u64,
}

impl<'a, 'g> BlockMap<'a, 'g> {
    pub(super) fn new(view: &'a dyn ReadAt, gather: &'a mut Gather<'g>) -> Self {
        Self { view, gather, visited: HashSet::new(), pending: (0, 0, 0), offset: 0 }
    }

    /// Follows the map in `i_block`, at byte `offset`.
    pub(super) fn walk(&mut self, i_block: &[u8], offset: u64) {
        let Ok(numbers) = <[U32]>::ref_from_bytes(i_block) else { return };
        let superblock = self.gather.superblock;
        let blocks = superblock.block_size.blocks_of(self.gather.size);
        let per_block = superblock.block_size.bytes() >> 2;
        let (direct, indirect) = numbers.split_at_checked(EXT4_NDIR_BLOCKS).unwrap_or((numbers, &[]));
        self.numbers(direct, 0, 1, 0, blocks, offset);
        let mut logical = widen(EXT4_NDIR_BLOCKS);
        let mut span = 1_u64;
        for (level, number) in (1..).zip(indirect) {
            span = span.saturating_mul(per_block);
            if logical >= blocks {
                break;
            }
            self.numbers(std::slice::from_ref(number), logical, span, level, blocks, offset);
            logical = logical.saturating_add(span);
        }
        self.flush();
    }

    /// Follows numbers of blocks that each stand for `span` blocks of the file, `level` blocks of numbers
    /// above them.
    fn numbers(&mut self, numbers: &[U32], logical: u64, span: u64, level: u32, blocks: u64, offset: u64) {
        let mut logical = logical;
        for number in numbers {
            if logical >= blocks {
                return;
            }
            let block = u64::from(number.get());
            if block == 0 {
                // A hole.
            } else if self.gather.is_hopeless() {
                self.flush();
                self.gather.lose(logical, span.min(blocks.saturating_sub(logical)));
            } else if level == 0 {
                self.data(logical, block, offset);
            } else {
                self.indirect(block, logical, span, level, blocks, offset);
            }
            logical = logical.saturating_add(span);
        }
    }

    fn data(&mut self, logical: u64, block: u64, offset: u64) {
        let (first, physical, count) = self.pending;
        let follows = first.saturating_add(count) == logical && physical.saturating_add(count) == block;
        if count > 0 && follows {
            self.pending.2 = count.saturating_add(1);
            return;
        }
        self.flush();
        self.pending = (logical, block, 1);
        self.offset = offset;
    }

    fn flush(&mut self) {
        let (logical, block, count) = std::mem::take(&mut self.pending);
        if count > 0 {
            self.gather.map(logical, count, BlockNumber(block), self.offset);
        }
    }

    fn indirect(&mut self, block: u64, logical: u64, span: u64, level: u32, blocks: u64, parent: u64) {
        let superblock = self.gather.superblock;
        let offset = superblock.block_size.offset_of(BlockNumber(block));
        let mut bytes = vec![0; superblock.block_size.bytes_usize()];
        if let Err(error) = self.read(block, parent, &mut bytes) {
            self.flush();
            self.gather.report(error);
            self.gather.lose(logical, span.min(blocks.saturating_sub(logical)));
            return;
        }
        let Ok(numbers) = <[U32]>::ref_from_bytes(&bytes) else { return };
        let below = span.checked_div(superblock.block_size.bytes() >> 2).unwrap_or(1);
        self.numbers(numbers, logical, below, level.saturating_sub(1), blocks, offset);
    }

    fn read(&mut self, block: u64, parent: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let superblock = self.gather.superblock;
        if !superblock.contains_blocks(BlockNumber(block), 1) || !self.visited.insert(block) {
            return Err(self
                .gather
                .damaged("block map", parent)
                .expected("an indirect block of the filesystem that the map does not use yet")
                .found(format!("block {block}")));
        }
        let offset = superblock.block_size.offset_of(BlockNumber(block));
        self.gather.depends.push(ByteRange::at(offset, superblock.block_size.bytes()));
        self.view.read_exact_at(offset, bytes)
    }
}
