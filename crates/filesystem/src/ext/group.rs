//! Group descriptors: where the inode tables are.

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::checksum::{crc16, crc32c, crc32c_with_hole};
use super::layout::{
    BG_CHECKSUM_OFFSET, EXT4_BG_BLOCK_UNINIT, EXT4_BG_INODE_UNINIT, RawGroupDescriptor,
    RawGroupDescriptorHigh, SUPERBLOCK_OFFSET,
};
use super::superblock::{BlockNumber, Superblock};
use super::widen;
use crate::Error;

/// Most problems of descriptors that are told one by one.
const MOST_PROBLEMS: usize = 64;

/// What is needed of a block group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    /// First block of the inode table; `None` when no descriptor says where it is.
    pub(crate) inode_table: Option<BlockNumber>,
    /// Inodes at the start of the table that may have been used.
    pub(crate) used_inodes: u32,
    /// The block bitmap; `None` when no descriptor says where it is.
    pub(crate) block_bitmap: Option<BlockNumber>,
    /// Whether that was never written, since no file has blocks of the group.
    pub(crate) unused_blocks: bool,
}

impl Group {
    /// A group of which nothing is known but the table of its inodes.
    const fn unknown(inode_table: Option<BlockNumber>, used_inodes: u32) -> Self {
        Self { inode_table, used_inodes, block_bitmap: None, unused_blocks: false }
    }
}

/// Reads all descriptors. What is wrong with them is added to `problems`.
///
/// # Errors
/// When not even the first is there.
pub(super) fn read_groups(
    volume: &dyn ReadAt,
    superblock: &Superblock,
    problems: &mut Vec<Error>,
) -> Result<Vec<Group>, ReadError> {
    let table = Table { volume, superblock };
    let size = superblock.descriptor_size;
    let per_block = table.per_block();
    let mut groups = Vec::new();
    let mut first = 0;
    let mut problem_count = 0_usize;
    let mut report = |error: ReadError| {
        problem_count = problem_count.saturating_add(1);
        if problem_count <= MOST_PROBLEMS {
            problems.push(error.into());
        }
    };
    let mut block = Vec::new();
    while first < superblock.groups {
        let count = per_block.min(superblock.groups.saturating_sub(first));
        let offset = table.primary_offset(first);
        let read = table.read_block(offset, &mut block);
        if read.is_err() && first == 0 && superblock.groups == 1 {
            read.clone()?;
        }
        if let Err(error) = &read {
            // Past the end of the volume there is no use in going on for each of many groups.
            if offset >= volume.len() {
                report(error.clone());
                groups.resize(usize::try_from(superblock.groups).unwrap_or(0), Group::unknown(None, 0));
                break;
            }
            report(error.clone());
        }
        let mut pieces = block.chunks_exact(size);
        for number in first..first.saturating_add(count) {
            let piece = pieces.next().filter(|_| read.is_ok());
            let place =
                offset.saturating_add(u64::from(number.saturating_sub(first)).saturating_mul(widen(size)));
            let (group, problem) = table.group(number, piece, place);
            groups.push(group);
            if let Some(problem) = problem {
                report(problem);
            }
        }
        first = first.saturating_add(count);
    }
    if problem_count > MOST_PROBLEMS {
        let more = problem_count.saturating_sub(MOST_PROBLEMS);
        problems.push(
            ReadError::corrupt("ext group descriptors").found(format!("{more} more damaged ones")).into(),
        );
    }
    if let Some(problem) = drop_overlapping(&mut groups, superblock) {
        problems.push(problem.into());
    }
    Ok(groups)
}

/// Takes the inode tables from groups that share them with others, so that no inode is read twice. A table
/// in its own group is kept first, then that of the lower group.
fn drop_overlapping(groups: &mut [Group], superblock: &Superblock) -> Option<ReadError> {
    let blocks = superblock.block_size.blocks_of(superblock.inode_table_size());
    let mut tables: Vec<(BlockNumber, bool, usize)> = (0_u32..)
        .zip(groups.iter().enumerate())
        .filter_map(|(number, (index, group))| {
            let table = group.inode_table?;
            let own = superblock.group_start(number)..superblock.group_start(number.saturating_add(1));
            Some((table, !own.contains(&table), index))
        })
        .collect();
    tables.sort_unstable();
    let mut kept: Option<(BlockNumber, bool, usize)> = None;
    let (mut dropped, mut first) = (0_u64, None);
    for table in tables {
        let loser = match kept {
            Some(before) if before.0.0.saturating_add(blocks) > table.0.0 => {
                if before.1 && !table.1 {
                    kept = Some(table);
                    before
                } else {
                    table
                }
            }
            _ => {
                kept = Some(table);
                continue;
            }
        };
        dropped = dropped.saturating_add(1);
        first.get_or_insert(loser);
        if let Some(group) = groups.get_mut(loser.2) {
            group.inode_table = None;
        }
    }
    let (table, _, index) = first?;
    Some(
        ReadError::corrupt("ext group descriptors")
            .at(superblock.block_size.offset_of(table))
            .expected("an inode table of its own for each group")
            .found(format!("{dropped} that overlap others, the first that of group {index}")),
    )
}

/// The table of descriptors and its backups.
struct Table<'a> {
    volume: &'a dyn ReadAt,
    superblock: &'a Superblock,
}

impl Table<'_> {
    fn per_block(&self) -> u32 {
        let size = u32::try_from(self.superblock.descriptor_size).unwrap_or(32);
        self.superblock.block_size.bytes_u32().checked_div(size).unwrap_or(1).max(1)
    }

    fn read_block(&self, offset: u64, block: &mut Vec<u8>) -> Result<(), ReadError> {
        block.resize(self.superblock.block_size.bytes_usize(), 0);
        self.volume
            .read_exact_at(offset, block)
            .map_err(|error| ReadError::corrupt("ext group descriptors").at(offset).caused_by(error))
    }

    /// Byte offset of the block of descriptors that begins with group `first`.
    fn primary_offset(&self, first: u32) -> u64 {
        let superblock = self.superblock;
        let index = first.checked_div(self.per_block()).unwrap_or(0);
        let block = if index >= superblock.first_meta_group {
            self.meta_block(first, first)
        } else {
            // The descriptors follow the block that holds the superblock.
            let of_superblock = SUPERBLOCK_OFFSET.checked_div(superblock.block_size.bytes()).unwrap_or(0);
            of_superblock.saturating_add(1).saturating_add(u64::from(index))
        };
        superblock.block_size.offset_of(BlockNumber(block))
    }

    /// With `meta_bg`: the copy of the descriptors of the groups from `first`, in `holder`, one of them.
    fn meta_block(&self, first: u32, holder: u32) -> u64 {
        let superblock = self.superblock;
        let mut block = superblock.group_start(holder).0;
        if superblock.has_superblock(holder) {
            block = block.saturating_add(1);
        }
        // 1 KiB blocks with bigalloc: the boot block belongs to the first group too.
        if first == 0 && superblock.block_size.bytes() == 1024 && superblock.first_data_block == 0 {
            block = block.saturating_add(1);
        }
        block
    }

    /// Byte offsets of backups of the descriptor of `number`.
    fn backup_offsets(&self, number: u32) -> Vec<u64> {
        let superblock = self.superblock;
        let per_block = self.per_block();
        let index = number.checked_div(per_block).unwrap_or(0);
        let first = index.saturating_mul(per_block);
        let inside =
            u64::from(number.saturating_sub(first)).saturating_mul(widen(superblock.descriptor_size));
        let blocks: Vec<u64> = if index >= superblock.first_meta_group {
            let last = first.saturating_add(per_block).saturating_sub(1);
            [first.saturating_add(1), last]
                .into_iter()
                .filter(|holder| *holder < superblock.groups)
                .map(|holder| self.meta_block(first, holder))
                .collect()
        } else {
            (1..superblock.groups)
                .take(1 << 12)
                .filter(|group| superblock.has_superblock(*group))
                .take(3)
                .map(|group| {
                    superblock.group_start(group).0.saturating_add(1).saturating_add(u64::from(index))
                })
                .collect()
        };
        blocks
            .into_iter()
            .map(|block| superblock.block_size.offset_of(BlockNumber(block)).saturating_add(inside))
            .collect()
    }

    /// The group of a descriptor, from a backup where the descriptor is damaged.
    fn group(&self, number: u32, primary: Option<&[u8]>, place: u64) -> (Group, Option<ReadError>) {
        let all = self.superblock.inodes_per_group.get();
        let mut wrong = match primary {
            Some(bytes) => match self.parse(number, bytes, place) {
                Ok(group) => return (group, None),
                Err(error) => error,
            },
            None => ReadError::corrupt("ext group descriptor").at(place).found("nothing that could be read"),
        };
        for offset in self.backup_offsets(number) {
            let Ok(bytes) = self.volume.read_vec(offset, self.superblock.descriptor_size) else { continue };
            if let Ok(backup) = self.parse(number, &bytes, offset) {
                wrong = wrong.advice(format!("the backup at byte {offset} was read instead"));
                // Backups are not kept up to date in what they say of unused inodes.
                return (Group { used_inodes: all, ..backup }, Some(wrong));
            }
        }
        // The checksum is wrong and no backup helps: a place inside the filesystem is still worth a look.
        let table = primary.and_then(|bytes| self.table_place(bytes)).filter(|table| self.table_fits(*table));
        (Group::unknown(table, all), Some(wrong))
    }

    fn parse(&self, number: u32, bytes: &[u8], place: u64) -> Result<Group, ReadError> {
        let damaged = || ReadError::corrupt(format!("ext group descriptor {number}")).at(place);
        let (raw, rest) = RawGroupDescriptor::ref_from_prefix(bytes).map_err(|_| damaged())?;
        let stored = raw.bg_checksum.get();
        if let Some(sum) = self.checksum(number, bytes)
            && sum != stored
        {
            return Err(damaged().expected(format!("checksum {sum:#06x}")).found(format!("{stored:#06x}")));
        }
        let table = self.table_place(bytes).filter(|table| self.table_fits(*table)).ok_or_else(|| {
            damaged()
                .expected("an inode table inside the filesystem")
                .found(format!("one at block {}", self.table_place(bytes).map_or(0, |block| block.0)))
        })?;
        let mut unused = u32::from(raw.bg_itable_unused_lo.get());
        if let Ok((high, _)) = RawGroupDescriptorHigh::ref_from_prefix(rest) {
            unused |= u32::from(high.bg_itable_unused_hi.get()) << 16;
        }
        let all = self.superblock.inodes_per_group.get();
        let used_inodes = if !self.superblock.has_group_checksums() {
            all
        } else if raw.bg_flags.get() & EXT4_BG_INODE_UNINIT != 0 {
            0
        } else {
            // A count above the number of inodes means nothing; all are read then.
            all.checked_sub(unused).unwrap_or(all)
        };
        let flags = raw.bg_flags.get();
        Ok(Group {
            inode_table: Some(table),
            used_inodes,
            block_bitmap: self.bitmap_place(bytes).filter(|place| self.superblock.contains_blocks(*place, 1)),
            unused_blocks: self.superblock.has_group_checksums() && flags & EXT4_BG_BLOCK_UNINIT != 0,
        })
    }

    fn table_place(&self, bytes: &[u8]) -> Option<BlockNumber> {
        let (raw, rest) = RawGroupDescriptor::ref_from_prefix(bytes).ok()?;
        let mut table = u64::from(raw.bg_inode_table_lo.get());
        if let Ok((high, _)) = RawGroupDescriptorHigh::ref_from_prefix(rest) {
            table |= u64::from(high.bg_inode_table_hi.get()) << 32;
        }
        Some(BlockNumber(table))
    }

    fn bitmap_place(&self, bytes: &[u8]) -> Option<BlockNumber> {
        let (raw, rest) = RawGroupDescriptor::ref_from_prefix(bytes).ok()?;
        let high = RawGroupDescriptorHigh::ref_from_prefix(rest)
            .map_or(0, |(high, _)| high.bg_block_bitmap_hi.get());
        Some(BlockNumber(u64::from(raw.bg_block_bitmap_lo.get()) | u64::from(high) << 32))
    }

    fn table_fits(&self, table: BlockNumber) -> bool {
        let blocks = self.superblock.block_size.blocks_of(self.superblock.inode_table_size());
        self.superblock.contains_blocks(table, blocks)
    }

    /// The checksum a descriptor should have, where the filesystem has any.
    fn checksum(&self, number: u32, bytes: &[u8]) -> Option<u16> {
        let superblock = self.superblock;
        if superblock.has_metadata_checksums() {
            let seed = crc32c(superblock.checksum_seed, &number.to_le_bytes());
            let sum = crc32c_with_hole(seed, bytes, BG_CHECKSUM_OFFSET, 2);
            return Some(u16::from_le_bytes([sum.to_le_bytes()[0], sum.to_le_bytes()[1]]));
        }
        if !superblock.has_group_checksums() {
            return None;
        }
        let crc = crc16(u16::MAX, &superblock.uuid);
        let crc = crc16(crc, &number.to_le_bytes());
        let crc = crc16(crc, bytes.get(..BG_CHECKSUM_OFFSET)?);
        Some(crc16(crc, bytes.get(BG_CHECKSUM_OFFSET.saturating_add(2)..)?))
    }
}
