//! Where things are on the volume.

use vminspect_bytes::ByteRange;

use super::layout::{MOST_CLUSTERS_12, MOST_CLUSTERS_16, MOST_CLUSTERS_32};

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Fat12,
    Fat16,
    Fat32,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fat12 => "fat12",
            Self::Fat16 => "fat16",
            Self::Fat32 => "fat32",
        }
    }

    /// The bits of an entry of the table that count.
    pub(super) fn mask(self) -> u32 {
        match self {
            Self::Fat12 => 0xFFF,
            Self::Fat16 => 0xFFFF,
            Self::Fat32 => 0x0FFF_FFFF,
        }
    }

    pub(super) fn most_clusters(self) -> u32 {
        match self {
            Self::Fat12 => MOST_CLUSTERS_12,
            Self::Fat16 => MOST_CLUSTERS_16,
            Self::Fat32 => MOST_CLUSTERS_32,
        }
    }

    /// Bytes that are read for an entry.
    pub(super) fn entry_width(self) -> usize {
        if self == Self::Fat32 { 4 } else { 2 }
    }

    /// Entries that a table of so many bytes has.
    pub(super) fn entries_in(self, bytes: u64) -> u64 {
        match self {
            Self::Fat12 => bytes.saturating_mul(2) / 3,
            Self::Fat16 => bytes / 2,
            Self::Fat32 => bytes / 4,
        }
    }

    /// Where in a table the entry of a cluster begins.
    pub(super) fn entry_offset(self, number: u32) -> u64 {
        let number = u64::from(number);
        match self {
            Self::Fat12 => number.saturating_mul(3) / 2,
            Self::Fat16 => number.saturating_mul(2),
            Self::Fat32 => number.saturating_mul(4),
        }
    }
}

/// The number of a cluster that the volume has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Cluster(u32);

impl Cluster {
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

/// Clusters that follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClusterRun {
    pub(super) first: Cluster,
    pub(super) count: u32,
}

impl ClusterRun {
    /// The number behind the last one.
    pub(super) fn end(self) -> u32 {
        self.first.0.saturating_add(self.count)
    }
}

/// Where the root directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Root {
    /// Behind the tables (FAT12, FAT16).
    Area(ByteRange),
    /// In a chain that begins with this cluster (FAT32).
    Chain(u32),
}

/// The volume's measures, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    pub(super) kind: Kind,
    pub(super) sector_size: u32,
    pub(super) cluster_size: u32,
    /// How many clusters there are; the first has number 2.
    pub(super) clusters: u32,
    /// First byte of the first table.
    pub(super) fat_start: u64,
    /// Bytes of a table.
    pub(super) fat_size: u64,
    pub(super) fat_count: u8,
    /// The table that counts.
    pub(super) active_fat: u8,
    /// Whether all tables are kept alike.
    pub(super) mirrored: bool,
    pub(super) root: Root,
    /// First byte of cluster 2.
    pub(super) data_start: u64,
    /// Bytes of the volume as the boot sector has it.
    pub(super) size: u64,
}

impl Geometry {
    /// A cluster by its number, if there is one.
    pub(super) fn cluster(&self, number: u32) -> Option<Cluster> {
        (number >= 2 && number < self.end()).then_some(Cluster(number))
    }

    /// The number behind the last cluster.
    pub(super) fn end(&self) -> u32 {
        self.clusters.saturating_add(2)
    }

    /// Where a cluster begins.
    pub(super) fn offset(&self, cluster: Cluster) -> u64 {
        let inside = u64::from(cluster.0.saturating_sub(2)).saturating_mul(u64::from(self.cluster_size));
        self.data_start.saturating_add(inside)
    }

    /// Clusters that so many bytes take.
    pub(super) fn clusters_of(&self, bytes: u64) -> u64 {
        bytes.div_ceil(u64::from(self.cluster_size.max(1)))
    }

    /// Bytes of so many clusters.
    pub(super) fn bytes_of(&self, clusters: u64) -> u64 {
        clusters.saturating_mul(u64::from(self.cluster_size))
    }

    /// First byte of a table.
    pub(super) fn fat_offset(&self, copy: u8) -> u64 {
        self.fat_start.saturating_add(self.fat_size.saturating_mul(u64::from(copy)))
    }

    /// The part of a table that tells of some clusters.
    pub(super) fn entries(&self, copy: u8, run: ClusterRun) -> ByteRange {
        let start = self.kind.entry_offset(run.first.0);
        let last = self.kind.entry_offset(run.end().saturating_sub(1));
        let width = u64::try_from(self.kind.entry_width()).unwrap_or(0);
        let table = self.fat_offset(copy);
        ByteRange::new(table.saturating_add(start), table.saturating_add(last).saturating_add(width))
    }

    /// The tables to ask, the one that counts first.
    pub(super) fn copies(&self) -> impl Iterator<Item = u8> + use<> {
        let (active, count) = (self.active_fat, if self.mirrored { self.fat_count } else { 0 });
        std::iter::once(active).chain((0..count).filter(move |copy| *copy != active))
    }
}
