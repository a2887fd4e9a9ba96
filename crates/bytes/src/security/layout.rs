//! Structures and constants of [MS-DTYP], in its names.

use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `SECURITY_DESCRIPTOR` (2.4.6), self-relative: its offsets count from its own start; zero is none.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawSecurityDescriptor {
    pub revision: u8,
    pub reserved: u8,
    pub control: U16,
    pub owner_offset: U32,
    pub group_offset: U32,
    pub sacl_offset: U32,
    pub dacl_offset: U32,
}
const _: () = assert!(size_of::<RawSecurityDescriptor>() == 20);

pub(super) const SE_DACL_PRESENT: u16 = 0x0004;
pub(super) const SE_SACL_PRESENT: u16 = 0x0010;
pub(super) const SE_DACL_AUTO_INHERIT_REQUIRED: u16 = 0x0100;
pub(super) const SE_SACL_AUTO_INHERIT_REQUIRED: u16 = 0x0200;
pub(super) const SE_DACL_AUTO_INHERITED: u16 = 0x0400;
pub(super) const SE_SACL_AUTO_INHERITED: u16 = 0x0800;
pub(super) const SE_DACL_PROTECTED: u16 = 0x1000;
pub(super) const SE_SACL_PROTECTED: u16 = 0x2000;

/// `ACL` (2.4.5), before its entries.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawAcl {
    pub revision: u8,
    pub reserved: u8,
    /// Bytes, this header and the entries included.
    pub size: U16,
    pub entry_count: U16,
    pub reserved_2: U16,
}
const _: () = assert!(size_of::<RawAcl>() == 8);

/// `ACE_HEADER` (2.4.4.1), and the mask that follows in all types.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Debug)]
#[repr(C)]
pub(super) struct RawAce {
    pub ace_type: u8,
    pub flags: u8,
    /// Bytes, this header included.
    pub size: U16,
    pub mask: U32,
}
const _: () = assert!(size_of::<RawAce>() == 8);

pub(super) const ACCESS_ALLOWED_OBJECT_ACE_TYPE: u8 = 0x05;
pub(super) const ACCESS_DENIED_OBJECT_ACE_TYPE: u8 = 0x06;
pub(super) const SYSTEM_AUDIT_OBJECT_ACE_TYPE: u8 = 0x07;
pub(super) const SYSTEM_ALARM_OBJECT_ACE_TYPE: u8 = 0x08;
pub(super) const ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE: u8 = 0x0b;
pub(super) const SYSTEM_MANDATORY_LABEL_ACE_TYPE: u8 = 0x11;

/// Types whose mask is followed by flags and by the GUIDs that those announce.
pub(super) const OBJECT_ACE_TYPES: &[u8] = &[
    ACCESS_ALLOWED_OBJECT_ACE_TYPE,
    ACCESS_DENIED_OBJECT_ACE_TYPE,
    SYSTEM_AUDIT_OBJECT_ACE_TYPE,
    SYSTEM_ALARM_OBJECT_ACE_TYPE,
    ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE,
];
pub(super) const ACE_OBJECT_TYPE_PRESENT: u32 = 0x1;
pub(super) const ACE_INHERITED_OBJECT_TYPE_PRESENT: u32 = 0x2;
