//! On-disk structures of the journal, in the names of the format. All integers are big-endian, but for
//! those of fast commits, which are little-endian.

use zerocopy::{BigEndian, FromBytes, Immutable, KnownLayout, LittleEndian, Unaligned};

type Be16 = zerocopy::U16<BigEndian>;
type Be32 = zerocopy::U32<BigEndian>;
type Be64 = zerocopy::U64<BigEndian>;
type Le16 = zerocopy::U16<LittleEndian>;
type Le32 = zerocopy::U32<LittleEndian>;

/// `h_magic` of every block that is not data.
pub(super) const JBD2_MAGIC_NUMBER: u32 = 0xC03B_3998;

/// `h_blocktype`: tags of the data blocks that follow.
pub(super) const JBD2_DESCRIPTOR_BLOCK: u32 = 1;
/// `h_blocktype`: the end of a transaction.
pub(super) const JBD2_COMMIT_BLOCK: u32 = 2;
/// `h_blocktype`: superblock without feature fields.
pub(super) const JBD2_SUPERBLOCK_V1: u32 = 3;
/// `h_blocktype`: superblock.
pub(super) const JBD2_SUPERBLOCK_V2: u32 = 4;
/// `h_blocktype`: blocks whose earlier copies are not to be replayed.
pub(super) const JBD2_REVOKE_BLOCK: u32 = 5;

/// `s_feature_compat`: commit blocks hold a CRC-32 of the whole transaction.
pub(super) const JBD2_FEATURE_COMPAT_CHECKSUM: u32 = 0x1;

/// `s_feature_incompat`: there may be revoke blocks.
pub(super) const JBD2_FEATURE_INCOMPAT_REVOKE: u32 = 0x1;
/// `s_feature_incompat`: block numbers have 64 bits.
pub(super) const JBD2_FEATURE_INCOMPAT_64BIT: u32 = 0x2;
/// `s_feature_incompat`: commit blocks may reach the disk before their transaction.
pub(super) const JBD2_FEATURE_INCOMPAT_ASYNC_COMMIT: u32 = 0x4;
/// `s_feature_incompat`: checksums, of data blocks cut to 16 bits.
pub(super) const JBD2_FEATURE_INCOMPAT_CSUM_V2: u32 = 0x8;
/// `s_feature_incompat`: checksums, with wider tags.
pub(super) const JBD2_FEATURE_INCOMPAT_CSUM_V3: u32 = 0x10;
/// `s_feature_incompat`: the end of the journal holds fast commits.
pub(super) const JBD2_FEATURE_INCOMPAT_FAST_COMMIT: u32 = 0x20;

/// `s_checksum_type`: CRC-32C, the only one in use.
pub(super) const JBD2_CRC32C_CHKSUM: u8 = 4;
/// `h_chksum_type`: CRC-32, of compatible checksums.
pub(super) const JBD2_CRC32_CHKSUM: u8 = 1;
/// `h_chksum_size` of that.
pub(super) const JBD2_CRC32_CHKSUM_SIZE: u8 = 4;

/// `t_flags`: the block began with the magic number, which was cleared.
pub(super) const JBD2_FLAG_ESCAPE: u32 = 0x1;
/// `t_flags`: no UUID follows.
pub(super) const JBD2_FLAG_SAME_UUID: u32 = 0x2;
/// `t_flags`: the last tag of its descriptor block.
pub(super) const JBD2_FLAG_LAST_TAG: u32 = 0x8;
// JBD2_FLAG_DELETED (0x4) is defined too; nothing writes it and recovery takes no notice of it.

/// Fast-commit blocks where `s_num_fc_blks` is 0.
pub(super) const JBD2_DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;
/// Blocks that the log proper keeps at least when fast-commit blocks are cut off it.
pub(super) const JBD2_MIN_JOURNAL_BLOCKS: u32 = 1024;

/// Size of [`Superblock`], the part that its checksum covers.
pub(super) const SUPERBLOCK_SIZE: usize = 1024;
/// Position of `s_checksum`.
pub(super) const SUPERBLOCK_CHECKSUM: usize = 0xFC;
/// Position of `h_chksum[0]` in a commit block.
pub(super) const COMMIT_CHECKSUM: usize = 16;
/// Bytes of a commit block that its header fills.
pub(super) const COMMIT_HEADER_SIZE: usize = 64;
/// Bytes of the checksum at the end of descriptor and revoke blocks.
pub(super) const BLOCK_TAIL_SIZE: usize = 4;
/// Bytes of the UUID behind a tag without `JBD2_FLAG_SAME_UUID`.
pub(super) const TAG_UUID_SIZE: usize = 16;

/// `journal_header_t`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    /// `JBD2_MAGIC_NUMBER`.
    pub(super) magic: Be32,
    /// `JBD2_…_BLOCK`.
    pub(super) blocktype: Be32,
    /// The transaction.
    pub(super) sequence: Be32,
}
const _: () = assert!(size_of::<Header>() == 12);

/// `journal_superblock_t`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Superblock {
    /// Common header.
    pub(super) header: Header,
    /// Bytes a block.
    pub(super) blocksize: Be32,
    /// Blocks of the journal.
    pub(super) maxlen: Be32,
    /// First block of the log.
    pub(super) first: Be32,
    /// First transaction expected in the log.
    pub(super) sequence: Be32,
    /// Block at which that begins; 0 when there is nothing to replay.
    pub(super) start: Be32,
    /// Error that the filesystem recorded.
    pub(super) errno: Be32,
    /// `JBD2_FEATURE_COMPAT_…`. From here on only in version 2.
    pub(super) feature_compat: Be32,
    /// `JBD2_FEATURE_INCOMPAT_…`.
    pub(super) feature_incompat: Be32,
    /// No such feature is defined.
    pub(super) feature_ro_compat: Be32,
    /// UUID of the journal.
    pub(super) uuid: [u8; 16],
    /// Filesystems that share the journal.
    pub(super) nr_users: Be32,
    /// Unused.
    pub(super) dynsuper: Be32,
    /// Unused.
    pub(super) max_transaction: Be32,
    /// Unused.
    pub(super) max_trans_data: Be32,
    /// `JBD2_CRC32C_CHKSUM`.
    pub(super) checksum_type: u8,
    /// Unused.
    pub(super) padding2: [u8; 3],
    /// Blocks for fast commits.
    pub(super) num_fc_blks: Be32,
    /// End of the log, on a clean unmount.
    pub(super) head: Be32,
    /// Unused.
    pub(super) padding: [u8; 160],
    /// CRC-32C of these 1024 bytes with this field 0.
    pub(super) checksum: Be32,
    /// UUIDs of the filesystems that share the journal.
    pub(super) users: [u8; 768],
}
const _: () = assert!(size_of::<Superblock>() == SUPERBLOCK_SIZE);

/// `journal_block_tag_t` as far as every version has it. Behind it: `t_blocknr_high` with 64-bit numbers.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Tag {
    /// Low 32 bits of the block of the filesystem.
    pub(super) blocknr: Be32,
    /// Low 16 bits of the checksum, with `CSUM_V2`.
    pub(super) checksum: Be16,
    /// `JBD2_FLAG_…`.
    pub(super) flags: Be16,
}
const _: () = assert!(size_of::<Tag>() == 8);

/// `journal_block_tag3_t`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Tag3 {
    /// Low 32 bits of the block of the filesystem.
    pub(super) blocknr: Be32,
    /// `JBD2_FLAG_…`.
    pub(super) flags: Be32,
    /// High 32 bits of the block.
    pub(super) blocknr_high: Be32,
    /// CRC-32C of seed, sequence and block.
    pub(super) checksum: Be32,
}
const _: () = assert!(size_of::<Tag3>() == 16);

/// `commit_header`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Commit {
    /// Common header.
    pub(super) header: Header,
    /// `JBD2_CRC32_CHKSUM`, with compatible checksums.
    pub(super) chksum_type: u8,
    /// Bytes of the checksum, with compatible checksums.
    pub(super) chksum_size: u8,
    /// Unused.
    pub(super) padding: [u8; 2],
    /// The first is the checksum.
    pub(super) chksum: [Be32; 8],
    /// Seconds since 1970 at which the transaction was committed.
    pub(super) commit_sec: Be64,
    /// Nanoseconds of that.
    pub(super) commit_nsec: Be32,
}
const _: () = assert!(size_of::<Commit>() == 60);

/// `jbd2_journal_revoke_header_t`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RevokeHeader {
    /// Common header.
    pub(super) header: Header,
    /// Bytes in use, this header among them.
    pub(super) count: Be32,
}
const _: () = assert!(size_of::<RevokeHeader>() == 16);

/// Fast commit: a range of blocks was added to an inode.
pub(super) const EXT4_FC_TAG_ADD_RANGE: u16 = 1;
/// Fast commit: a range of blocks was taken from an inode.
pub(super) const EXT4_FC_TAG_DEL_RANGE: u16 = 2;
/// Fast commit: a name was created with its inode.
pub(super) const EXT4_FC_TAG_CREAT: u16 = 3;
/// Fast commit: a name was given to an inode.
pub(super) const EXT4_FC_TAG_LINK: u16 = 4;
/// Fast commit: a name was removed.
pub(super) const EXT4_FC_TAG_UNLINK: u16 = 5;
/// Fast commit: an inode as it is now.
pub(super) const EXT4_FC_TAG_INODE: u16 = 6;
/// Fast commit: nothing.
pub(super) const EXT4_FC_TAG_PAD: u16 = 7;
/// Fast commit: its end.
pub(super) const EXT4_FC_TAG_TAIL: u16 = 8;
/// Fast commit: the start of the area.
pub(super) const EXT4_FC_TAG_HEAD: u16 = 9;

/// `ext4_fc_tl`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcTagLength {
    /// `EXT4_FC_TAG_…`.
    pub(super) tag: Le16,
    /// Bytes of the value that follows.
    pub(super) len: Le16,
}
const _: () = assert!(size_of::<FcTagLength>() == 4);

/// `ext4_fc_head`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcHead {
    /// None is defined.
    pub(super) features: Le32,
    /// The transaction that the fast commits belong to.
    pub(super) tid: Le32,
}

/// `ext4_fc_tail`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcTail {
    /// The transaction that the fast commit belongs to.
    pub(super) tid: Le32,
    /// CRC-32C of the fast commit up to here.
    pub(super) crc: Le32,
}

/// `ext4_fc_add_range`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcAddRange {
    /// The inode.
    pub(super) ino: Le32,
    /// `ee_block`: first block of the file.
    pub(super) block: Le32,
    /// `ee_len`: blocks; above 32768 for a range that was not written.
    pub(super) len: Le16,
    /// `ee_start_hi`.
    pub(super) start_hi: Le16,
    /// `ee_start_lo`: first block of the filesystem.
    pub(super) start_lo: Le32,
}
const _: () = assert!(size_of::<FcAddRange>() == 16);

/// `ext4_fc_del_range`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcDelRange {
    /// The inode.
    pub(super) ino: Le32,
    /// First block of the file.
    pub(super) lblk: Le32,
    /// Blocks.
    pub(super) len: Le32,
}

/// `ext4_fc_dentry_info`; the name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FcDentryInfo {
    /// The directory.
    pub(super) parent_ino: Le32,
    /// The inode that is named.
    pub(super) ino: Le32,
}
