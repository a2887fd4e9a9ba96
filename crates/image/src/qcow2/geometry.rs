use super::layout;

/// A byte offset in a host file, as opposed to a position of the virtual disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(super) struct HostOffset(pub(super) u64);

/// Sizes that follow from `cluster_bits` and the kind of L2 entries. All are powers of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    cluster_bits: u32,
    extended: bool,
}

impl Geometry {
    /// `None` unless `cluster_bits` is in the range of the format.
    pub(super) fn new(cluster_bits: u32, extended: bool) -> Option<Self> {
        let least = if extended { layout::LEAST_CLUSTER_BITS_EXTENDED } else { layout::LEAST_CLUSTER_BITS };
        (least..=layout::MOST_CLUSTER_BITS).contains(&cluster_bits).then_some(Self { cluster_bits, extended })
    }

    pub(super) fn extended(self) -> bool {
        self.extended
    }

    /// Bytes of a cluster.
    pub(super) fn cluster_size(self) -> u64 {
        1u64.wrapping_shl(self.cluster_bits)
    }

    /// Bytes of the smallest part of a cluster that has a state of its own.
    pub(super) fn subcluster_size(self) -> u64 {
        self.cluster_size().wrapping_shr(layout::SUBCLUSTERS.trailing_zeros())
    }

    /// Position within its cluster.
    pub(super) fn within_cluster(self, position: u64) -> u64 {
        position & self.cluster_size().wrapping_sub(1)
    }

    /// Bytes of an L2 entry.
    pub(super) fn entry_size(self) -> u64 {
        if self.extended { 16 } else { 8 }
    }

    fn table_bits(self) -> u32 {
        let entry_bits = if self.extended { 4 } else { 3 };
        self.cluster_bits.wrapping_mul(2).wrapping_sub(entry_bits)
    }

    /// Bytes of the virtual disk that one L2 table maps.
    pub(super) fn table_span(self) -> u64 {
        1u64.wrapping_shl(self.table_bits())
    }

    /// Which L1 entry maps a position.
    pub(super) fn l1_index(self, position: u64) -> u64 {
        position.wrapping_shr(self.table_bits())
    }

    /// Which entry of its L2 table maps a position.
    pub(super) fn l2_index(self, position: u64) -> u64 {
        (position & self.table_span().wrapping_sub(1)).wrapping_shr(self.cluster_bits)
    }

    /// L1 entries that `size` bytes need.
    pub(super) fn l1_entries(self, size: u64) -> u64 {
        let partial = size & self.table_span().wrapping_sub(1) != 0;
        self.l1_index(size).saturating_add(u64::from(partial))
    }

    /// Bits of the offset in a compressed cluster descriptor.
    pub(super) fn compressed_offset_bits(self) -> u32 {
        62u32.wrapping_sub(self.cluster_bits.wrapping_sub(8))
    }
}
