//! Structures of the qcow2 specification, in its names and order.

use zerocopy::{BigEndian, FromBytes, Immutable, KnownLayout, U16, U32, U64, Unaligned};

/// `QFI\xfb`.
pub(super) const MAGIC: u32 = 0x5146_49fb;

/// Header of version 2, and the beginning of that of version 3.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct Header {
    /// [`MAGIC`].
    pub(super) magic: U32<BigEndian>,
    /// 2 or 3.
    pub(super) version: U32<BigEndian>,
    /// Byte offset of the backing file's name; 0 when there is none.
    pub(super) backing_file_offset: U64<BigEndian>,
    /// Bytes of that name, at most 1023.
    pub(super) backing_file_size: U32<BigEndian>,
    /// The cluster size is 1 shifted left by this.
    pub(super) cluster_bits: U32<BigEndian>,
    /// Bytes of the virtual disk.
    pub(super) size: U64<BigEndian>,
    /// 0 none, 1 AES, 2 LUKS.
    pub(super) crypt_method: U32<BigEndian>,
    /// Entries of the active L1 table.
    pub(super) l1_size: U32<BigEndian>,
    /// Byte offset of the active L1 table, a multiple of the cluster size.
    pub(super) l1_table_offset: U64<BigEndian>,
    /// Byte offset of the refcount table.
    pub(super) refcount_table_offset: U64<BigEndian>,
    /// Clusters of the refcount table.
    pub(super) refcount_table_clusters: U32<BigEndian>,
    /// Internal snapshots.
    pub(super) nb_snapshots: U32<BigEndian>,
    /// Byte offset of the snapshot table, a multiple of the cluster size.
    pub(super) snapshots_offset: U64<BigEndian>,
}
const _: () = assert!(size_of::<Header>() == 72);

/// What version 3 adds to the [`Header`].
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct HeaderV3 {
    /// Bits that a reader must know.
    pub(super) incompatible_features: U64<BigEndian>,
    /// Bits that a reader may ignore.
    pub(super) compatible_features: U64<BigEndian>,
    /// Bits that a writer clears when it does not know them.
    pub(super) autoclear_features: U64<BigEndian>,
    /// The width of a reference count is 1 shifted left by this, in bits.
    pub(super) refcount_order: U32<BigEndian>,
    /// Bytes of the whole header.
    pub(super) header_length: U32<BigEndian>,
}
const _: () = assert!(size_of::<Header>() + size_of::<HeaderV3>() == 104);

/// Position of the `compression_type` byte, where the header is longer than this.
pub(super) const COMPRESSION_TYPE: u32 = 104;

/// Largest header that a version 2 image has.
pub(super) const HEADER_LENGTH_V2: u32 = 72;
/// Least length of a version 3 header.
pub(super) const HEADER_LENGTH_V3: u32 = 104;

/// Least `cluster_bits`.
pub(super) const LEAST_CLUSTER_BITS: u32 = 9;
/// Least `cluster_bits` with extended L2 entries.
pub(super) const LEAST_CLUSTER_BITS_EXTENDED: u32 = 14;
/// Greatest `cluster_bits` that any software writes (the specification sets no limit, QEMU does).
pub(super) const MOST_CLUSTER_BITS: u32 = 21;

/// Greatest length of the backing file's name.
pub(super) const MOST_BACKING_FILE_SIZE: u32 = 1023;

/// Greatest size of an L1 table in bytes (QEMU's limit).
pub(super) const MOST_L1_BYTES: u64 = 32 << 20;

/// Incompatible: refcounts may be wrong.
pub(super) const DIRTY: u64 = 1;
/// Incompatible: any structure may be corrupt.
pub(super) const CORRUPT: u64 = 1 << 1;
/// Incompatible: guest clusters lie in another file.
pub(super) const EXTERNAL_DATA: u64 = 1 << 2;
/// Incompatible: `compression_type` is not 0.
pub(super) const COMPRESSION: u64 = 1 << 3;
/// Incompatible: L2 entries of 128 bits with subclusters.
pub(super) const EXTENDED_L2: u64 = 1 << 4;
/// All incompatible features that the specification defines.
pub(super) const KNOWN_INCOMPATIBLE: u64 = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2;
/// Compatible: refcounts are written late.
pub(super) const LAZY_REFCOUNTS: u64 = 1;
/// Autoclear: the bitmaps extension is consistent.
pub(super) const BITMAPS: u64 = 1;
/// Autoclear: the data file is a raw image of its own.
pub(super) const RAW_EXTERNAL_DATA: u64 = 1 << 1;

/// Header extension: head of each.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct ExtensionHead {
    /// Type, one of the `EXTENSION_` constants.
    pub(super) kind: U32<BigEndian>,
    /// Bytes of data that follow, before padding to a multiple of 8.
    pub(super) length: U32<BigEndian>,
}

/// Ends the extensions.
pub(super) const EXTENSION_END: u32 = 0;
/// Format name of the backing file.
pub(super) const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;
/// Names of features.
pub(super) const EXTENSION_FEATURE_NAMES: u32 = 0x6803_f857;
/// Where the bitmap directory is.
pub(super) const EXTENSION_BITMAPS: u32 = 0x2385_2875;
/// Where the encryption header is.
pub(super) const EXTENSION_ENCRYPTION: u32 = 0x0537_be77;
/// Name of the external data file.
pub(super) const EXTENSION_DATA_FILE: u32 = 0x4441_5441;

/// Entry of the feature name table.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct FeatureName {
    /// 0 incompatible, 1 compatible, 2 autoclear.
    pub(super) kind: u8,
    /// Bit number.
    pub(super) bit: u8,
    /// Name, padded with zeros.
    pub(super) name: [u8; 46],
}
const _: () = assert!(size_of::<FeatureName>() == 48);

/// Data of the bitmaps extension.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct BitmapsExtension {
    /// Bitmaps in the image.
    pub(super) nb_bitmaps: U32<BigEndian>,
    /// 0.
    pub(super) reserved: U32<BigEndian>,
    /// Bytes of the bitmap directory.
    pub(super) bitmap_directory_size: U64<BigEndian>,
    /// Its byte offset, a multiple of the cluster size.
    pub(super) bitmap_directory_offset: U64<BigEndian>,
}
const _: () = assert!(size_of::<BitmapsExtension>() == 24);

/// Entry of the bitmap directory; extra data, name and padding follow.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct BitmapEntry {
    /// Byte offset of the bitmap table.
    pub(super) bitmap_table_offset: U64<BigEndian>,
    /// Entries of the bitmap table.
    pub(super) bitmap_table_size: U32<BigEndian>,
    /// [`BITMAP_IN_USE`], [`BITMAP_AUTO`].
    pub(super) flags: U32<BigEndian>,
    /// 1: dirty tracking.
    pub(super) kind: u8,
    /// Granularity is 1 shifted left by this, in bytes.
    pub(super) granularity_bits: u8,
    /// Bytes of the name.
    pub(super) name_size: U16<BigEndian>,
    /// Bytes of extra data.
    pub(super) extra_data_size: U32<BigEndian>,
}
const _: () = assert!(size_of::<BitmapEntry>() == 24);

/// The bitmap was not saved properly.
pub(super) const BITMAP_IN_USE: u32 = 1;
/// The bitmap is updated by every write.
pub(super) const BITMAP_AUTO: u32 = 1 << 1;

/// Greatest number of snapshots (QEMU's limit).
pub(super) const MOST_SNAPSHOTS: u32 = 65_536;
/// Greatest size of the snapshot table that is read.
pub(super) const MOST_SNAPSHOT_BYTES: u64 = 16 << 20;

/// Entry of the snapshot table; extra data, id, name and padding follow.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct SnapshotHead {
    /// Byte offset of the snapshot's L1 table, a multiple of the cluster size.
    pub(super) l1_table_offset: U64<BigEndian>,
    /// Entries of that table.
    pub(super) l1_size: U32<BigEndian>,
    /// Bytes of the id.
    pub(super) id_str_size: U16<BigEndian>,
    /// Bytes of the name.
    pub(super) name_size: U16<BigEndian>,
    /// Unix time in seconds.
    pub(super) date_sec: U32<BigEndian>,
    /// Nanoseconds of it.
    pub(super) date_nsec: U32<BigEndian>,
    /// Nanoseconds that the guest had run.
    pub(super) vm_clock_nsec: U64<BigEndian>,
    /// Bytes of the VM state, unless the extra data says otherwise.
    pub(super) vm_state_size: U32<BigEndian>,
    /// Bytes of extra data.
    pub(super) extra_data_size: U32<BigEndian>,
}
const _: () = assert!(size_of::<SnapshotHead>() == 40);

/// L1 and L2 entries: where the offset is.
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
/// L1 entries: bits that must be 0.
pub(super) const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
/// L1 and L2 entries: the reference count is exactly one.
pub(super) const COPIED: u64 = 1 << 63;
/// L2 entries: a compressed cluster.
pub(super) const COMPRESSED: u64 = 1 << 62;
/// L2 entries of standard clusters: reads as zeros.
pub(super) const ZERO: u64 = 1;
/// L2 entries of standard clusters: bits that must be 0.
pub(super) const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
/// Compressed cluster descriptors: a sector, the unit of their length.
pub(super) const SECTOR: u64 = 512;
/// Compressed cluster descriptors: offset bits that must be 0.
pub(super) const COMPRESSED_OFFSET_MASK: u64 = 0x00ff_ffff_ffff_ffff;

/// Subclusters in a cluster with extended L2 entries.
pub(super) const SUBCLUSTERS: u32 = 32;
