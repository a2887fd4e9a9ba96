//! Structures and constants as the specification names them.

use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes of the boot sector that hold anything, whatever the size of a sector.
pub(super) const BOOT_SECTOR_SIZE: usize = 512;
/// Where `Signature_word` stands.
pub(super) const SIGNATURE_OFFSET: usize = 510;
pub(super) const SIGNATURE: [u8; 2] = [0x55, 0xAA];

/// The boot sector up to the fields that depend on the type.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RawBpb {
    /// Jump over the parameters.
    pub(super) bs_jmp_boot: [u8; 3],
    /// Which system formatted it; decoration.
    pub(super) bs_oem_name: [u8; 8],
    /// Bytes in a sector.
    pub(super) bpb_byts_per_sec: U16,
    /// Sectors in a cluster.
    pub(super) bpb_sec_per_clus: u8,
    /// Sectors in front of the first table.
    pub(super) bpb_rsvd_sec_cnt: U16,
    /// Tables.
    pub(super) bpb_num_fats: u8,
    /// Slots in the root directory; 0 in FAT32.
    pub(super) bpb_root_ent_cnt: U16,
    /// Sectors of the volume, where they fit 16 bits.
    pub(super) bpb_tot_sec16: U16,
    /// Kind of medium, also in the first entry of the table.
    pub(super) bpb_media: u8,
    /// Sectors of a table; 0 in FAT32.
    pub(super) bpb_fatsz16: U16,
    /// Sectors of a track.
    pub(super) bpb_sec_per_trk: U16,
    /// Heads.
    pub(super) bpb_num_heads: U16,
    /// Sectors in front of the volume.
    pub(super) bpb_hidd_sec: U32,
    /// Sectors of the volume, where `bpb_tot_sec16` is 0.
    pub(super) bpb_tot_sec32: U32,
}

const _: () = assert!(size_of::<RawBpb>() == 0x24);

/// What follows it in FAT32.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RawFat32 {
    /// Sectors of a table.
    pub(super) bpb_fatsz32: U32,
    /// Bits 0–3: the active table; bit 7: only that one is kept.
    pub(super) bpb_ext_flags: U16,
    /// Version, 0.
    pub(super) bpb_fsver: U16,
    /// First cluster of the root directory.
    pub(super) bpb_root_clus: U32,
    /// Sector of the FSInfo structure.
    pub(super) bpb_fsinfo: U16,
    /// Sector of the backup boot sector.
    pub(super) bpb_bk_boot_sec: U16,
    pub(super) bpb_reserved: [u8; 12],
}

const _: () = assert!(size_of::<RawFat32>() == 0x1C);

/// What follows that: at byte 0x24 in FAT12 and FAT16, at 0x40 in FAT32.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RawExtended {
    /// Drive number of the BIOS.
    pub(super) bs_drv_num: u8,
    /// Windows and Linux: [`STATE_DIRTY`], [`STATE_ERROR`].
    pub(super) bs_reserved1: u8,
    /// [`EXTENDED`] where the next three fields are set, [`EXTENDED_SHORT`] where only the serial number is.
    pub(super) bs_boot_sig: u8,
    /// Serial number.
    pub(super) bs_vol_id: U32,
    /// Label.
    pub(super) bs_vol_lab: [u8; 11],
    /// `FAT12   `, `FAT16   `, `FAT     ` or `FAT32   `; decoration.
    pub(super) bs_fil_sys_type: [u8; 8],
}

const _: () = assert!(size_of::<RawExtended>() == 0x1A);

pub(super) const EXTENDED: u8 = 0x29;
pub(super) const EXTENDED_SHORT: u8 = 0x28;
/// The volume was not unmounted.
pub(super) const STATE_DIRTY: u8 = 1;
/// A test of the surface is due.
pub(super) const STATE_ERROR: u8 = 2;

/// `bpb_ext_flags`: only the active table is kept.
pub(super) const MIRRORING_OFF: u16 = 0x80;

/// FSInfo.
pub(super) const LEAD_SIGNATURE: u32 = 0x4161_5252;
pub(super) const STRUCTURE_SIGNATURE: u32 = 0x6141_7272;
/// Where `FSI_StrucSig` stands.
pub(super) const STRUCTURE_SIGNATURE_OFFSET: usize = 484;

/// Bytes of a slot of a directory.
pub(super) const SLOT: usize = 32;

/// A slot that holds a file.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct RawShortEntry {
    /// Eight characters and three of the extension, filled up with spaces.
    pub(super) dir_name: [u8; 11],
    pub(super) dir_attr: u8,
    /// [`LOWER_BASE`], [`LOWER_EXTENSION`].
    pub(super) dir_ntres: u8,
    /// Units of 10 ms to add to the time of creation.
    pub(super) dir_crt_time_tenth: u8,
    pub(super) dir_crt_time: U16,
    pub(super) dir_crt_date: U16,
    pub(super) dir_lst_acc_date: U16,
    /// High half of the first cluster's number in FAT32; OS/2's handle of attributes elsewhere.
    pub(super) dir_fst_clus_hi: U16,
    pub(super) dir_wrt_time: U16,
    pub(super) dir_wrt_date: U16,
    pub(super) dir_fst_clus_lo: U16,
    /// Bytes; 0 for directories.
    pub(super) dir_file_size: U32,
}

const _: () = assert!(size_of::<RawShortEntry>() == SLOT);

/// A slot that holds thirteen units of a long name.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct RawLongEntry {
    /// Which part of the name, from 1 on; with [`LAST_LONG_ENTRY`] in the part that is stored first.
    pub(super) ldir_ord: u8,
    pub(super) ldir_name1: [U16; 5],
    pub(super) ldir_attr: u8,
    pub(super) ldir_type: u8,
    /// Of the short name.
    pub(super) ldir_chksum: u8,
    pub(super) ldir_name2: [U16; 6],
    pub(super) ldir_fst_clus_lo: U16,
    pub(super) ldir_name3: [U16; 2],
}

const _: () = assert!(size_of::<RawLongEntry>() == SLOT);

pub(super) const LAST_LONG_ENTRY: u8 = 0x40;
/// Most slots of a long name: 255 units.
pub(super) const MOST_LONG_ENTRIES: u8 = 20;

pub(super) const ATTR_READ_ONLY: u8 = 0x01;
pub(super) const ATTR_HIDDEN: u8 = 0x02;
pub(super) const ATTR_SYSTEM: u8 = 0x04;
pub(super) const ATTR_VOLUME_ID: u8 = 0x08;
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
pub(super) const ATTR_ARCHIVE: u8 = 0x20;
/// Of another name; not in the specification.
pub(super) const ATTR_DEVICE: u8 = 0x40;
pub(super) const ATTR_LONG_NAME: u8 = 0x0F;
pub(super) const ATTR_LONG_NAME_MASK: u8 = 0x3F;

pub(super) const LOWER_BASE: u8 = 0x08;
pub(super) const LOWER_EXTENSION: u8 = 0x10;

/// First byte of a slot that was freed.
pub(super) const FREE_SLOT: u8 = 0xE5;
/// First byte of a slot behind the last one.
pub(super) const END_OF_DIRECTORY: u8 = 0x00;
/// Stands for a first character 0xE5.
pub(super) const KANJI_LEAD: u8 = 0x05;

/// Most clusters of FAT12.
pub(super) const MOST_CLUSTERS_12: u32 = 4084;
/// Most clusters of FAT16.
pub(super) const MOST_CLUSTERS_16: u32 = 65_524;
/// Most clusters of FAT32: numbers have 28 bits, and the last are marks.
pub(super) const MOST_CLUSTERS_32: u32 = 0x0FFF_FFF4;

/// Bytes of the largest directory: 65,536 slots.
pub(super) const MOST_DIRECTORY: u64 = 1 << 21;
