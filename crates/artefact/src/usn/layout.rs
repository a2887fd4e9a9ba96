//! Structures of the change journal, in the order and with the names of `winioctl.h`. All numbers are
//! little-endian; records begin at multiples of eight bytes.

use zerocopy::byteorder::little_endian::{I64, U16, U32, U64, U128};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Records and pages begin at multiples of it.
pub(super) const ALIGNMENT: usize = 8;
/// `USN_PAGE_SIZE`: Windows lets no record pass such a page, and fills what is left of one with zeros.
/// So this is also the longest record.
pub(super) const PAGE: usize = 4096;

/// `USN_RECORD_COMMON_HEADER`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RawHeader {
    /// Bytes of the record, with its name and padding.
    pub record_length: U32,
    pub major_version: U16,
    pub minor_version: U16,
}

/// `USN_RECORD_V2`; `I` is `DWORDLONG`. `USN_RECORD_V3`; `I` is `FILE_ID_128`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RawRecord<I> {
    pub header: RawHeader,
    pub file_reference_number: I,
    pub parent_file_reference_number: I,
    pub usn: I64,
    /// FILETIME, UTC, which is signed here.
    pub time_stamp: I64,
    pub reason: U32,
    pub source_info: U32,
    pub security_id: U32,
    pub file_attributes: U32,
    /// Bytes.
    pub file_name_length: U16,
    /// From the record's beginning.
    pub file_name_offset: U16,
}

pub(super) type RawV2 = RawRecord<U64>;
pub(super) type RawV3 = RawRecord<U128>;

/// `USN_RECORD_V4`, up to its extents.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RawV4 {
    pub header: RawHeader,
    pub file_reference_number: U128,
    pub parent_file_reference_number: U128,
    pub usn: I64,
    pub reason: U32,
    pub source_info: U32,
    /// Extents that records after this one hold.
    pub remaining_extents: U32,
    pub number_of_extents: U16,
    /// Bytes of one of them.
    pub extent_size: U16,
}

/// `USN_RECORD_EXTENT`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RawExtent {
    pub offset: I64,
    pub length: I64,
}

/// What the stream `$Max` holds.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RawMax {
    pub maximum_size: U64,
    pub allocation_delta: U64,
    pub usn_journal_id: U64,
    pub lowest_valid_usn: I64,
}

const _: () = assert!(size_of::<RawHeader>() == 8);
const _: () = assert!(size_of::<RawV2>() == 60);
const _: () = assert!(size_of::<RawV3>() == 76);
const _: () = assert!(size_of::<RawV4>() == 64);
const _: () = assert!(size_of::<RawExtent>() == 16);
const _: () = assert!(size_of::<RawMax>() == 32);
