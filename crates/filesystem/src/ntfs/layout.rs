//! On-disk structures and constants, with the names of Microsoft's headers where they have some and those of
//! the [Linux-NTFS documentation](https://flatcap.github.io/linux-ntfs/ntfs/) otherwise. Nothing here reads.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `oem_id` of the boot sector.
pub(super) const OEM_ID: [u8; 8] = *b"NTFS    ";
/// Bytes of the boot sector that are read, whatever the sector size.
pub(super) const BOOT_SECTOR_SIZE: usize = 512;

/// Bytes that one update sequence number protects, whatever the sector size.
pub(super) const SEQUENCE_NUMBER_STRIDE: usize = 512;

pub(super) const FILE_SIGNATURE: [u8; 4] = *b"FILE";
/// What `chkdsk` writes over a record that it found torn.
pub(super) const BAAD_SIGNATURE: [u8; 4] = *b"BAAD";
pub(super) const INDEX_SIGNATURE: [u8; 4] = *b"INDX";

/// Records of the volume's own files.
pub(super) const MFT_RECORD: u32 = 0;
pub(super) const LOG_FILE_RECORD: u32 = 2;
pub(super) const VOLUME_RECORD: u32 = 3;
pub(super) const ROOT_RECORD: u32 = 5;
pub(super) const BITMAP_RECORD: u32 = 6;
pub(super) const SECURE_RECORD: u32 = 9;
pub(super) const UPCASE_RECORD: u32 = 10;
pub(super) const EXTEND_RECORD: u32 = 11;
/// First record that is not reserved.
pub(super) const FIRST_USER_RECORD: u32 = 24;
/// Sequence number of the root directory, and of other reserved records: their own number.
pub(super) const ROOT_SEQUENCE: u16 = 5;

pub(super) const RECORD_IN_USE: u16 = 0x0001;
/// The record has an index of file names: it is a directory.
pub(super) const RECORD_IS_DIRECTORY: u16 = 0x0002;

/// Attribute types.
pub(super) mod attribute_type {
    pub(in super::super) const STANDARD_INFORMATION: u32 = 0x10;
    pub(in super::super) const ATTRIBUTE_LIST: u32 = 0x20;
    pub(in super::super) const FILE_NAME: u32 = 0x30;
    pub(in super::super) const OBJECT_ID: u32 = 0x40;
    pub(in super::super) const SECURITY_DESCRIPTOR: u32 = 0x50;
    pub(in super::super) const VOLUME_NAME: u32 = 0x60;
    pub(in super::super) const VOLUME_INFORMATION: u32 = 0x70;
    pub(in super::super) const DATA: u32 = 0x80;
    pub(in super::super) const INDEX_ROOT: u32 = 0x90;
    pub(in super::super) const INDEX_ALLOCATION: u32 = 0xa0;
    pub(in super::super) const BITMAP: u32 = 0xb0;
    pub(in super::super) const REPARSE_POINT: u32 = 0xc0;
    pub(in super::super) const EA: u32 = 0xe0;
    /// Named `$EFS`, `$TXF_DATA` and so on.
    pub(in super::super) const LOGGED_UTILITY_STREAM: u32 = 0x100;
    /// Ends the attributes of a record.
    pub(in super::super) const END: u32 = 0xffff_ffff;
}

pub(super) const ATTRIBUTE_COMPRESSION_MASK: u16 = 0x00ff;
pub(super) const ATTRIBUTE_ENCRYPTED: u16 = 0x4000;

/// File attributes as `$STANDARD_INFORMATION` has them, with Microsoft's names.
pub(super) const FILE_ATTRIBUTE_NAMES: &[(u64, &str)] = &[
    (0x1, "readonly"),
    (0x2, "hidden"),
    (0x4, "system"),
    (0x20, "archive"),
    (0x40, "device"),
    (0x80, "normal"),
    (0x100, "temporary"),
    (0x200, "sparse_file"),
    (0x400, "reparse_point"),
    (0x800, "compressed"),
    (0x1000, "offline"),
    (0x2000, "not_content_indexed"),
    (0x4000, "encrypted"),
    (0x8000, "integrity_stream"),
    (0x1_0000, "virtual"),
    (0x2_0000, "no_scrub_data"),
    (0x4_0000, "recall_on_open"),
    (0x8_0000, "pinned"),
    (0x10_0000, "unpinned"),
    (0x40_0000, "recall_on_data_access"),
    (CASE_SENSITIVE_DIRECTORY, "case_sensitive"),
];
pub(super) const FILE_ATTRIBUTE_OFFLINE: u32 = 0x1000;
pub(super) const FILE_ATTRIBUTE_RECALL_ON_OPEN: u32 = 0x4_0000;
pub(super) const FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS: u32 = 0x40_0000;
/// In a `$FILE_NAME`: the file has an index of names.
pub(super) const FILE_NAME_IS_DIRECTORY: u32 = 0x1000_0000;
/// Where [`FILE_ATTRIBUTE_NAMES`] has the flag that `$STANDARD_INFORMATION` keeps among the version numbers
/// (`maximum_versions` is 1): above the 32 bits of the attributes proper.
pub(super) const CASE_SENSITIVE_DIRECTORY: u64 = 1 << 32;

/// Namespaces of a file name.
pub(super) const NAMESPACE_DOS: u8 = 2;
pub(super) const MOST_NAMESPACE: u8 = 3;

/// `collation_rule` of an index of file names.
pub(super) const COLLATION_FILE_NAME: u32 = 1;
/// Index flags: of a header, that it has children; of an entry, that it has a child, and that it is the last.
pub(super) const INDEX_HAS_CHILDREN: u8 = 1;
pub(super) const ENTRY_HAS_CHILD: u16 = 1;
pub(super) const ENTRY_IS_LAST: u16 = 2;

/// Volume flags of `$VOLUME_INFORMATION`.
pub(super) const VOLUME_FLAG_NAMES: &[(u16, &str)] = &[
    (0x0001, "dirty"),
    (0x0002, "resize_log_file"),
    (0x0004, "upgrade_on_mount"),
    (0x0008, "mounted_on_nt4"),
    (0x0010, "delete_usn_underway"),
    (0x0020, "repair_object_id"),
    (0x4000, "chkdsk_underway"),
    (0x8000, "modified_by_chkdsk"),
];

/// `BIOS_PARAMETER_BLOCK` and what follows it in the boot sector.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawBootSector {
    pub jump: [u8; 3],
    pub oem_id: [u8; 8],
    pub bytes_per_sector: U16,
    /// Up to 0x80 a number of sectors; above, minus the binary logarithm of it.
    pub sectors_per_cluster: u8,
    pub reserved_sectors: U16,
    pub zeros: [u8; 5],
    pub media_type: u8,
    pub zeros_2: [u8; 2],
    pub sectors_per_track: U16,
    pub heads: U16,
    pub hidden_sectors: U32,
    pub zeros_3: U32,
    pub drive: [u8; 4],
    /// Sectors of the volume, without the one that holds the copy of this one.
    pub number_of_sectors: U64,
    pub mft_lcn: U64,
    pub mft_mirror_lcn: U64,
    /// Clusters, or where negative the binary logarithm of the bytes.
    pub clusters_per_mft_record: i8,
    pub reserved: [u8; 3],
    pub clusters_per_index_record: i8,
    pub reserved_2: [u8; 3],
    pub volume_serial_number: U64,
    pub checksum: U32,
    pub bootstrap: [u8; 426],
    /// 0x55, 0xaa.
    pub end_marker: [u8; 2],
}
const _: () = assert!(size_of::<RawBootSector>() == BOOT_SECTOR_SIZE);

/// `MULTI_SECTOR_HEADER`: begins whatever is protected by an update sequence.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawMultiSectorHeader {
    pub signature: [u8; 4],
    pub update_sequence_offset: U16,
    /// The number itself and one entry for each protected stretch.
    pub update_sequence_size: U16,
}
const _: () = assert!(size_of::<RawMultiSectorHeader>() == 8);

/// `FILE_RECORD_SEGMENT_HEADER`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawFileRecord {
    pub header: RawMultiSectorHeader,
    /// `$LogFile` sequence number.
    pub lsn: U64,
    pub sequence_number: U16,
    pub link_count: U16,
    pub first_attribute_offset: U16,
    pub flags: U16,
    pub bytes_in_use: U32,
    pub bytes_allocated: U32,
    /// 0, or the base record that this one extends.
    pub base_record: U64,
    pub next_attribute_id: U16,
}
const _: () = assert!(size_of::<RawFileRecord>() == 42);

/// The part of `ATTRIBUTE_RECORD_HEADER` that both forms have.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawAttribute {
    pub type_code: U32,
    /// Bytes, this header included.
    pub length: U32,
    /// 0 resident, 1 not.
    pub form: u8,
    /// In 16-bit units.
    pub name_length: u8,
    pub name_offset: U16,
    pub flags: U16,
    pub instance: U16,
}
const _: () = assert!(size_of::<RawAttribute>() == 16);

/// What follows in a resident attribute.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawResident {
    pub value_length: U32,
    pub value_offset: U16,
    pub flags: u8,
    pub reserved: u8,
}
const _: () = assert!(size_of::<RawResident>() == 8);

/// What follows in a non-resident attribute.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawNonResident {
    pub lowest_vcn: U64,
    pub highest_vcn: U64,
    pub mapping_pairs_offset: U16,
    /// Binary logarithm of the clusters in a compression unit; 0 where nothing is compressed.
    pub compression_unit: u8,
    pub reserved: [u8; 5],
    /// Sizes stand in the first part of an attribute alone.
    pub allocated_size: U64,
    pub data_size: U64,
    pub initialised_size: U64,
}
const _: () = assert!(size_of::<RawNonResident>() == 48);

/// `ATTRIBUTE_LIST_ENTRY`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawAttributeListEntry {
    pub type_code: U32,
    pub length: U16,
    pub name_length: u8,
    pub name_offset: u8,
    pub lowest_vcn: U64,
    pub reference: U64,
    pub instance: U16,
}
const _: () = assert!(size_of::<RawAttributeListEntry>() == 26);

/// `STANDARD_INFORMATION` as NTFS 1.2 has it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawStandardInformation {
    pub created: U64,
    pub modified: U64,
    pub changed: U64,
    pub accessed: U64,
    pub file_attributes: U32,
    pub maximum_versions: U32,
    pub version_number: U32,
    pub class_id: U32,
}
const _: () = assert!(size_of::<RawStandardInformation>() == 48);

/// What NTFS 3.0 added to it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawStandardInformationExtension {
    pub owner_id: U32,
    pub security_id: U32,
    pub quota_charged: U64,
    pub usn: U64,
}
const _: () = assert!(size_of::<RawStandardInformationExtension>() == 24);

/// `FILE_NAME`, in records and as the key of directory entries.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawFileName {
    pub parent: U64,
    pub created: U64,
    pub modified: U64,
    pub changed: U64,
    pub accessed: U64,
    pub allocated_size: U64,
    pub data_size: U64,
    pub file_attributes: U32,
    /// Reparse tag, or size of the extended attributes.
    pub reparse_tag: U32,
    /// In 16-bit units.
    pub name_length: u8,
    pub namespace: u8,
}
const _: () = assert!(size_of::<RawFileName>() == 66);

/// Begins the value of `$INDEX_ROOT`, before a [`RawIndexHeader`].
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawIndexRoot {
    pub attribute_type: U32,
    pub collation_rule: U32,
    pub bytes_per_block: U32,
    pub clusters_per_block: u8,
    pub reserved: [u8; 3],
}
const _: () = assert!(size_of::<RawIndexRoot>() == 16);

/// `INDEX_HEADER`. Its offsets count from its own start.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawIndexHeader {
    pub first_entry_offset: U32,
    /// End of the entries.
    pub bytes_in_use: U32,
    pub bytes_allocated: U32,
    pub flags: u8,
    pub reserved: [u8; 3],
}
const _: () = assert!(size_of::<RawIndexHeader>() == 16);

/// `INDEX_ALLOCATION_BUFFER`, before its [`RawIndexHeader`].
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawIndexBlock {
    pub header: RawMultiSectorHeader,
    pub lsn: U64,
    pub this_block: U64,
}
const _: () = assert!(size_of::<RawIndexBlock>() == 24);

/// `INDEX_ENTRY`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawIndexEntry {
    pub reference: U64,
    pub length: U16,
    pub key_length: U16,
    pub flags: U16,
    pub reserved: U16,
}
const _: () = assert!(size_of::<RawIndexEntry>() == 16);

/// `REPARSE_DATA_BUFFER`, before what its tag defines.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawReparsePoint {
    pub tag: U32,
    pub data_length: U16,
    pub reserved: U16,
}
const _: () = assert!(size_of::<RawReparsePoint>() == 8);

/// `SECURITY_DESCRIPTOR_HEADER`: begins an entry of `$SDS`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawSecurityEntry {
    pub hash: U32,
    pub security_id: U32,
    /// Position of the entry in `$SDS`.
    pub offset: U64,
    /// Bytes, this header included.
    pub length: U32,
}
const _: () = assert!(size_of::<RawSecurityEntry>() == 20);

/// `$VOLUME_INFORMATION`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawVolumeInformation {
    pub reserved: U64,
    pub major_version: u8,
    pub minor_version: u8,
    pub flags: U16,
}
const _: () = assert!(size_of::<RawVolumeInformation>() == 12);
