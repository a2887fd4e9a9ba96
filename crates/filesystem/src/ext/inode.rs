//! An inode: what the file is, when it changed, whose it is.

use vminspect_bytes::{ByteRange, ReadError, Resolution, Timestamp};
use zerocopy::FromBytes;

use super::checksum::crc32c;
use super::layout::{
    EXT4_EA_INODE_FL, EXT4_ENCRYPT_FL, EXT4_EXTENTS_FL, EXT4_HUGE_FILE_FL, EXT4_INDEX_FL,
    EXT4_INLINE_DATA_FL, I_ATIME_EXTRA_OFFSET, I_BLOCK_SIZE, I_CHECKSUM_HI_OFFSET, I_CHECKSUM_LO_OFFSET,
    I_CRTIME_EXTRA_OFFSET, I_CRTIME_OFFSET, I_CTIME_EXTRA_OFFSET, I_EXTRA_ISIZE_OFFSET, I_MTIME_EXTRA_OFFSET,
    I_PROJID_OFFSET, INCOMPAT_EA_INODE, INCOMPAT_LARGEDIR, RO_COMPAT_PROJECT, RawInode, S_IFBLK, S_IFCHR,
    S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK,
};
use super::superblock::{BlockNumber, InodeNumber, Superblock};
use super::widen;
use crate::{Allocation, DeviceNumber, FileId, FileKind, Metadata, Times};

/// Bytes of the part that every inode has.
const BASE: usize = size_of::<RawInode>();

/// An inode's bytes, seen through its filesystem's features.
#[derive(Clone, Copy)]
pub(crate) struct Inode<'a> {
    pub(crate) number: InodeNumber,
    pub(super) raw: &'a RawInode,
    /// All bytes of the inode.
    pub(super) bytes: &'a [u8],
    /// End of the fixed fields: 128 and `i_extra_isize`, where that is sound.
    pub(super) fields_end: usize,
    pub(crate) place: ByteRange,
}

impl<'a> Inode<'a> {
    /// The inode in `bytes`, which lie at `place`. `None` when there are fewer than 128.
    pub(super) fn new(number: InodeNumber, bytes: &'a [u8], place: ByteRange) -> Option<Self> {
        let (raw, _) = RawInode::ref_from_prefix(bytes).ok()?;
        let extra = stored_extra_size(bytes);
        let end = BASE.saturating_add(usize::from(extra));
        let sound = extra.is_multiple_of(4) && end <= bytes.len();
        let fields_end = if sound { end } else { BASE };
        Some(Self { number, raw, bytes, fields_end, place })
    }

    /// Whether the inode was never used, or nothing is left of its use.
    pub(super) fn is_blank(&self) -> bool {
        self.raw.i_mode.get() == 0 && self.raw.i_links_count.get() == 0
    }

    pub(crate) fn links(&self) -> u16 {
        self.raw.i_links_count.get()
    }

    pub(crate) fn mode(&self) -> u16 {
        self.raw.i_mode.get()
    }

    /// `i_dtime`: time of deletion, or the next orphan.
    pub(crate) fn dtime(&self) -> u32 {
        self.raw.i_dtime.get()
    }

    pub(super) fn flags(&self) -> u32 {
        self.raw.i_flags.get()
    }

    pub(super) fn has_extents(&self) -> bool {
        self.flags() & EXT4_EXTENTS_FL != 0
    }

    pub(super) fn has_inline_data(&self) -> bool {
        self.flags() & EXT4_INLINE_DATA_FL != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags() & EXT4_ENCRYPT_FL != 0
    }

    pub(super) fn kind(&self) -> FileKind {
        match self.mode() & S_IFMT {
            S_IFREG => FileKind::Regular,
            S_IFDIR => FileKind::Directory,
            S_IFLNK => FileKind::Symlink,
            S_IFCHR => FileKind::CharacterDevice,
            S_IFBLK => FileKind::BlockDevice,
            S_IFIFO => FileKind::Fifo,
            S_IFSOCK => FileKind::Socket,
            _ => FileKind::Unknown,
        }
    }

    /// Size as stored. Directories had other things in the high half once.
    pub(super) fn size(&self, superblock: &Superblock) -> u64 {
        let low = u64::from(self.raw.i_size_lo.get());
        let wide = match self.kind() {
            FileKind::Regular => true,
            FileKind::Directory => superblock.has_incompat(INCOMPAT_LARGEDIR),
            _ => false,
        };
        if wide { low | u64::from(self.raw.i_size_high.get()) << 32 } else { low }
    }

    /// The block of extended attributes.
    pub(super) fn attribute_block(&self, superblock: &Superblock) -> Option<BlockNumber> {
        let high = if superblock.hurd { 0 } else { u64::from(self.raw.l_i_file_acl_high.get()) };
        let block = u64::from(self.raw.i_file_acl_lo.get()) | high << 32;
        (block != 0).then_some(BlockNumber(block))
    }

    /// Blocks that the inode counts as its own, in 512-byte sectors.
    fn sectors(&self, superblock: &Superblock) -> u64 {
        let high = if superblock.hurd { 0 } else { u64::from(self.raw.l_i_blocks_high.get()) };
        let count = u64::from(self.raw.i_blocks_lo.get()) | high << 32;
        if self.flags() & EXT4_HUGE_FILE_FL != 0 {
            count.saturating_mul(superblock.block_size.bytes() >> 9)
        } else {
            count
        }
    }

    /// Whether the target of this link stands in `i_block`.
    pub(super) fn is_fast_symlink(&self, superblock: &Superblock) -> bool {
        if self.kind() != FileKind::Symlink || self.has_inline_data() || self.has_extents() {
            return false;
        }
        let short = self.size(superblock) < widen(I_BLOCK_SIZE);
        if superblock.has_incompat(INCOMPAT_EA_INODE) {
            // The blocks of large attribute values are counted too.
            return short;
        }
        let of_attributes = self.attribute_block(superblock).map_or(0, |_| superblock.cluster_size >> 9);
        short && self.sectors(superblock).saturating_sub(of_attributes) == 0
    }

    pub(super) fn field(&self, offset: usize) -> Option<u32> {
        let end = offset.checked_add(4)?;
        let bytes = self.bytes.get(..self.fields_end)?.get(offset..end)?;
        bytes.try_into().ok().map(u32::from_le_bytes)
    }

    /// Seconds are signed; two more bits and the nanoseconds stand in the extra field. As current kernels
    /// read them: kernels before 4.3 stored times before 1970 with both bits set, and show the years from
    /// 2310 on for them now.
    fn time(&self, seconds: u32, extra_offset: usize) -> Timestamp {
        let seconds = i64::from(i32::from_le_bytes(seconds.to_le_bytes()));
        match self.field(extra_offset) {
            None => Timestamp::from_unix(seconds, 0, Resolution::Second),
            Some(extra) => {
                let epoch = i64::from(extra & 3) << 32;
                Timestamp::from_unix(seconds.saturating_add(epoch), extra >> 2, Resolution::Nanosecond)
            }
        }
    }

    fn times(&self, allocation: Allocation) -> Times {
        let created = self
            .field(I_CRTIME_OFFSET)
            .filter(|seconds| *seconds != 0 || self.field(I_CRTIME_EXTRA_OFFSET).unwrap_or(0) != 0);
        Times {
            modified: Some(self.time(self.raw.i_mtime.get(), I_MTIME_EXTRA_OFFSET)),
            changed: Some(self.time(self.raw.i_ctime.get(), I_CTIME_EXTRA_OFFSET)),
            accessed: Some(self.time(self.raw.i_atime.get(), I_ATIME_EXTRA_OFFSET)),
            created: created.map(|seconds| self.time(seconds, I_CRTIME_EXTRA_OFFSET)),
            // Of any other file the field may chain orphans.
            deleted: (allocation == Allocation::Deleted && self.dtime() != 0)
                .then(|| Timestamp::from_unix(i64::from(self.dtime()), 0, Resolution::Second)),
        }
    }

    fn device(&self) -> Option<DeviceNumber> {
        if !matches!(self.kind(), FileKind::CharacterDevice | FileKind::BlockDevice) {
            return None;
        }
        let word = |offset: usize| {
            let bytes = self.raw.i_block.get(offset..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let (old, new) = (word(0)?, word(4)?);
        if old != 0 {
            return Some(DeviceNumber { major: (old >> 8) & 0xFF, minor: old & 0xFF });
        }
        Some(DeviceNumber { major: (new & 0xF_FF00) >> 8, minor: (new & 0xFF) | ((new >> 12) & 0xF_FF00) })
    }

    /// What the inode says of the file.
    pub(super) fn metadata(&self, superblock: &Superblock, allocation: Allocation) -> Metadata {
        let raw = self.raw;
        let wide = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let project = superblock.features.ro_compat & RO_COMPAT_PROJECT != 0;
        Metadata {
            id: FileId(u64::from(self.number.get())),
            kind: self.kind(),
            allocation,
            size: self.size(superblock).min(largest_size(superblock)),
            links: u32::from(self.links()),
            mode: u32::from(self.mode()),
            uid: wide(raw.i_uid.get(), raw.l_i_uid_high.get()),
            gid: wide(raw.i_gid.get(), raw.l_i_gid_high.get()),
            project: if project { self.field(I_PROJID_OFFSET) } else { None },
            generation: u64::from(raw.i_generation.get()),
            flags: u64::from(raw.i_flags.get()),
            device: self.device(),
            times: self.times(allocation),
        }
    }

    /// Where checksums of this inode's metadata begin.
    pub(crate) fn checksum_seed(&self, superblock: &Superblock) -> u32 {
        let seed = crc32c(superblock.checksum_seed, &self.number.get().to_le_bytes());
        crc32c(seed, &self.raw.i_generation.get().to_le_bytes())
    }

    /// What is wrong with the fixed fields, if anything.
    pub(super) fn problem(&self, superblock: &Superblock) -> Option<ReadError> {
        if superblock.has_metadata_checksums()
            && superblock.linux
            && let Some(error) = self.checksum_problem(superblock)
        {
            return Some(error);
        }
        let damaged = || ReadError::corrupt(format!("inode {}", self.number.get())).at(self.place.start());
        let size = self.size(superblock);
        if size > largest_size(superblock) {
            return Some(
                damaged()
                    .expected(format!("a size of at most {} bytes", largest_size(superblock)))
                    .found(size.to_string()),
            );
        }
        let extra = stored_extra_size(self.bytes);
        if extra != 0 && self.fields_end == BASE {
            let most = self.bytes.len().saturating_sub(BASE);
            return Some(
                damaged().expected(format!("i_extra_isize of at most {most}")).found(extra.to_string()),
            );
        }
        if self.kind() == FileKind::Unknown {
            return Some(damaged().expected("a kind of file").found(format!("mode {:#o}", self.mode())));
        }
        None
    }

    fn checksum_problem(&self, superblock: &Superblock) -> Option<ReadError> {
        let seed = self.checksum_seed(superblock);
        let mut stored = u32::from(self.raw.l_i_checksum_lo.get());
        let mut sum = crc32c(seed, self.bytes.get(..I_CHECKSUM_LO_OFFSET)?);
        sum = crc32c(sum, &[0; 2]);
        let mut rest = I_CHECKSUM_LO_OFFSET.saturating_add(2);
        let reaches_high = stored_extra_size(self.bytes) >= 4;
        if reaches_high {
            let high = self.bytes.get(I_CHECKSUM_HI_OFFSET..)?.first_chunk()?;
            stored |= u32::from(u16::from_le_bytes(*high)) << 16;
            sum = crc32c(sum, self.bytes.get(rest..I_CHECKSUM_HI_OFFSET)?);
            sum = crc32c(sum, &[0; 2]);
            rest = I_CHECKSUM_HI_OFFSET.saturating_add(2);
        }
        sum = crc32c(sum, self.bytes.get(rest..)?);
        if !reaches_high {
            sum &= 0xFFFF;
        }
        (sum != stored).then(|| {
            ReadError::corrupt(format!("inode {}", self.number.get()))
                .at(self.place.start())
                .expected(format!("checksum {sum:#010x}"))
                .found(format!("{stored:#010x}"))
        })
    }
}

/// `i_extra_isize`, 0 for inodes of 128 bytes.
fn stored_extra_size(bytes: &[u8]) -> u16 {
    bytes
        .get(I_EXTRA_ISIZE_OFFSET..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

/// The largest file: 2^32 blocks.
pub(super) fn largest_size(superblock: &Superblock) -> u64 {
    superblock.block_size.bytes() << 32
}

/// Whether a directory has a hashed index.
pub(super) fn is_indexed(flags: u64) -> bool {
    flags & u64::from(EXT4_INDEX_FL) != 0
}

/// Whether an inode holds a large value of an extended attribute.
pub(super) fn is_attribute_value(flags: u64) -> bool {
    flags & u64::from(EXT4_EA_INODE_FL) != 0
}

/// Whether names in a directory are ciphertext.
pub(super) fn has_encrypted_names(flags: u64) -> bool {
    flags & u64::from(EXT4_ENCRYPT_FL) != 0
}
