//! On-disk structures of the master boot record, as section 5.2 of the UEFI specification 2.10 names them.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `Signature`: the last two bytes of the sector.
pub(crate) const SIGNATURE: [u8; 2] = [0x55, 0xAA];

/// `OSType` of the entry that protects a GPT.
pub(crate) const TYPE_GPT_PROTECTIVE: u8 = 0xEE;

/// `OSType` of an unused entry.
pub(crate) const TYPE_EMPTY: u8 = 0x00;

/// `OSType`s of a container of logical partitions: CHS-addressed, LBA-addressed, Linux's own.
pub(crate) const TYPES_EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

/// `BootIndicator` of a partition that is not active.
pub(crate) const BOOT_INACTIVE: u8 = 0x00;

/// `BootIndicator` of the active partition.
pub(crate) const BOOT_ACTIVE: u8 = 0x80;

/// Byte of the first entry in the sector.
pub(crate) const ENTRIES_OFFSET: u64 = 446;

/// Bytes in an entry.
pub(crate) const ENTRY_SIZE: u64 = 16;

/// Table 5-1, Legacy MBR. An extended boot record has the same form; it uses only the entries and signature.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MasterBootRecord {
    /// `BootCode`.
    pub(crate) boot_code: [u8; 440],
    /// `UniqueMBRDiskSignature`.
    pub(crate) unique_mbr_disk_signature: U32,
    /// `Unknown`.
    pub(crate) unknown: U16,
    /// `PartitionRecord`.
    pub(crate) partition_record: [PartitionRecord; 4],
    /// `Signature`.
    pub(crate) signature: [u8; 2],
}

const _: () = assert!(size_of::<MasterBootRecord>() == 512);

/// Table 5-2, Legacy MBR partition record.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PartitionRecord {
    /// `BootIndicator`.
    pub(crate) boot_indicator: u8,
    /// `StartingCHS`.
    pub(crate) starting_chs: [u8; 3],
    /// `OSType`.
    pub(crate) os_type: u8,
    /// `EndingCHS`.
    pub(crate) ending_chs: [u8; 3],
    /// `StartingLBA`, in sectors; from what, depends on the sector that holds the entry.
    pub(crate) starting_lba: U32,
    /// `SizeInLBA`, in sectors.
    pub(crate) size_in_lba: U32,
}

const _: () = assert!(size_of::<PartitionRecord>() == 16);
