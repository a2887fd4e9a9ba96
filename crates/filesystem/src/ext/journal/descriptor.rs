use zerocopy::FromBytes;

use super::layout::{
    BLOCK_TAIL_SIZE, Header, JBD2_FLAG_ESCAPE, JBD2_FLAG_LAST_TAG, JBD2_FLAG_SAME_UUID, RevokeHeader,
    TAG_UUID_SIZE, Tag, Tag3,
};
use super::superblock::{Checksums, JournalSuperblock};

/// Which block of the filesystem a data block of the log is a copy of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockTag {
    /// The block of the filesystem.
    pub(super) block: u64,
    /// Whether the magic number has to be put back at its beginning.
    pub(super) escaped: bool,
    /// Checksum of the copy, as far as the format stores it.
    pub(super) checksum: u32,
}

/// The tags of a descriptor block.
pub(super) struct Tags<'a> {
    rest: &'a [u8],
    format: TagFormat,
    done: bool,
}

#[derive(Clone, Copy)]
struct TagFormat {
    version3: bool,
    wide: bool,
    size: usize,
}

impl TagFormat {
    fn of(superblock: &JournalSuperblock) -> Self {
        let wide = superblock.wide;
        let narrow = |size: usize| if wide { size.saturating_add(4) } else { size };
        match superblock.checksums {
            Checksums::V3(_) => Self { version3: true, wide, size: size_of::<Tag3>() },
            // Version 2 made tags two bytes longer than it needed; the two are unused.
            Checksums::V2(_) => Self { version3: false, wide, size: narrow(10) },
            Checksums::None | Checksums::Transaction => Self { version3: false, wide, size: narrow(8) },
        }
    }
}

impl<'a> Tags<'a> {
    /// Those of `block`.
    pub(super) fn of(block: &'a [u8], superblock: &JournalSuperblock) -> Self {
        let end = block.len().saturating_sub(tail_size(superblock));
        let rest = block.get(size_of::<Header>()..end).unwrap_or_default();
        Self { rest, format: TagFormat::of(superblock), done: false }
    }

    fn parse(&self, bytes: &[u8]) -> Option<(BlockTag, u32)> {
        if self.format.version3 {
            let (tag, _) = Tag3::ref_from_prefix(bytes).ok()?;
            let high = if self.format.wide { tag.blocknr_high.get() } else { 0 };
            return Some(tag_of(tag.blocknr.get(), high, tag.checksum.get(), tag.flags.get()));
        }
        let (tag, rest) = Tag::ref_from_prefix(bytes).ok()?;
        let high = match (self.format.wide, rest.first_chunk()) {
            (true, Some(high)) => u32::from_be_bytes(*high),
            _ => 0,
        };
        Some(tag_of(tag.blocknr.get(), high, tag.checksum.get().into(), tag.flags.get().into()))
    }
}

fn tag_of(low: u32, high: u32, checksum: u32, flags: u32) -> (BlockTag, u32) {
    let block = u64::from(high) << 32 | u64::from(low);
    (BlockTag { block, escaped: flags & JBD2_FLAG_ESCAPE != 0, checksum }, flags)
}

impl Iterator for Tags<'_> {
    type Item = BlockTag;

    fn next(&mut self) -> Option<BlockTag> {
        if self.done {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(self.format.size)?;
        let (tag, flags) = self.parse(bytes)?;
        self.rest = if flags & JBD2_FLAG_SAME_UUID == 0 {
            rest.get(TAG_UUID_SIZE..).unwrap_or_default()
        } else {
            rest
        };
        self.done = flags & JBD2_FLAG_LAST_TAG != 0;
        Some(tag)
    }
}

fn tail_size(superblock: &JournalSuperblock) -> usize {
    if superblock.checksums.seed().is_some() { BLOCK_TAIL_SIZE } else { 0 }
}

/// The blocks of a revoke block, or `None` when its count passes its end.
pub(super) fn revoked<'a>(
    block: &'a [u8],
    superblock: &JournalSuperblock,
) -> Option<impl Iterator<Item = u64> + 'a> {
    let (header, _) = RevokeHeader::ref_from_prefix(block).ok()?;
    let used = usize::try_from(header.count.get()).ok()?;
    if used > block.len().saturating_sub(tail_size(superblock)) {
        return None;
    }
    // A count below the header's own size means no records, as it does to the kernel.
    let records = block.get(size_of::<RevokeHeader>()..used).unwrap_or_default();
    let wide = superblock.wide;
    let size = if wide { 8 } else { 4 };
    Some(
        records
            .chunks_exact(size)
            .map(move |record| record.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
    )
}
