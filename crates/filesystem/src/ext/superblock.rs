//! The superblock, validated.

use std::num::{NonZeroU16, NonZeroU32};

use vminspect_bytes::{ByteRange, ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::checksum::crc32c;
use super::features::Features;
use super::layout::{
    COMPAT_HAS_JOURNAL, COMPAT_ORPHAN_FILE, COMPAT_SPARSE_SUPER2, EXT4_DYNAMIC_REV, EXT4_ERROR_FS,
    EXT4_GOOD_OLD_FIRST_INO, EXT4_GOOD_OLD_INODE_SIZE, EXT4_OS_HURD, EXT4_OS_LINUX, EXT4_SUPER_MAGIC,
    EXT4_VALID_FS, INCOMPAT_64BIT, INCOMPAT_CSUM_SEED, INCOMPAT_JOURNAL_DEV, INCOMPAT_META_BG,
    INCOMPAT_RECOVER, RO_COMPAT_BIGALLOC, RO_COMPAT_GDT_CSUM, RO_COMPAT_METADATA_CSUM, RO_COMPAT_QUOTA,
    RO_COMPAT_SPARSE_SUPER, RawSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE,
};
use crate::Error;

/// Most block groups that are read: 512 TiB of 4 KiB blocks.
const MOST_GROUPS: u32 = 1 << 22;

/// The number of an inode, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct InodeNumber(NonZeroU32);

impl InodeNumber {
    /// `None` for 0, which names no inode.
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }
}

/// A block of the volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct BlockNumber(pub(crate) u64);

/// Bytes of a block: a power of two from 1 KiB to 64 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockSize(u32);

impl BlockSize {
    fn from_log(log: u32) -> Option<Self> {
        (log <= 6).then(|| Self(1024_u32.wrapping_shl(log)))
    }

    pub(crate) fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    pub(crate) fn bytes_u32(self) -> u32 {
        self.0
    }

    pub(crate) fn bytes_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Byte offset of a block, saturating: past the largest position nothing can be read anyway.
    pub(crate) fn offset_of(self, block: BlockNumber) -> u64 {
        block.0.saturating_mul(self.bytes())
    }

    /// How many blocks `bytes` bytes take.
    pub(crate) fn blocks_of(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes())
    }
}

/// What the superblock says, checked.
#[derive(Clone, Debug)]
pub(crate) struct Superblock {
    pub(crate) block_size: BlockSize,
    /// Blocks of the filesystem.
    pub(crate) blocks: u64,
    pub(crate) first_data_block: u32,
    pub(crate) blocks_per_group: NonZeroU32,
    pub(crate) inodes_per_group: NonZeroU32,
    pub(crate) groups: u32,
    /// Inodes of the filesystem; the number of the last one.
    pub(crate) inodes: u32,
    pub(crate) free_inodes: u32,
    pub(crate) inode_size: NonZeroU16,
    /// First inode that is not reserved.
    pub(crate) first_inode: u32,
    pub(crate) features: Features,
    pub(crate) uuid: [u8; 16],
    pub(crate) label: Vec<u8>,
    state: u16,
    /// Bytes of a group descriptor.
    pub(crate) descriptor_size: usize,
    pub(crate) first_meta_group: u32,
    /// Where crc32c of metadata begins: made from the UUID, or stored.
    pub(crate) checksum_seed: u32,
    /// Made by the GNU Hurd, whose inodes differ in some fields.
    pub(crate) hurd: bool,
    /// Made on Linux: elsewhere inodes have no checksums, whatever the features say.
    pub(crate) linux: bool,
    pub(crate) journal_inode: Option<InodeNumber>,
    /// `s_journal_uuid`, and whether the journal is on another device.
    pub(crate) external_journal: Option<[u8; 16]>,
    /// Head of the list of orphans.
    pub(crate) last_orphan: Option<InodeNumber>,
    pub(crate) orphan_file: Option<InodeNumber>,
    /// Inodes of the quota files.
    pub(crate) quota_inodes: [Option<InodeNumber>; 3],
    backup_groups: [u32; 2],
    /// `s_mtime` and `s_wtime`: when it was last mounted, and when this superblock was last written.
    pub(crate) mounted_and_written: [u32; 2],
    pub(crate) cluster_size: u64,
    /// Byte offset of the copy that was read.
    pub(crate) offset: u64,
}

fn damaged(offset: u64) -> ReadError {
    ReadError::corrupt("ext superblock").at(offset)
}

impl Superblock {
    /// The superblock of a volume: the primary one, or, when that is damaged, a backup. What was wrong is
    /// added to `problems`.
    ///
    /// # Errors
    /// When no sound copy is found, or it asks for features that cannot be read.
    pub(super) fn read(volume: &dyn ReadAt, problems: &mut Vec<Error>) -> Result<Self, ReadError> {
        let primary = Self::read_at(volume, SUPERBLOCK_OFFSET);
        let wrong = match primary {
            Ok((superblock, None)) => return Ok(superblock),
            Ok((superblock, Some(wrong))) => (Some(superblock), wrong),
            Err(error) if error.family() == vminspect_bytes::Family::Unsupported => return Err(error),
            Err(error) => (None, error),
        };
        let log = wrong.0.as_ref().map(|superblock| superblock.block_size);
        match Self::find_backup(volume, log) {
            Some(backup) => {
                problems.push(
                    wrong.1.advice(format!("the backup at byte {} was read instead", backup.offset)).into(),
                );
                Ok(backup)
            }
            None => match wrong {
                (Some(superblock), problem) => {
                    problems.push(problem.into());
                    Ok(superblock)
                }
                (None, error) => Err(error),
            },
        }
    }

    /// The copy at `offset`, and what is wrong with it though it can be used.
    fn read_at(volume: &dyn ReadAt, offset: u64) -> Result<(Self, Option<ReadError>), ReadError> {
        let bytes: [u8; SUPERBLOCK_SIZE] = volume.read_array(offset)?;
        Self::from_bytes(&bytes, offset)
    }

    /// A sound backup: in group 1 of any block size, or further on where the block size is known.
    fn find_backup(volume: &dyn ReadAt, known: Option<BlockSize>) -> Option<Self> {
        let sizes =
            (0..=6).filter_map(BlockSize::from_log).filter(|size| known.is_none_or(|known| known == *size));
        for size in sizes {
            for group in [1, 3, 5, 7, 9, 25, 27, 49] {
                let offset = default_backup_offset(size, group);
                if offset.saturating_add(1024) > volume.len() {
                    break;
                }
                if let Ok((backup, None)) = Self::read_at(volume, offset)
                    && backup.block_size == size
                {
                    return Some(backup);
                }
            }
        }
        None
    }

    fn from_bytes(
        bytes: &[u8; SUPERBLOCK_SIZE],
        offset: u64,
    ) -> Result<(Self, Option<ReadError>), ReadError> {
        let raw = RawSuperblock::ref_from_bytes(bytes).map_err(|_| damaged(offset))?;
        if raw.s_magic.get() != EXT4_SUPER_MAGIC {
            let found = format!("{:#06x}", raw.s_magic.get());
            return Err(damaged(offset).expected(format!("magic {EXT4_SUPER_MAGIC:#06x}")).found(found));
        }
        let features = features(raw);
        let unreadable = features.unreadable();
        let wrong_sum = checksum_problem(raw, bytes, features, offset);
        if features.incompat & INCOMPAT_JOURNAL_DEV != 0 {
            return Err(ReadError::unsupported("ext filesystem")
                .at(offset)
                .found("an external journal device, which holds no files (feature journal_dev)"));
        }
        if !unreadable.is_empty() {
            if let Some(wrong) = wrong_sum {
                // The feature words are as doubtful as the rest of a superblock whose checksum is wrong.
                return Err(wrong);
            }
            return Err(ReadError::unsupported("ext filesystem")
                .at(offset)
                .found(format!("incompatible features {}", unreadable.join(", "))));
        }
        let (superblock, wrong) = Self::from_raw(raw, features, offset)?;
        Ok((superblock, wrong_sum.or(wrong)))
    }

    fn from_raw(
        raw: &RawSuperblock,
        features: Features,
        offset: u64,
    ) -> Result<(Self, Option<ReadError>), ReadError> {
        let dynamic = raw.s_rev_level.get() >= EXT4_DYNAMIC_REV;
        let block_size = BlockSize::from_log(raw.s_log_block_size.get()).ok_or_else(|| {
            damaged(offset)
                .expected("a block size from 1 KiB to 64 KiB")
                .found(format!("s_log_block_size {}", raw.s_log_block_size.get()))
        })?;
        let blocks = block_count(raw, features);
        let counts = Counts::of(raw, features, block_size, blocks, offset)?;
        let inode_size = inode_size(raw, dynamic, block_size, offset)?;
        let inode = |number: u32| if dynamic { InodeNumber::new(number) } else { None };
        let has_journal = features.compat & COMPAT_HAS_JOURNAL != 0;
        let journal_inode = if has_journal { inode(raw.s_journal_inum.get()) } else { None };
        let external = has_journal && journal_inode.is_none();
        let orphan_file =
            (features.compat & COMPAT_ORPHAN_FILE != 0).then(|| inode(raw.s_orphan_file_inum.get()));
        let superblock = Self {
            block_size,
            blocks,
            first_data_block: raw.s_first_data_block.get(),
            blocks_per_group: counts.blocks_per_group,
            inodes_per_group: counts.inodes_per_group,
            groups: counts.groups,
            inodes: counts.inodes,
            free_inodes: raw.s_free_inodes_count.get(),
            inode_size,
            first_inode: if dynamic { raw.s_first_ino.get() } else { EXT4_GOOD_OLD_FIRST_INO },
            features,
            uuid: raw.s_uuid,
            label: raw.s_volume_name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
            state: raw.s_state.get(),
            descriptor_size: descriptor_size(raw, features),
            first_meta_group: if features.incompat & INCOMPAT_META_BG != 0 {
                raw.s_first_meta_bg.get()
            } else {
                u32::MAX
            },
            checksum_seed: checksum_seed(raw, features),
            hurd: raw.s_creator_os.get() == EXT4_OS_HURD,
            linux: raw.s_creator_os.get() == EXT4_OS_LINUX,
            journal_inode,
            external_journal: external.then_some(raw.s_journal_uuid),
            last_orphan: InodeNumber::new(raw.s_last_orphan.get()).filter(|_| dynamic),
            orphan_file: orphan_file.flatten(),
            // Without the feature the fields mean nothing: they must not make a file the filesystem's own.
            quota_inodes: [raw.s_usr_quota_inum, raw.s_grp_quota_inum, raw.s_prj_quota_inum]
                .map(|number| inode(number.get()).filter(|_| features.ro_compat & RO_COMPAT_QUOTA != 0)),
            backup_groups: raw.s_backup_bgs.map(zerocopy::byteorder::little_endian::U32::get),
            mounted_and_written: [raw.s_mtime.get(), raw.s_wtime.get()],
            cluster_size: cluster_size(raw, features, block_size),
            offset,
        };
        Ok((superblock, counts.wrong))
    }

    /// Whether all of the compatible, incompatible or read-only compatible bits are set.
    pub(crate) fn has_incompat(&self, bits: u32) -> bool {
        self.features.incompat & bits == bits
    }

    /// Whether metadata has crc32c checksums.
    pub(crate) fn has_metadata_checksums(&self) -> bool {
        self.features.ro_compat & RO_COMPAT_METADATA_CSUM != 0
    }

    /// Whether group descriptors have checksums, and so say which inodes were never used.
    pub(super) fn has_group_checksums(&self) -> bool {
        self.features.ro_compat & (RO_COMPAT_METADATA_CSUM | RO_COMPAT_GDT_CSUM) != 0
    }

    /// Whether the journal may hold transactions that are not in place yet. Backups of the superblock do not
    /// say it: they are written when the filesystem is made.
    pub(super) fn needs_recovery(&self) -> bool {
        let recover = self.has_incompat(INCOMPAT_RECOVER) && self.features.compat & COMPAT_HAS_JOURNAL != 0;
        recover || (self.is_backup() && self.journal_inode.is_some())
    }

    /// Whether this is a copy that stood in for a damaged primary superblock.
    pub(super) fn is_backup(&self) -> bool {
        self.offset != SUPERBLOCK_OFFSET
    }

    /// Features, and what the state of the filesystem is, in words.
    pub(super) fn feature_names(&self) -> Vec<String> {
        let mut names = self.features.names();
        if self.state & EXT4_VALID_FS == 0 {
            names.push("not_clean".to_owned());
        }
        if self.state & EXT4_ERROR_FS != 0 {
            names.push("errors".to_owned());
        }
        if self.hurd {
            names.push("hurd".to_owned());
        }
        names
    }

    /// The range of blocks that files may use.
    pub(crate) fn contains_blocks(&self, first: BlockNumber, count: u64) -> bool {
        first.0 > u64::from(self.first_data_block)
            && first.0.checked_add(count).is_some_and(|end| end <= self.blocks)
    }

    /// Bytes of the filesystem.
    pub(crate) fn size(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size.bytes())
    }

    /// First block of a group.
    pub(super) fn group_start(&self, group: u32) -> BlockNumber {
        let blocks = u64::from(group).saturating_mul(u64::from(self.blocks_per_group.get()));
        BlockNumber(blocks.saturating_add(u64::from(self.first_data_block)))
    }

    /// Whether a group begins with a copy of the superblock.
    pub(super) fn has_superblock(&self, group: u32) -> bool {
        if group == 0 {
            return true;
        }
        if self.features.compat & COMPAT_SPARSE_SUPER2 != 0 {
            return self.backup_groups.contains(&group);
        }
        let sparse = self.features.ro_compat & RO_COMPAT_SPARSE_SUPER != 0;
        !sparse || group == 1 || [3, 5, 7].iter().any(|base| is_power_of(group, *base))
    }

    /// Bytes of a group's inode table.
    pub(super) fn inode_table_size(&self) -> u64 {
        u64::from(self.inodes_per_group.get()).saturating_mul(u64::from(self.inode_size.get()))
    }

    /// Where the superblock lies.
    pub(crate) fn place(&self) -> ByteRange {
        ByteRange::at(self.offset, 1024)
    }
}

/// Whether the volume may be ext: the magic of the primary superblock, or a backup behind what looks like a
/// primary one that was overwritten.
pub(super) fn probe(volume: &dyn ReadAt) -> Result<bool, ReadError> {
    if volume.len() < SUPERBLOCK_OFFSET.saturating_add(1024) {
        return Ok(false);
    }
    let bytes: [u8; SUPERBLOCK_SIZE] = volume.read_array(SUPERBLOCK_OFFSET)?;
    let raw = RawSuperblock::ref_from_bytes(&bytes).map_err(|_| damaged(SUPERBLOCK_OFFSET))?;
    if raw.s_magic.get() == EXT4_SUPER_MAGIC {
        return Ok(raw.s_log_block_size.get() <= 6 || Superblock::find_backup(volume, None).is_some());
    }
    // Another format's boot sector would stand in the first kilobyte, which ext leaves alone.
    let boot: [u8; SUPERBLOCK_SIZE] = volume.read_array(0)?;
    if boot.iter().any(|byte| *byte != 0) || has_other_signature(volume) {
        return Ok(false);
    }
    // An old backup outlives another format made over it, so this one must fit the volume.
    Ok(Superblock::find_backup(volume, None).is_some_and(|backup| {
        let size = backup.size();
        let group = u64::from(backup.blocks_per_group.get()).saturating_mul(backup.block_size.bytes());
        size.abs_diff(volume.len()) < group
    }))
}

/// Formats that leave the first kilobyte empty too.
fn has_other_signature(volume: &dyn ReadAt) -> bool {
    const SIGNATURES: &[(u64, &[u8])] = &[
        (4086, b"SWAPSPACE2"),
        (65_600, b"_BHRfS_M"),
        (32_769, b"CD001"),
        (1024, b"H+"),
        (1024, b"\x10\x20\xF5\xF2"),
        (1024, b"\xE2\xE1\xF5\xE0"),
        (65_588, b"ReIsEr"),
        (32_768, b"JFS1"),
    ];
    SIGNATURES
        .iter()
        .any(|(offset, magic)| volume.read_vec(*offset, magic.len()).is_ok_and(|bytes| bytes == *magic))
}

/// Where group `group` begins when groups have their customary size.
fn default_backup_offset(size: BlockSize, group: u64) -> u64 {
    let first = u64::from(size.bytes() == 1024);
    let block = group.saturating_mul(size.bytes().saturating_mul(8)).saturating_add(first);
    block.saturating_mul(size.bytes())
}

fn is_power_of(mut number: u32, base: u32) -> bool {
    while number > 1 && number.checked_rem(base) == Some(0) {
        number = number.checked_div(base).unwrap_or(0);
    }
    number == 1
}

fn features(raw: &RawSuperblock) -> Features {
    if raw.s_rev_level.get() < EXT4_DYNAMIC_REV {
        return Features::default();
    }
    Features {
        compat: raw.s_feature_compat.get(),
        incompat: raw.s_feature_incompat.get(),
        ro_compat: raw.s_feature_ro_compat.get(),
    }
}

fn checksum_problem(
    raw: &RawSuperblock,
    bytes: &[u8; SUPERBLOCK_SIZE],
    features: Features,
    offset: u64,
) -> Option<ReadError> {
    if features.ro_compat & RO_COMPAT_METADATA_CSUM == 0 {
        return None;
    }
    let sum = crc32c(u32::MAX, bytes.first_chunk::<1020>()?);
    (sum != raw.s_checksum.get()).then(|| {
        damaged(offset)
            .expected(format!("checksum {sum:#010x}"))
            .found(format!("{:#010x}", raw.s_checksum.get()))
    })
}

fn checksum_seed(raw: &RawSuperblock, features: Features) -> u32 {
    if features.incompat & INCOMPAT_CSUM_SEED != 0 {
        raw.s_checksum_seed.get()
    } else {
        crc32c(u32::MAX, &raw.s_uuid)
    }
}

fn block_count(raw: &RawSuperblock, features: Features) -> u64 {
    let low = u64::from(raw.s_blocks_count_lo.get());
    if features.incompat & INCOMPAT_64BIT == 0 {
        return low;
    }
    low | u64::from(raw.s_blocks_count_hi.get()) << 32
}

fn inode_size(
    raw: &RawSuperblock,
    dynamic: bool,
    block_size: BlockSize,
    offset: u64,
) -> Result<NonZeroU16, ReadError> {
    let size = if dynamic { raw.s_inode_size.get() } else { EXT4_GOOD_OLD_INODE_SIZE };
    let sound = size >= EXT4_GOOD_OLD_INODE_SIZE
        && size.is_power_of_two()
        && u32::from(size) <= block_size.bytes_u32();
    NonZeroU16::new(size).filter(|_| sound).ok_or_else(|| {
        damaged(offset)
            .expected("an inode size that is a power of two from 128 to the block size")
            .found(size.to_string())
    })
}

fn descriptor_size(raw: &RawSuperblock, features: Features) -> usize {
    if features.incompat & INCOMPAT_64BIT == 0 {
        return 32;
    }
    // Larger ones are read too; a size that is no power of two from 64 on cannot be meant.
    let size = raw.s_desc_size.get();
    if size >= 64 && size.is_power_of_two() && size <= 1024 { usize::from(size) } else { 64 }
}

fn cluster_size(raw: &RawSuperblock, features: Features, block_size: BlockSize) -> u64 {
    if features.ro_compat & RO_COMPAT_BIGALLOC == 0 {
        return block_size.bytes();
    }
    let size = 1024_u64.checked_shl(raw.s_log_cluster_size.get()).unwrap_or(0);
    if size >= block_size.bytes() && size <= 1 << 40 { size } else { block_size.bytes() }
}

/// The counts that have to fit each other.
struct Counts {
    blocks_per_group: NonZeroU32,
    inodes_per_group: NonZeroU32,
    groups: u32,
    inodes: u32,
    wrong: Option<ReadError>,
}

impl Counts {
    fn of(
        raw: &RawSuperblock,
        features: Features,
        block_size: BlockSize,
        blocks: u64,
        offset: u64,
    ) -> Result<Self, ReadError> {
        let bits = block_size.bytes_u32().saturating_mul(8);
        let bigalloc = features.ro_compat & RO_COMPAT_BIGALLOC != 0;
        let sound = |count: u32| NonZeroU32::new(count).filter(|_| bigalloc || count <= bits);
        let wrong = |name: &str, count: u32| {
            damaged(offset).expected(format!("{name} from 1 to {bits}")).found(count.to_string())
        };
        let blocks_per_group = raw.s_blocks_per_group.get();
        let blocks_per_group =
            sound(blocks_per_group).ok_or_else(|| wrong("s_blocks_per_group", blocks_per_group))?;
        let inodes_per_group = raw.s_inodes_per_group.get();
        let inodes_per_group = NonZeroU32::new(inodes_per_group)
            .filter(|count| count.get() <= bits)
            .ok_or_else(|| wrong("s_inodes_per_group", inodes_per_group))?;
        let data = blocks.saturating_sub(u64::from(raw.s_first_data_block.get()));
        let by_blocks = data.div_ceil(u64::from(blocks_per_group.get()));
        let by_inodes = u64::from(raw.s_inodes_count.get().div_ceil(inodes_per_group.get()));
        let groups = by_blocks.min(by_inodes);
        let groups_u32 =
            u32::try_from(groups).ok().filter(|groups| *groups <= MOST_GROUPS).ok_or_else(|| {
                ReadError::unsupported("ext filesystem")
                    .at(offset)
                    .expected(format!("at most {MOST_GROUPS} block groups"))
                    .found(groups.to_string())
            })?;
        if groups_u32 == 0 {
            return Err(damaged(offset)
                .expected("at least one block group")
                .found(format!("{blocks} blocks")));
        }
        let wrong = (by_blocks != by_inodes).then(|| {
            damaged(offset)
                .expected(format!("inodes for {by_blocks} block groups"))
                .found(format!("{} inodes, which is {by_inodes} groups", raw.s_inodes_count.get()))
        });
        let inodes = raw.s_inodes_count.get().min(groups_u32.saturating_mul(inodes_per_group.get()));
        Ok(Self { blocks_per_group, inodes_per_group, groups: groups_u32, inodes, wrong })
    }
}
