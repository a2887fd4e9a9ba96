//! Extent trees: which blocks hold a file's content.

use std::collections::HashSet;

use vminspect_bytes::{ByteRange, ReadAt, ReadError};
use zerocopy::FromBytes;

use super::checksum::crc32c;
use super::layout::{
    EXT_INIT_MAX_LEN, EXT4_EXT_MAGIC, EXT4_MAX_EXTENT_DEPTH, RawExtent, RawExtentHeader, RawExtentIndex,
};
use super::runs::Gather;
use super::superblock::BlockNumber;

const ENTRY_SIZE: usize = 12;
/// Blocks of a file are counted in 32 bits.
const END_OF_FILE: u64 = 1 << 32;

/// A tree being walked.
pub(super) struct ExtentTree<'a, 'g> {
    pub(super) view: &'a dyn ReadAt,
    pub(super) gather: &'a mut Gather<'g>,
    /// Where checksums of the tree's blocks begin; `None` when they have none.
    pub(super) checksum_seed: Option<u32>,
}

/// A node and what its parent says of it.
struct Node<'b> {
    bytes: &'b [u8],
    /// Where it lies.
    offset: u64,
    /// The blocks of the file that it may speak of.
    from: u64,
    to: u64,
    /// `None` for the root, which may have any depth.
    depth: Option<u16>,
}

impl ExtentTree<'_, '_> {
    /// Follows the tree whose root is `i_block`, at byte `offset`.
    pub(super) fn walk(&mut self, i_block: &[u8], offset: u64) {
        let mut visited = HashSet::new();
        self.node(&Node { bytes: i_block, offset, from: 0, to: END_OF_FILE, depth: None }, &mut visited);
    }

    /// Blocks of the file that matter: those within its size.
    fn lose(&mut self, from: u64, to: u64) {
        let size = self.gather.superblock.block_size.blocks_of(self.gather.size);
        let from = from.max(self.gather.end());
        self.gather.lose(from, to.min(size).saturating_sub(from));
    }

    fn node(&mut self, node: &Node<'_>, visited: &mut HashSet<u64>) {
        let (depth, entries) = match self.header(node) {
            Ok(header) => header,
            Err(error) => {
                self.gather.report(error);
                self.lose(node.from, node.to);
                return;
            }
        };
        if depth == 0 {
            self.leaf(node, entries);
        } else {
            self.inner(node, depth, entries, visited);
        }
    }

    /// Depth and entries of a node.
    fn header<'b>(&self, node: &Node<'b>) -> Result<(u16, &'b [u8]), ReadError> {
        let damaged = || self.gather.damaged("extent tree node", node.offset);
        let (header, rest) = RawExtentHeader::ref_from_prefix(node.bytes).map_err(|_| damaged())?;
        if header.eh_magic.get() != EXT4_EXT_MAGIC {
            let found = format!("{:#06x}", header.eh_magic.get());
            return Err(damaged().expected(format!("magic {EXT4_EXT_MAGIC:#06x}")).found(found));
        }
        let depth = header.eh_depth.get();
        if depth > EXT4_MAX_EXTENT_DEPTH || node.depth.is_some_and(|expected| expected != depth) {
            let expected = node.depth.map_or_else(
                || format!("a depth of at most {EXT4_MAX_EXTENT_DEPTH}"),
                |depth| format!("depth {depth}"),
            );
            return Err(damaged().expected(expected).found(depth.to_string()));
        }
        let entries = usize::from(header.eh_entries.get());
        let fits = rest.len().checked_div(ENTRY_SIZE).unwrap_or(0);
        let most = usize::from(header.eh_max.get()).min(fits);
        if entries > most || (entries == 0 && depth > 0) {
            return Err(damaged().expected(format!("at most {most} entries")).found(entries.to_string()));
        }
        Ok((depth, rest.get(..entries.saturating_mul(ENTRY_SIZE)).unwrap_or_default()))
    }

    fn leaf(&mut self, node: &Node<'_>, entries: &[u8]) {
        let Ok(extents) = <[RawExtent]>::ref_from_bytes(entries) else { return };
        let mut next = node.from;
        for extent in extents {
            if self.gather.is_hopeless() {
                self.lose(next, node.to);
                return;
            }
            let first = u64::from(extent.ee_block.get());
            let stored = extent.ee_len.get();
            let unwritten = stored > EXT_INIT_MAX_LEN;
            let length = u64::from(if unwritten { stored.saturating_sub(EXT_INIT_MAX_LEN) } else { stored });
            let end = first.saturating_add(length);
            if first < next || end > node.to || length == 0 {
                let error = self
                    .gather
                    .damaged("extent", node.offset)
                    .expected(format!("blocks from {next} to {}", node.to))
                    .found(format!("{length} from {first}"));
                self.gather.report(error);
                continue;
            }
            next = end;
            if unwritten {
                self.gather.map_unwritten(first, length);
            } else {
                let start = u64::from(extent.ee_start_lo.get()) | u64::from(extent.ee_start_hi.get()) << 32;
                self.gather.map(first, length, BlockNumber(start), node.offset);
            }
        }
    }

    fn inner(&mut self, node: &Node<'_>, depth: u16, entries: &[u8], visited: &mut HashSet<u64>) {
        let Ok(indexes) = <[RawExtentIndex]>::ref_from_bytes(entries) else { return };
        let mut child_bytes = vec![0; self.gather.superblock.block_size.bytes_usize()];
        let mut next = node.from;
        for (position, index) in indexes.iter().enumerate() {
            let from = u64::from(index.ei_block.get());
            let to = indexes
                .get(position.saturating_add(1))
                .map_or(node.to, |following| u64::from(following.ei_block.get()));
            if self.gather.is_hopeless() {
                self.lose(next, node.to);
                return;
            }
            if from < next || to <= from || to > node.to {
                let error = self
                    .gather
                    .damaged("extent tree index", node.offset)
                    .expected(format!("blocks from {next} to {}", node.to))
                    .found(format!("{from} to {to}"));
                self.gather.report(error);
                self.lose(from.max(next), to.min(node.to));
                continue;
            }
            next = to;
            let block =
                BlockNumber(u64::from(index.ei_leaf_lo.get()) | u64::from(index.ei_leaf_hi.get()) << 32);
            if let Err(error) = self.read(block, node.offset, &mut child_bytes, visited) {
                self.gather.report(error);
                self.lose(from, to);
                continue;
            }
            let offset = self.gather.superblock.block_size.offset_of(block);
            let child = Node { bytes: &child_bytes, offset, from, to, depth: depth.checked_sub(1) };
            self.node(&child, visited);
        }
    }

    /// Reads a block of the tree. A wrong checksum is reported, and the block used.
    fn read(
        &mut self,
        block: BlockNumber,
        parent: u64,
        bytes: &mut [u8],
        visited: &mut HashSet<u64>,
    ) -> Result<(), ReadError> {
        let superblock = self.gather.superblock;
        if !superblock.contains_blocks(block, 1) || !visited.insert(block.0) {
            return Err(self
                .gather
                .damaged("extent tree index", parent)
                .expected("a block of the filesystem that the tree does not use yet")
                .found(format!("block {}", block.0)));
        }
        let offset = superblock.block_size.offset_of(block);
        self.gather.depends.push(ByteRange::at(offset, superblock.block_size.bytes()));
        self.view.read_exact_at(offset, bytes)?;
        if let Some(seed) = self.checksum_seed
            && let Some((stored, sum)) = checksums(seed, bytes)
            && stored != sum
        {
            let error = self
                .gather
                .damaged("extent tree node", offset)
                .expected(format!("checksum {sum:#010x}"))
                .found(format!("{stored:#010x}"));
            self.gather.report(error);
        }
        Ok(())
    }
}

/// Whether a block can be a node that maps something: with the checksum of its file, where nodes have checksums.
pub(super) fn is_sound(bytes: &[u8], checksum_seed: Option<u32>) -> bool {
    let Ok((header, _)) = RawExtentHeader::ref_from_prefix(bytes) else { return false };
    let maps = header.eh_magic.get() == EXT4_EXT_MAGIC && header.eh_entries.get() > 0;
    maps && checksum_seed.is_none_or(|seed| checksums(seed, bytes).is_some_and(|(stored, sum)| stored == sum))
}

/// The checksum that follows the last possible entry, and what it should be.
fn checksums(seed: u32, bytes: &[u8]) -> Option<(u32, u32)> {
    let (header, _) = RawExtentHeader::ref_from_prefix(bytes).ok()?;
    let end = usize::from(header.eh_max.get()).checked_add(1)?.checked_mul(ENTRY_SIZE)?;
    let stored = u32::from_le_bytes(*bytes.get(end..)?.first_chunk()?);
    Some((stored, crc32c(seed, bytes.get(..end)?)))
}
