//! On-disk structures of the GUID partition table, as section 5.3 of the UEFI specification 2.10 names them.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `Signature` of a header.
pub(crate) const SIGNATURE: [u8; 8] = *b"EFI PART";

/// Upper half of `Revision`: 1 in every version of the specification.
pub(crate) const MAJOR_REVISION: u32 = 1;

/// Smallest `HeaderSize`, and the bytes of [`GptHeader`].
pub(crate) const LEAST_HEADER_SIZE: u32 = 92;

/// Smallest `SizeOfPartitionEntry`, and the bytes of [`GptPartitionEntry`].
pub(crate) const LEAST_ENTRY_SIZE: u32 = 128;

/// Table 5-5, GPT header. The rest of its sector is reserved.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct GptHeader {
    /// `Signature`.
    pub(crate) signature: [u8; 8],
    /// `Revision`.
    pub(crate) revision: U32,
    /// `HeaderSize`, in bytes: what the checksum covers.
    pub(crate) header_size: U32,
    /// `HeaderCRC32`, with this field taken as 0.
    pub(crate) header_crc32: U32,
    /// `Reserved`.
    pub(crate) reserved: U32,
    /// `MyLBA`, where this header stands.
    pub(crate) my_lba: U64,
    /// `AlternateLBA`, where the other header stands.
    pub(crate) alternate_lba: U64,
    /// `FirstUsableLBA`.
    pub(crate) first_usable_lba: U64,
    /// `LastUsableLBA`, inclusive.
    pub(crate) last_usable_lba: U64,
    /// `DiskGUID`.
    pub(crate) disk_guid: [u8; 16],
    /// `PartitionEntryLBA`, where this header's array begins.
    pub(crate) partition_entry_lba: U64,
    /// `NumberOfPartitionEntries`, used or not.
    pub(crate) number_of_partition_entries: U32,
    /// `SizeOfPartitionEntry`, in bytes.
    pub(crate) size_of_partition_entry: U32,
    /// `PartitionEntryArrayCRC32`.
    pub(crate) partition_entry_array_crc32: U32,
}

const _: () = assert!(size_of::<GptHeader>() == 92);

/// Byte of `HeaderCRC32` in the header.
pub(crate) const HEADER_CRC32_OFFSET: usize = std::mem::offset_of!(GptHeader, header_crc32);

/// Table 5-6, GPT partition entry.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct GptPartitionEntry {
    /// `PartitionTypeGUID`; zero in an unused entry.
    pub(crate) partition_type_guid: [u8; 16],
    /// `UniquePartitionGUID`.
    pub(crate) unique_partition_guid: [u8; 16],
    /// `StartingLBA`.
    pub(crate) starting_lba: U64,
    /// `EndingLBA`, inclusive.
    pub(crate) ending_lba: U64,
    /// `Attributes`.
    pub(crate) attributes: U64,
    /// `PartitionName`, UTF-16LE, ended by a zero unit where it is shorter.
    pub(crate) partition_name: [u8; 72],
}

const _: () = assert!(size_of::<GptPartitionEntry>() == 128);

/// Bits of `Attributes`: 0 to 2 by the UEFI specification, 60 to 63 by Microsoft's basic data partitions, of
/// which the Discoverable Partitions Specification took 60 and 63 over, and added 59.
pub(crate) const ATTRIBUTES: &[(u32, &str)] = &[
    (0, "required"),
    (1, "no_block_io"),
    (2, "legacy_boot"),
    (59, "grow_filesystem"),
    (60, "read_only"),
    (61, "shadow_copy"),
    (62, "hidden"),
    (63, "no_automount"),
];
