use super::geometry::{Geometry, HostOffset};
use super::layout;

/// Bytes of a compressed cluster in the image file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unit {
    pub(super) offset: HostOffset,
    pub(super) length: u64,
}

/// Why an L2 entry cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Defect {
    /// The L1 table ends before the entry that maps the position.
    NoL1Entry,
    /// The L1 entry has reserved bits set.
    L1Reserved,
    /// The L2 table does not begin at a cluster.
    TableUnaligned,
    /// The L2 table lies past the end of the file.
    TablePastEnd,
    /// The host could not read the L2 table.
    TableUnreadable,
    /// Reserved bits are set.
    Reserved,
    /// The zero flag, which version 2 does not have.
    ZeroInVersion2,
    /// The cluster does not begin at a multiple of the cluster size.
    Unaligned,
    /// The cluster lies past the end of the file.
    PastEnd,
    /// The cluster overlaps the header.
    Header,
    /// A compressed cluster in an image with an external data file.
    CompressedInDataFile,
    /// A cluster of the data file at another position than the guest's.
    Displaced,
    /// Subclusters are allocated without a cluster.
    NoCluster,
    /// A subcluster is both allocated and zero.
    Contradiction,
}

impl Defect {
    /// What the format asks for, and what was there.
    pub(super) fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::NoL1Entry => ("an L1 table that maps the whole disk", "its end before this position"),
            Self::L1Reserved => ("reserved bits of 0", "other bits in the L1 entry"),
            Self::TableUnaligned => ("an L2 table at a multiple of the cluster size", "another offset"),
            Self::TablePastEnd => ("an L2 table within the file", "one past its end: the image is truncated"),
            Self::TableUnreadable => ("an L2 table", "a failure to read it"),
            Self::Reserved => ("reserved bits of 0", "other bits"),
            Self::ZeroInVersion2 => ("no zero flag in version 2", "a zero flag"),
            Self::Unaligned => ("a cluster at a multiple of the cluster size", "another offset"),
            Self::PastEnd => ("a cluster within the file", "one past its end: the image is truncated"),
            Self::Header => ("a cluster after the header", "one that overlaps it"),
            Self::CompressedInDataFile => ("no compressed cluster with a data file", "a compressed cluster"),
            Self::Displaced => ("the guest's position in the data file", "another offset"),
            Self::NoCluster => ("a cluster for allocated subclusters", "no offset"),
            Self::Contradiction => ("a subcluster either allocated or zero", "both"),
        }
    }
}

/// What an L2 entry says of a cluster, or of subclusters that are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Descriptor {
    /// Read from the parent.
    Unallocated,
    /// Zeros, whatever the parent has.
    Zero,
    /// Stored as it is, from this offset.
    Plain(HostOffset),
    /// Stored compressed.
    Compressed(Unit),
    /// Cannot be followed.
    Bad(Defect),
}

/// What decides how entries are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryRules {
    pub(super) geometry: Geometry,
    /// Whether standard clusters have a zero flag.
    pub(super) zero_flag: bool,
    /// Whether clusters lie in an external data file.
    pub(super) data_file: bool,
}

impl EntryRules {
    /// The first 64 bits of an L2 entry for the cluster that begins at `guest`.
    pub(super) fn descriptor(self, entry: u64, guest: u64) -> Descriptor {
        if entry == 0 {
            return Descriptor::Unallocated;
        }
        if entry & layout::COMPRESSED != 0 {
            return self.compressed(entry);
        }
        if entry & layout::L2_RESERVED != 0 {
            return Descriptor::Bad(Defect::Reserved);
        }
        if entry & layout::ZERO != 0 {
            return if self.zero_flag {
                Descriptor::Zero
            } else if self.geometry.extended() {
                Descriptor::Bad(Defect::Reserved)
            } else {
                Descriptor::Bad(Defect::ZeroInVersion2)
            };
        }
        let offset = entry & layout::OFFSET_MASK;
        if self.geometry.within_cluster(offset) != 0 {
            Descriptor::Bad(Defect::Unaligned)
        } else if self.data_file && offset != guest {
            Descriptor::Bad(Defect::Displaced)
        } else if offset == 0 && !self.data_file {
            Descriptor::Bad(Defect::Header)
        } else {
            Descriptor::Plain(HostOffset(offset))
        }
    }

    fn compressed(self, entry: u64) -> Descriptor {
        if self.data_file {
            return Descriptor::Bad(Defect::CompressedInDataFile);
        }
        let bits = self.geometry.compressed_offset_bits();
        let low = 1u64.wrapping_shl(bits).wrapping_sub(1);
        let offset = entry & low;
        let sectors = (entry & (layout::COMPRESSED.wrapping_sub(1))).wrapping_shr(bits).saturating_add(1);
        let length = sectors.saturating_mul(layout::SECTOR).saturating_sub(offset % layout::SECTOR);
        if entry & layout::COPIED != 0 || offset & !layout::COMPRESSED_OFFSET_MASK != 0 {
            Descriptor::Bad(Defect::Reserved)
        } else if offset < self.geometry.cluster_size() {
            Descriptor::Bad(Defect::Header)
        } else {
            Descriptor::Compressed(Unit { offset: HostOffset(offset), length })
        }
    }

    /// An extended entry at `position` (of its cluster): what holds there, and for how many subclusters on.
    pub(super) fn subclusters(self, entry: u64, bitmap: u64, guest: u64, index: u32) -> (Descriptor, u32) {
        let rest = layout::SUBCLUSTERS.saturating_sub(index);
        let cluster = self.descriptor(entry, guest);
        let allocated_offset = match cluster {
            Descriptor::Plain(offset) => Some(offset),
            Descriptor::Unallocated => None,
            other => return (other, rest),
        };
        let allocated = low_half(bitmap).wrapping_shr(index);
        let zero = low_half(bitmap.wrapping_shr(32)).wrapping_shr(index);
        let state = (allocated & 1 != 0, zero & 1 != 0);
        let length = run(allocated, state.0).min(run(zero, state.1)).min(rest).max(1);
        let descriptor = match (state, allocated_offset) {
            ((true, true), _) => Descriptor::Bad(Defect::Contradiction),
            ((false, true), _) => Descriptor::Zero,
            ((true, false), None) => Descriptor::Bad(Defect::NoCluster),
            ((true, false), Some(offset)) => Descriptor::Plain(offset),
            ((false, false), _) => Descriptor::Unallocated,
        };
        (descriptor, length)
    }
}

/// The low 32 bits.
fn low_half(bits: u64) -> u32 {
    u32::try_from(bits & 0xffff_ffff).unwrap_or(0)
}

/// How many of the lowest bits equal `set`.
fn run(bits: u32, set: bool) -> u32 {
    if set { bits.trailing_ones() } else { bits.trailing_zeros() }
}
