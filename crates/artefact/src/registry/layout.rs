//! Structures of a registry hive and of its logs, in the order and with the names of the specification. All
//! numbers are little-endian; all offsets of cells count from the first hive bin.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const BASE_BLOCK_SIZE: usize = 4096;
/// The same in file offsets.
pub(super) const BASE_BLOCK_LENGTH: u64 = 4096;
pub(super) const BIN_ALIGNMENT: u32 = 4096;
pub(super) const SECTOR: usize = 512;
/// The same in file offsets.
pub(super) const SECTOR_LENGTH: u64 = 512;

pub(super) const BASE_BLOCK_SIGNATURE: [u8; 4] = *b"regf";
pub(super) const BIN_SIGNATURE: [u8; 4] = *b"hbin";
pub(super) const DIRTY_VECTOR_SIGNATURE: [u8; 4] = *b"DIRT";
pub(super) const LOG_ENTRY_SIGNATURE: [u8; 4] = *b"HvLE";

pub(super) const KEY_NODE: [u8; 2] = *b"nk";
pub(super) const KEY_VALUE: [u8; 2] = *b"vk";
pub(super) const KEY_SECURITY: [u8; 2] = *b"sk";
pub(super) const INDEX_LEAF: [u8; 2] = *b"li";
pub(super) const FAST_LEAF: [u8; 2] = *b"lf";
pub(super) const HASH_LEAF: [u8; 2] = *b"lh";
pub(super) const INDEX_ROOT: [u8; 2] = *b"ri";
pub(super) const BIG_DATA: [u8; 2] = *b"db";

/// Offset that points nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;

pub(super) const KEY_SYM_LINK: u16 = 0x0010;
pub(super) const KEY_COMP_NAME: u16 = 0x0020;
pub(super) const KEY_PREDEF_HANDLE: u16 = 0x0040;
pub(super) const VALUE_COMP_NAME: u16 = 0x0001;
pub(super) const VALUE_TOMBSTONE: u16 = 0x0002;

/// Set in the size of a value whose data stands in place of its offset.
pub(super) const RESIDENT: u32 = 0x8000_0000;
/// Most bytes of data in one cell; more are divided into segments of this size.
pub(super) const SEGMENT: usize = 16344;

/// `HBASE_BLOCK`, its first sector.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawBaseBlock {
    pub signature: [u8; 4],
    pub primary_sequence: U32,
    pub secondary_sequence: U32,
    pub last_written: U64,
    pub major_version: U32,
    pub minor_version: U32,
    /// 0 primary file, 1 and 2 old logs, 6 new logs.
    pub file_type: U32,
    /// 1: direct memory load.
    pub file_format: U32,
    pub root_cell: U32,
    pub bins_size: U32,
    /// Sectors of 512 bytes in one of the disk.
    pub clustering_factor: U32,
    /// UTF-16: the end of the path at which the hive was loaded.
    pub file_name: [u8; 64],
    pub resource_manager_id: [u8; 16],
    pub log_id: [u8; 16],
    pub flags: U32,
    pub transaction_manager_id: [u8; 16],
    pub guid_signature: [u8; 4],
    pub last_reorganized: U64,
    pub reserved: [u8; 332],
    /// Exclusive or of the words before it.
    pub checksum: U32,
}
const _: () = assert!(size_of::<RawBaseBlock>() == SECTOR);

/// `HBIN`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawBin {
    pub signature: [u8; 4],
    pub offset: U32,
    pub size: U32,
    pub reserved: [u8; 8],
    /// Of the first bin: a copy of the base block's time.
    pub timestamp: U64,
    pub spare: U32,
}
const _: () = assert!(size_of::<RawBin>() == 32);

/// `CM_KEY_NODE`, before its name.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawKeyNode {
    pub signature: [u8; 2],
    pub flags: U16,
    pub last_written: U64,
    /// A title index in version 1.1, then spare; since Windows 8 whether the key was opened.
    pub access_bits: u8,
    /// How the key takes part in a layered one.
    pub layer: u8,
    pub spare: U16,
    pub parent: U32,
    pub subkey_count: U32,
    pub volatile_subkey_count: U32,
    pub subkeys: U32,
    pub volatile_subkeys: U32,
    pub value_count: U32,
    pub values: U32,
    pub security: U32,
    pub class: U32,
    pub largest_subkey_name: U16,
    /// Virtualisation control in the low half, user flags in the high one.
    pub user_flags: u8,
    pub debug: u8,
    pub largest_subkey_class: U32,
    pub largest_value_name: U32,
    pub largest_value_data: U32,
    pub work_var: U32,
    pub name_length: U16,
    pub class_length: U16,
}
const _: () = assert!(size_of::<RawKeyNode>() == 76);

/// `CM_KEY_VALUE`, before its name.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawKeyValue {
    pub signature: [u8; 2],
    pub name_length: U16,
    pub data_size: U32,
    pub data: U32,
    pub data_type: U32,
    /// A title index in version 1.1.
    pub flags: U16,
    pub spare: U16,
}
const _: () = assert!(size_of::<RawKeyValue>() == 20);

/// `CM_KEY_SECURITY`, before its descriptor.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawKeySecurity {
    pub signature: [u8; 2],
    pub reserved: U16,
    pub flink: U32,
    pub blink: U32,
    pub reference_count: U32,
    pub descriptor_size: U32,
}
const _: () = assert!(size_of::<RawKeySecurity>() == 20);

/// `CM_KEY_INDEX`: begins every list of subkeys.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawIndex {
    pub signature: [u8; 2],
    pub count: U16,
}
const _: () = assert!(size_of::<RawIndex>() == 4);

/// `CM_BIG_DATA`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawBigData {
    pub signature: [u8; 2],
    pub count: U16,
    pub segments: U32,
}
const _: () = assert!(size_of::<RawBigData>() == 8);

/// Begins an entry of a new log; references to pages follow, then the pages.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawLogEntry {
    pub signature: [u8; 4],
    pub size: U32,
    pub flags: U32,
    pub sequence: U32,
    pub bins_size: U32,
    pub page_count: U32,
    /// Marvin32 of all that follows this header.
    pub hash_1: U64,
    /// Marvin32 of this header up to here.
    pub hash_2: U64,
}
const _: () = assert!(size_of::<RawLogEntry>() == 40);

/// Where a page of a log entry belongs.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawPageReference {
    pub offset: U32,
    pub size: U32,
}
const _: () = assert!(size_of::<RawPageReference>() == 8);
