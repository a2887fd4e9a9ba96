//! Structures of an event log, in the order and with the names of the specification. All numbers are little-endian.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes of a chunk.
pub(super) const CHUNK_SIZE: usize = 65_536;
/// The same in file offsets.
pub(super) const CHUNK_LENGTH: u64 = 65_536;
/// Bytes before the first chunk.
pub(super) const FILE_HEADER_BLOCK: u64 = 4096;
/// Bytes of a chunk before its first record.
pub(super) const CHUNK_HEADER_SIZE: usize = 512;
/// Bytes of a record around its binary XML: the header and the copy of the size.
pub(super) const RECORD_OVERHEAD: usize = 28;

pub(super) const FILE_SIGNATURE: [u8; 8] = *b"ElfFile\0";
pub(super) const CHUNK_SIGNATURE: [u8; 8] = *b"ElfChnk\0";
pub(super) const RECORD_SIGNATURE: [u8; 4] = [0x2a, 0x2a, 0, 0];
/// At byte 4 of a log of Windows XP and before.
pub(super) const LEGACY_SIGNATURE: [u8; 4] = *b"LfLe";

/// File flag: the log was not closed.
pub(super) const FILE_DIRTY: u32 = 1;
/// File flag: the log reached its largest size.
pub(super) const FILE_FULL: u32 = 2;
/// File flag: the header's checksum is not kept.
pub(super) const FILE_NO_CRC32: u32 = 4;
/// Chunk flag: the chunk is being written.
pub(super) const CHUNK_DIRTY: u32 = 1;
/// Chunk flag: the chunk's checksums are not kept.
pub(super) const CHUNK_NO_CRC32: u32 = 4;

/// The file header.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawFileHeader {
    pub signature: [u8; 8],
    pub first_chunk_number: U64,
    pub last_chunk_number: U64,
    pub next_record_identifier: U64,
    pub header_size: U32,
    pub minor_version: U16,
    pub major_version: U16,
    pub header_block_size: U16,
    pub number_of_chunks: U16,
    pub unknown: [u8; 76],
    pub file_flags: U32,
    /// CRC32 of the 120 bytes before the flags.
    pub checksum: U32,
}
const _: () = assert!(size_of::<RawFileHeader>() == 128);

/// The header of a chunk.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawChunkHeader {
    pub signature: [u8; 8],
    pub first_event_record_number: U64,
    pub last_event_record_number: U64,
    pub first_event_record_identifier: U64,
    pub last_event_record_identifier: U64,
    pub header_size: U32,
    pub last_event_record_data_offset: U32,
    pub free_space_offset: U32,
    /// CRC32 of the records: from byte 512 to the free space.
    pub event_records_checksum: U32,
    pub unknown: [u8; 64],
    pub flags: U32,
    /// CRC32 of the header but for the flags and this field.
    pub checksum: U32,
    pub common_string_offsets: [U32; 64],
    pub template_pointers: [U32; 32],
}
const _: () = assert!(size_of::<RawChunkHeader>() == CHUNK_HEADER_SIZE);

/// The header of a record. Its binary XML follows, then a copy of the size.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawRecord {
    pub signature: [u8; 4],
    pub size: U32,
    pub event_record_identifier: U64,
    /// FILETIME.
    pub written_date_and_time: U64,
}
const _: () = assert!(size_of::<RawRecord>() == 24);
