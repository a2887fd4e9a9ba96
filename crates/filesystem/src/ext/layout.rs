//! On-disk structures and constants, with the names of the
//! [ext4 documentation](https://docs.kernel.org/filesystems/ext4/). Nothing here reads.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Byte offset of the primary superblock on the volume.
pub(super) const SUPERBLOCK_OFFSET: u64 = 1024;
/// Bytes of the superblock.
pub(super) const SUPERBLOCK_SIZE: usize = 1024;
/// `s_magic`.
pub(super) const EXT4_SUPER_MAGIC: u16 = 0xEF53;
/// `s_rev_level` from which feature words and dynamic inode sizes exist.
pub(super) const EXT4_DYNAMIC_REV: u32 = 1;
/// Inode size of revision 0, and of the part of an inode that every revision has.
pub(super) const EXT4_GOOD_OLD_INODE_SIZE: u16 = 128;
/// First ordinary inode of revision 0.
pub(super) const EXT4_GOOD_OLD_FIRST_INO: u32 = 11;
/// `s_creator_os` of Linux.
pub(super) const EXT4_OS_LINUX: u32 = 0;
/// `s_creator_os` of the GNU Hurd.
pub(super) const EXT4_OS_HURD: u32 = 1;
/// `s_state`: cleanly unmounted.
pub(super) const EXT4_VALID_FS: u16 = 1;
/// `s_state`: errors were seen.
pub(super) const EXT4_ERROR_FS: u16 = 2;

pub(super) const EXT4_ROOT_INO: u32 = 2;
pub(super) const EXT4_RESIZE_INO: u32 = 7;

pub(super) const COMPAT_HAS_JOURNAL: u32 = 0x4;
pub(super) const COMPAT_DIR_INDEX: u32 = 0x20;
pub(super) const COMPAT_SPARSE_SUPER2: u32 = 0x200;
pub(super) const COMPAT_ORPHAN_FILE: u32 = 0x1000;

pub(super) const INCOMPAT_FILETYPE: u32 = 0x2;
pub(super) const INCOMPAT_RECOVER: u32 = 0x4;
pub(super) const INCOMPAT_JOURNAL_DEV: u32 = 0x8;
pub(super) const INCOMPAT_META_BG: u32 = 0x10;
pub(super) const INCOMPAT_EXTENTS: u32 = 0x40;
pub(super) const INCOMPAT_64BIT: u32 = 0x80;
pub(super) const INCOMPAT_MMP: u32 = 0x100;
pub(super) const INCOMPAT_FLEX_BG: u32 = 0x200;
pub(super) const INCOMPAT_EA_INODE: u32 = 0x400;
pub(super) const INCOMPAT_CSUM_SEED: u32 = 0x2000;
pub(super) const INCOMPAT_LARGEDIR: u32 = 0x4000;
pub(super) const INCOMPAT_INLINE_DATA: u32 = 0x8000;
pub(super) const INCOMPAT_ENCRYPT: u32 = 0x1_0000;
pub(super) const INCOMPAT_CASEFOLD: u32 = 0x2_0000;

pub(super) const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
pub(super) const RO_COMPAT_LARGE_FILE: u32 = 0x2;
pub(super) const RO_COMPAT_BTREE_DIR: u32 = 0x4;
pub(super) const RO_COMPAT_GDT_CSUM: u32 = 0x10;
pub(super) const RO_COMPAT_QUOTA: u32 = 0x100;
pub(super) const RO_COMPAT_BIGALLOC: u32 = 0x200;
pub(super) const RO_COMPAT_METADATA_CSUM: u32 = 0x400;
pub(super) const RO_COMPAT_PROJECT: u32 = 0x2000;
pub(super) const RO_COMPAT_ORPHAN_PRESENT: u32 = 0x1_0000;

/// `struct ext4_super_block`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone)]
#[repr(C)]
pub(super) struct RawSuperblock {
    pub s_inodes_count: U32,
    pub s_blocks_count_lo: U32,
    pub s_r_blocks_count_lo: U32,
    pub s_free_blocks_count_lo: U32,
    pub s_free_inodes_count: U32,
    /// The block that holds the first byte after the boot block: 1 for 1 KiB blocks without bigalloc, else 0.
    pub s_first_data_block: U32,
    /// Block size is `1024 << s_log_block_size`.
    pub s_log_block_size: U32,
    pub s_log_cluster_size: U32,
    pub s_blocks_per_group: U32,
    pub s_clusters_per_group: U32,
    pub s_inodes_per_group: U32,
    pub s_mtime: U32,
    pub s_wtime: U32,
    pub s_mnt_count: U16,
    pub s_max_mnt_count: U16,
    pub s_magic: U16,
    pub s_state: U16,
    pub s_errors: U16,
    pub s_minor_rev_level: U16,
    pub s_lastcheck: U32,
    pub s_checkinterval: U32,
    pub s_creator_os: U32,
    pub s_rev_level: U32,
    pub s_def_resuid: U16,
    pub s_def_resgid: U16,
    // From here on only in dynamic revisions.
    pub s_first_ino: U32,
    pub s_inode_size: U16,
    /// The group that this copy of the superblock lies in.
    pub s_block_group_nr: U16,
    pub s_feature_compat: U32,
    pub s_feature_incompat: U32,
    pub s_feature_ro_compat: U32,
    pub s_uuid: [u8; 16],
    pub s_volume_name: [u8; 16],
    pub s_last_mounted: [u8; 64],
    pub s_algorithm_usage_bitmap: U32,
    pub s_prealloc_blocks: u8,
    pub s_prealloc_dir_blocks: u8,
    pub s_reserved_gdt_blocks: U16,
    pub s_journal_uuid: [u8; 16],
    pub s_journal_inum: U32,
    pub s_journal_dev: U32,
    /// First inode of the list of orphans, which their `i_dtime` chains.
    pub s_last_orphan: U32,
    pub s_hash_seed: [U32; 4],
    pub s_def_hash_version: u8,
    pub s_jnl_backup_type: u8,
    pub s_desc_size: U16,
    pub s_default_mount_opts: U32,
    pub s_first_meta_bg: U32,
    pub s_mkfs_time: U32,
    pub s_jnl_blocks: [U32; 17],
    // From here on only with the 64bit feature.
    pub s_blocks_count_hi: U32,
    pub s_r_blocks_count_hi: U32,
    pub s_free_blocks_count_hi: U32,
    pub s_min_extra_isize: U16,
    pub s_want_extra_isize: U16,
    pub s_flags: U32,
    pub s_raid_stride: U16,
    pub s_mmp_interval: U16,
    pub s_mmp_block: U64,
    pub s_raid_stripe_width: U32,
    pub s_log_groups_per_flex: u8,
    pub s_checksum_type: u8,
    pub s_encryption_level: u8,
    pub s_reserved_pad: u8,
    pub s_kbytes_written: U64,
    pub s_snapshot_inum: U32,
    pub s_snapshot_id: U32,
    pub s_snapshot_r_blocks_count: U64,
    pub s_snapshot_list: U32,
    pub s_error_fields: [u8; 108],
    pub s_mount_opts: [u8; 64],
    pub s_usr_quota_inum: U32,
    pub s_grp_quota_inum: U32,
    pub s_overhead_clusters: U32,
    /// The two groups that hold backups with `sparse_super2`.
    pub s_backup_bgs: [U32; 2],
    pub s_encrypt_algos: [u8; 4],
    pub s_encrypt_pw_salt: [u8; 16],
    pub s_lpf_ino: U32,
    pub s_prj_quota_inum: U32,
    pub s_checksum_seed: U32,
    pub s_time_hi: [u8; 8],
    pub s_encoding: U16,
    pub s_encoding_flags: U16,
    pub s_orphan_file_inum: U32,
    pub s_reserved: [U32; 94],
    /// crc32c of everything before it.
    pub s_checksum: U32,
}
const _: () = assert!(size_of::<RawSuperblock>() == SUPERBLOCK_SIZE);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_uuid) == 0x68);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_desc_size) == 0xFE);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_blocks_count_hi) == 0x150);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_usr_quota_inum) == 0x240);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_checksum_seed) == 0x270);
const _: () = assert!(core::mem::offset_of!(RawSuperblock, s_orphan_file_inum) == 0x280);

/// `bg_flags`: the inode table holds no inode that was ever used.
pub(super) const EXT4_BG_INODE_UNINIT: u16 = 0x1;
/// `bg_flags`: the block bitmap was never written.
pub(super) const EXT4_BG_BLOCK_UNINIT: u16 = 0x2;

/// The first 32 bytes of `struct ext4_group_desc`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawGroupDescriptor {
    pub bg_block_bitmap_lo: U32,
    pub bg_inode_bitmap_lo: U32,
    pub bg_inode_table_lo: U32,
    pub bg_free_blocks_count_lo: U16,
    pub bg_free_inodes_count_lo: U16,
    pub bg_used_dirs_count_lo: U16,
    pub bg_flags: U16,
    pub bg_exclude_bitmap_lo: U32,
    pub bg_block_bitmap_csum_lo: U16,
    pub bg_inode_bitmap_csum_lo: U16,
    /// Inodes at the end of the table that were never used.
    pub bg_itable_unused_lo: U16,
    pub bg_checksum: U16,
}
const _: () = assert!(size_of::<RawGroupDescriptor>() == 32);
/// Byte offset of `bg_checksum` in a descriptor.
pub(super) const BG_CHECKSUM_OFFSET: usize = 0x1E;

/// The second 32 bytes of `struct ext4_group_desc`, of 64-bit filesystems.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawGroupDescriptorHigh {
    pub bg_block_bitmap_hi: U32,
    pub bg_inode_bitmap_hi: U32,
    pub bg_inode_table_hi: U32,
    pub bg_free_blocks_count_hi: U16,
    pub bg_free_inodes_count_hi: U16,
    pub bg_used_dirs_count_hi: U16,
    pub bg_itable_unused_hi: U16,
    pub bg_exclude_bitmap_hi: U32,
    pub bg_block_bitmap_csum_hi: U16,
    pub bg_inode_bitmap_csum_hi: U16,
    pub bg_reserved: U32,
}
const _: () = assert!(size_of::<RawGroupDescriptorHigh>() == 32);

/// Bytes of `i_block`.
pub(super) const I_BLOCK_SIZE: usize = 60;

/// The first 128 bytes of `struct ext4_inode`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawInode {
    pub i_mode: U16,
    pub i_uid: U16,
    pub i_size_lo: U32,
    pub i_atime: U32,
    pub i_ctime: U32,
    pub i_mtime: U32,
    /// Time of deletion, or the next inode of the orphan list.
    pub i_dtime: U32,
    pub i_gid: U16,
    pub i_links_count: U16,
    pub i_blocks_lo: U32,
    pub i_flags: U32,
    /// `osd1`: on Linux the low half of the inode version; the high reference count of an EA inode.
    pub i_version: U32,
    pub i_block: [u8; I_BLOCK_SIZE],
    pub i_generation: U32,
    pub i_file_acl_lo: U32,
    /// High half of the size of regular files; `i_dir_acl` once.
    pub i_size_high: U32,
    pub i_obso_faddr: U32,
    /// `osd2` of Linux; the Hurd keeps other things in the first four bytes.
    pub l_i_blocks_high: U16,
    pub l_i_file_acl_high: U16,
    pub l_i_uid_high: U16,
    pub l_i_gid_high: U16,
    pub l_i_checksum_lo: U16,
    pub l_i_reserved: U16,
}
const _: () = assert!(size_of::<RawInode>() == 128);
/// Byte offset of `l_i_checksum_lo`.
pub(super) const I_CHECKSUM_LO_OFFSET: usize = 0x7C;
/// Byte offset of `i_checksum_hi`.
pub(super) const I_CHECKSUM_HI_OFFSET: usize = 0x82;
/// Byte offset of `i_extra_isize`.
pub(super) const I_EXTRA_ISIZE_OFFSET: usize = 0x80;
/// Byte offsets of the fields beyond the first 128 bytes; each is there when `i_extra_isize` reaches it.
pub(super) const I_CTIME_EXTRA_OFFSET: usize = 0x84;
pub(super) const I_MTIME_EXTRA_OFFSET: usize = 0x88;
pub(super) const I_ATIME_EXTRA_OFFSET: usize = 0x8C;
pub(super) const I_CRTIME_OFFSET: usize = 0x90;
pub(super) const I_CRTIME_EXTRA_OFFSET: usize = 0x94;
pub(super) const I_PROJID_OFFSET: usize = 0x9C;

pub(super) const S_IFMT: u16 = 0xF000;
pub(super) const S_IFIFO: u16 = 0x1000;
pub(super) const S_IFCHR: u16 = 0x2000;
pub(super) const S_IFDIR: u16 = 0x4000;
pub(super) const S_IFBLK: u16 = 0x6000;
pub(super) const S_IFREG: u16 = 0x8000;
pub(super) const S_IFLNK: u16 = 0xA000;
pub(super) const S_IFSOCK: u16 = 0xC000;

pub(super) const EXT4_ENCRYPT_FL: u32 = 0x800;
pub(super) const EXT4_INDEX_FL: u32 = 0x1000;
pub(super) const EXT4_HUGE_FILE_FL: u32 = 0x4_0000;
pub(super) const EXT4_EXTENTS_FL: u32 = 0x8_0000;
pub(super) const EXT4_EA_INODE_FL: u32 = 0x20_0000;
pub(super) const EXT4_INLINE_DATA_FL: u32 = 0x1000_0000;

/// Direct block numbers in `i_block`; then one single, one double and one triple indirect one.
pub(super) const EXT4_NDIR_BLOCKS: usize = 12;

/// `eh_magic`.
pub(super) const EXT4_EXT_MAGIC: u16 = 0xF30A;
/// Deepest extent tree.
pub(super) const EXT4_MAX_EXTENT_DEPTH: u16 = 5;
/// `ee_len` above this marks an extent that was never written; its length is what exceeds it.
pub(super) const EXT_INIT_MAX_LEN: u16 = 32768;

/// `struct ext4_extent_header`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtentHeader {
    pub eh_magic: U16,
    pub eh_entries: U16,
    pub eh_max: U16,
    pub eh_depth: U16,
    pub eh_generation: U32,
}
const _: () = assert!(size_of::<RawExtentHeader>() == 12);

/// `struct ext4_extent`, of a leaf.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtent {
    pub ee_block: U32,
    pub ee_len: U16,
    pub ee_start_hi: U16,
    pub ee_start_lo: U32,
}
const _: () = assert!(size_of::<RawExtent>() == 12);

/// `struct ext4_extent_idx`, of an inner node.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtentIndex {
    pub ei_block: U32,
    pub ei_leaf_lo: U32,
    pub ei_leaf_hi: U16,
    pub ei_unused: U16,
}
const _: () = assert!(size_of::<RawExtentIndex>() == 12);

/// The first 8 bytes of `struct ext4_dir_entry_2`; the name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawDirEntry {
    pub inode: U32,
    pub rec_len: U16,
    pub name_len: u8,
    /// Without the filetype feature the high byte of `name_len`.
    pub file_type: u8,
}
const _: () = assert!(size_of::<RawDirEntry>() == 8);
/// Bytes of a directory entry before its name.
pub(super) const DIR_ENTRY_HEADER: usize = 8;
/// Bytes of `struct ext4_dir_entry_tail`.
pub(super) const DIR_ENTRY_TAIL: usize = 12;
/// `det_reserved_ft` of the tail.
pub(super) const EXT4_FT_DIR_CSUM: u8 = 0xDE;
/// Byte offset of the count and limit in the root of a hashed tree, and in its other nodes.
pub(super) const DX_ROOT_COUNT_OFFSET: usize = 0x20;
pub(super) const DX_NODE_COUNT_OFFSET: usize = 0x8;
/// Bytes of `struct dx_entry`.
pub(super) const DX_ENTRY_SIZE: usize = 8;
/// Inline directories begin with the number of their parent.
pub(super) const EXT4_INLINE_DOTDOT_SIZE: usize = 4;

/// `h_magic` of extended attributes, in inodes and in blocks.
pub(super) const EXT4_XATTR_MAGIC: u32 = 0xEA02_0000;
/// Largest value of an extended attribute that Linux writes.
pub(super) const XATTR_SIZE_MAX: u32 = 1 << 16;

/// `struct ext4_xattr_header`, of an attribute block.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawXattrHeader {
    pub h_magic: U32,
    pub h_refcount: U32,
    pub h_blocks: U32,
    pub h_hash: U32,
    pub h_checksum: U32,
    pub h_reserved: [U32; 3],
}
const _: () = assert!(size_of::<RawXattrHeader>() == 32);
/// Byte offset of `h_checksum`.
pub(super) const XATTR_CHECKSUM_OFFSET: usize = 16;

/// `struct ext4_xattr_entry`; the name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawXattrEntry {
    pub e_name_len: u8,
    pub e_name_index: u8,
    pub e_value_offs: U16,
    /// The inode that holds the value, or 0.
    pub e_value_inum: U32,
    pub e_value_size: U32,
    pub e_hash: U32,
}
const _: () = assert!(size_of::<RawXattrEntry>() == 16);
/// `e_name_index` of the attributes that the filesystem itself keeps, such as inline data.
pub(super) const EXT4_XATTR_INDEX_SYSTEM: u8 = 7;
