//! On-disk structures and constants, with the names of the
//! [exFAT file system specification](https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification),
//! revision 1.00. Nothing here reads.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Sectors of a boot region (§3).
pub(super) const BOOT_REGION_SECTORS: u64 = 12;
/// Sectors of a boot region that its checksum covers.
pub(super) const CHECKSUM_SECTOR: u64 = 11;
/// `FileSystemName` (§3.1.2).
pub(super) const FILE_SYSTEM_NAME: [u8; 8] = *b"EXFAT   ";
/// `BootSignature` (§3.1.20).
pub(super) const BOOT_SIGNATURE: u16 = 0xAA55;
/// Bytes of the boot sector, whatever the size of sectors.
pub(super) const BOOT_SECTOR_SIZE: usize = 512;
/// Byte offset of `FirstClusterOfRootDirectory` in the boot sector.
pub(super) const ROOT_FIELD_OFFSET: u64 = 96;
/// Byte offsets that the boot checksum leaves out: `VolumeFlags` and `PercentInUse`.
pub(super) const BOOT_CHECKSUM_HOLES: [usize; 3] = [106, 107, 112];
/// First sector that a FAT may begin at.
pub(super) const FIRST_FAT_OFFSET: u32 = 24;
/// Sum of `BytesPerSectorShift` and `SectorsPerClusterShift` of the largest cluster, 32 MiB.
pub(super) const MOST_CLUSTER_SHIFT: u8 = 25;

/// `VolumeFlags` (§3.1.13).
pub(super) const VOLUME_FLAG_ACTIVE_FAT: u16 = 0x1;
pub(super) const VOLUME_FLAG_DIRTY: u16 = 0x2;
pub(super) const VOLUME_FLAG_MEDIA_FAILURE: u16 = 0x4;
pub(super) const VOLUME_FLAG_CLEAR_TO_ZERO: u16 = 0x8;

/// Main and backup boot sector (§3.1).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone)]
#[repr(C)]
pub(super) struct RawBootSector {
    pub jump_boot: [u8; 3],
    pub file_system_name: [u8; 8],
    /// Where older formats have their parameters.
    pub must_be_zero: [u8; 53],
    /// In sectors.
    pub partition_offset: U64,
    /// In sectors.
    pub volume_length: U64,
    /// In sectors.
    pub fat_offset: U32,
    /// In sectors, of one FAT.
    pub fat_length: U32,
    /// In sectors.
    pub cluster_heap_offset: U32,
    pub cluster_count: U32,
    pub first_cluster_of_root_directory: U32,
    pub volume_serial_number: U32,
    /// High byte major, low byte minor.
    pub file_system_revision: U16,
    pub volume_flags: U16,
    pub bytes_per_sector_shift: u8,
    pub sectors_per_cluster_shift: u8,
    pub number_of_fats: u8,
    pub drive_select: u8,
    pub percent_in_use: u8,
    pub reserved: [u8; 7],
    pub boot_code: [u8; 390],
    pub boot_signature: U16,
}
const _: () = assert!(size_of::<RawBootSector>() == BOOT_SECTOR_SIZE);
const _: () = assert!(core::mem::offset_of!(RawBootSector, volume_flags) == 106);
const _: () = assert!(core::mem::offset_of!(RawBootSector, percent_in_use) == 112);
const _: () = assert!(core::mem::offset_of!(RawBootSector, first_cluster_of_root_directory) == 96);

/// First cluster of the cluster heap (§5).
pub(super) const FIRST_CLUSTER: u32 = 2;
/// Bytes of a FAT entry (§4.1).
pub(super) const FAT_ENTRY_SIZE: u64 = 4;
/// FAT entry of a cluster that must not be used.
pub(super) const FAT_BAD: u32 = 0xFFFF_FFF7;
/// FAT entry of the last cluster of a chain.
pub(super) const FAT_END: u32 = 0xFFFF_FFFF;

/// Bytes of a directory entry (§6).
pub(super) const ENTRY_SIZE: usize = 32;
/// Most secondary entries of a set.
pub(super) const MOST_SECONDARY: usize = 255;
/// Largest directory (§7.4.8).
pub(super) const MOST_DIRECTORY_SIZE: u64 = 256 << 20;

/// `EntryType` (§6.2.1): in use.
pub(super) const TYPE_IN_USE: u8 = 0x80;
/// `EntryType`: secondary, not primary.
pub(super) const TYPE_SECONDARY: u8 = 0x40;
/// `EntryType`: benign, not critical.
pub(super) const TYPE_BENIGN: u8 = 0x20;

/// `EntryType`: nothing was ever stored from here to the end of the directory.
pub(super) const END_OF_DIRECTORY: u8 = 0x00;
pub(super) const ALLOCATION_BITMAP: u8 = 0x81;
pub(super) const UPCASE_TABLE: u8 = 0x82;
pub(super) const VOLUME_LABEL: u8 = 0x83;
pub(super) const FILE: u8 = 0x85;
pub(super) const VOLUME_GUID: u8 = 0xA0;
pub(super) const STREAM_EXTENSION: u8 = 0xC0;
pub(super) const FILE_NAME: u8 = 0xC1;
pub(super) const VENDOR_EXTENSION: u8 = 0xE0;
pub(super) const VENDOR_ALLOCATION: u8 = 0xE1;

/// `GeneralSecondaryFlags` (§6.4.2).
pub(super) const ALLOCATION_POSSIBLE: u8 = 0x1;
pub(super) const NO_FAT_CHAIN: u8 = 0x2;

/// Allocation Bitmap entry (§7.1).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawAllocationBitmap {
    pub entry_type: u8,
    /// Bit 0: which FAT it belongs to.
    pub bitmap_flags: u8,
    pub reserved: [u8; 18],
    pub first_cluster: U32,
    /// In bytes.
    pub data_length: U64,
}
const _: () = assert!(size_of::<RawAllocationBitmap>() == ENTRY_SIZE);

/// Up-case Table entry (§7.2).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawUpcaseTable {
    pub entry_type: u8,
    pub reserved1: [u8; 3],
    pub table_checksum: U32,
    pub reserved2: [u8; 12],
    pub first_cluster: U32,
    /// In bytes.
    pub data_length: U64,
}
const _: () = assert!(size_of::<RawUpcaseTable>() == ENTRY_SIZE);
/// In a compressed up-case table: the next unit counts characters that are their own upper case.
pub(super) const UPCASE_SKIP: u16 = 0xFFFF;

/// Volume Label entry (§7.3).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawVolumeLabel {
    pub entry_type: u8,
    /// In units of 16 bits, at most 11; up to 15 are met, written on into the reserved bytes.
    pub character_count: u8,
    pub volume_label_and_reserved: [u8; 30],
}
const _: () = assert!(size_of::<RawVolumeLabel>() == ENTRY_SIZE);

/// File entry (§7.4).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawFile {
    pub entry_type: u8,
    pub secondary_count: u8,
    pub set_checksum: U16,
    pub file_attributes: U16,
    pub reserved1: U16,
    pub create_timestamp: U32,
    pub last_modified_timestamp: U32,
    pub last_accessed_timestamp: U32,
    /// Units of 10 ms that are added to the timestamp, at most 199.
    pub create_10ms_increment: u8,
    pub last_modified_10ms_increment: u8,
    /// Bit 7: valid. Bits 0 to 6: signed, in quarters of an hour.
    pub create_utc_offset: u8,
    pub last_modified_utc_offset: u8,
    pub last_accessed_utc_offset: u8,
    pub reserved2: [u8; 7],
}
const _: () = assert!(size_of::<RawFile>() == ENTRY_SIZE);

/// `FileAttributes` (§7.4.4).
pub(super) const ATTRIBUTE_READ_ONLY: u16 = 0x1;
pub(super) const ATTRIBUTE_HIDDEN: u16 = 0x2;
pub(super) const ATTRIBUTE_SYSTEM: u16 = 0x4;
pub(super) const ATTRIBUTE_DIRECTORY: u16 = 0x10;
pub(super) const ATTRIBUTE_ARCHIVE: u16 = 0x20;

/// `OffsetValid` of the UTC offsets.
pub(super) const OFFSET_VALID: u8 = 0x80;

/// Volume GUID entry (§7.5).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawVolumeGuid {
    pub entry_type: u8,
    pub secondary_count: u8,
    pub set_checksum: U16,
    pub general_primary_flags: U16,
    pub volume_guid: [u8; 16],
    pub reserved: [u8; 10],
}
const _: () = assert!(size_of::<RawVolumeGuid>() == ENTRY_SIZE);

/// Stream Extension entry (§7.6).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawStreamExtension {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    pub reserved1: u8,
    /// In units of 16 bits.
    pub name_length: u8,
    /// Of the name in upper case.
    pub name_hash: U16,
    pub reserved2: U16,
    /// In bytes: what lies beyond was never written.
    pub valid_data_length: U64,
    pub reserved3: U32,
    pub first_cluster: U32,
    /// In bytes.
    pub data_length: U64,
}
const _: () = assert!(size_of::<RawStreamExtension>() == ENTRY_SIZE);

/// File Name entry (§7.7).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawFileName {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    /// 15 units of 16 bits.
    pub file_name: [u8; 30],
}
const _: () = assert!(size_of::<RawFileName>() == ENTRY_SIZE);

/// Vendor Extension entry (§7.8); a Vendor Allocation entry (§7.9) begins alike.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawVendorExtension {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    pub vendor_guid: [u8; 16],
    pub vendor_defined: [u8; 14],
}
const _: () = assert!(size_of::<RawVendorExtension>() == ENTRY_SIZE);
