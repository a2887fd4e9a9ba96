//! Block bitmaps: which blocks are in use.

use vminspect_bytes::{ByteRange, RangeSet, ReadAtExt, ReadError};

use super::superblock::BlockNumber;
use super::volume::Ext;
use crate::Result;
use crate::cluster_bits::set_ranges;

impl Ext {
    /// The parts of a range of the volume whose blocks are in use, the filesystem's own too. Groups whose bitmap was
    /// never written hold no files. What no group has counts as used.
    ///
    /// # Errors
    /// When a bitmap cannot be read, or no descriptor says where it is.
    pub(super) fn blocks_used(&self, range: ByteRange) -> Result<RangeSet> {
        let superblock = &self.superblock;
        let block = superblock.block_size;
        let per_group = block.bytes().saturating_mul(superblock.blocks_per_group.get().into());
        let begin = block.offset_of(superblock.group_start(0));
        let inside = range.intersection(ByteRange::new(begin, superblock.size().max(begin)));
        let mut used = RangeSet::default();
        used.insert(ByteRange::new(range.start(), inside.start().clamp(range.start(), range.end())));
        let mut start = inside.start();
        while start < inside.end() {
            let group = start.saturating_sub(begin).checked_div(per_group).unwrap_or(0);
            let first = begin.saturating_add(group.saturating_mul(per_group));
            let part = ByteRange::new(start, first.saturating_add(per_group).min(inside.end()));
            self.add_used(group, first, part, &mut used)?;
            start = part.end().max(start.saturating_add(1));
        }
        used.insert(ByteRange::new(inside.end().clamp(range.start(), range.end()), range.end()));
        Ok(used)
    }

    /// Adds what is used of a part of a group that begins at byte `first`.
    fn add_used(&self, group: u64, first: u64, part: ByteRange, used: &mut RangeSet) -> Result<()> {
        let lost = || ReadError::corrupt(format!("block bitmap of group {group}"));
        let found = usize::try_from(group).ok().and_then(|index| self.groups.get(index)).ok_or_else(lost)?;
        if found.unused_blocks {
            return Ok(());
        }
        let bitmap: BlockNumber = found.block_bitmap.ok_or_else(lost)?;
        let cluster = self.superblock.cluster_size.max(1);
        let bit = |place: u64| place.saturating_sub(first).checked_div(cluster).unwrap_or(0);
        let (from, to) = (bit(part.start()) / 8, bit(part.end().saturating_sub(1)) / 8);
        let length = to.saturating_sub(from).saturating_add(1).min(self.superblock.block_size.bytes());
        let place = self.superblock.block_size.offset_of(bitmap).saturating_add(from);
        let bits = self.view.read_vec(place, usize::try_from(length).unwrap_or(0))?;
        for run in set_ranges(&bits, from.saturating_mul(8)) {
            let start = first.saturating_add(run.start().saturating_mul(cluster));
            used.insert(ByteRange::at(start, run.len().saturating_mul(cluster)).intersection(part));
        }
        Ok(())
    }
}
