use vminspect_bytes::{HostFile, ReadAt, ReadError};

use super::descriptor::{Defect, Descriptor};
use super::geometry::HostOffset;
use super::l1_table::L1Entry;
use super::l2_table::Slice;
use super::layout;
use super::mapping::Mapping;

/// Bytes of L2 tables that are looked at when an image is opened. They stay in the cache for what comes next.
const MOST_TABLE_BYTES: u64 = 2 << 20;

/// What the tables have that cannot be followed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Survey {
    bad_tables: u64,
    tables_past_end: u64,
    bad_clusters: u64,
    clusters_past_end: u64,
    first: Option<(u64, Defect)>,
}

impl Survey {
    /// Looks at every L1 entry, and at L2 tables as far as that is cheap.
    pub(super) fn of(mapping: &Mapping, disk_length: u64) -> Self {
        let mut survey = Self::default();
        let geometry = mapping.rules.geometry;
        let mut left = MOST_TABLE_BYTES;
        for index in 0..mapping.l1.len() {
            let guest = index.saturating_mul(geometry.table_span());
            match mapping.l1.entry(index) {
                L1Entry::Unallocated => {}
                L1Entry::Bad(defect) => survey.count_table(guest, defect),
                L1Entry::Table(table) => match left.checked_sub(geometry.cluster_size()) {
                    Some(rest) => {
                        left = rest;
                        survey.look_at_table(mapping, disk_length, table, guest);
                    }
                    None => left = 0,
                },
            }
        }
        survey
    }

    fn look_at_table(&mut self, mapping: &Mapping, disk_length: u64, table: HostOffset, guest: u64) {
        let geometry = mapping.rules.geometry;
        let entries = geometry.cluster_size().checked_div(geometry.entry_size()).unwrap_or(0);
        let mut index: u64 = 0;
        while index < entries {
            let Ok(slice) = Slice::read(&mapping.file, geometry, table, index) else {
                return self.count_table(guest, Defect::TableUnreadable);
            };
            while index < slice.end() {
                let Some((entry, _)) = slice.entry(index) else {
                    return self.count_table(guest, Defect::TablePastEnd);
                };
                let cluster = guest.saturating_add(index.saturating_mul(geometry.cluster_size()));
                let visible = disk_length.saturating_sub(cluster).min(geometry.cluster_size());
                if visible == 0 {
                    return;
                }
                if let Some(defect) = defect_of(mapping, mapping.rules.descriptor(entry, cluster), visible) {
                    self.count_cluster(cluster, defect);
                }
                index = index.saturating_add(1);
            }
        }
    }

    fn count_table(&mut self, guest: u64, defect: Defect) {
        let past_end = u64::from(defect == Defect::TablePastEnd);
        self.tables_past_end = self.tables_past_end.saturating_add(past_end);
        self.bad_tables = self.bad_tables.saturating_add(1);
        self.first.get_or_insert((guest, defect));
    }

    fn count_cluster(&mut self, guest: u64, defect: Defect) {
        let past_end = u64::from(defect == Defect::PastEnd);
        self.clusters_past_end = self.clusters_past_end.saturating_add(past_end);
        self.bad_clusters = self.bad_clusters.saturating_add(1);
        self.first.get_or_insert((guest, defect));
    }

    /// The survey in one line, if it found anything.
    pub(super) fn problem(&self, file: &HostFile) -> Option<ReadError> {
        let (guest, defect) = self.first?;
        let (expected, found) = defect.describe();
        let error = ReadError::corrupt("qcow2 mapping of guest clusters").in_file(file.path());
        let mut what = format!("{found} (first for guest byte {guest})");
        if self.bad_tables > 0 {
            what.push_str(&format!(", {} L2 tables that cannot be read", self.bad_tables));
        }
        if self.bad_clusters > 0 {
            what.push_str(&format!(", {} clusters that cannot be read", self.bad_clusters));
        }
        let error = error.expected(expected).found(what);
        Some(if self.tables_past_end > 0 || self.clusters_past_end > 0 {
            error.advice(format!("the file has {} bytes; get the whole of it", file.len()))
        } else {
            error.advice("other parts of the disk are read all the same")
        })
    }
}

/// What is wrong with a cluster of which `visible` bytes belong to the disk.
fn defect_of(mapping: &Mapping, descriptor: Descriptor, visible: u64) -> Option<Defect> {
    // Subclusters need not be there to the last.
    let visible = if mapping.rules.geometry.extended() { 1 } else { visible };
    let end = match descriptor {
        Descriptor::Bad(defect) => return Some(defect),
        Descriptor::Plain(host) => host.0.saturating_add(visible),
        // Their length is counted in whole sectors, the last of which the file may not have in full.
        Descriptor::Compressed(unit) => {
            unit.offset.0.saturating_add(unit.length).saturating_sub(layout::SECTOR.wrapping_sub(1))
        }
        Descriptor::Unallocated | Descriptor::Zero => return None,
    };
    (end > mapping.data_length).then_some(Defect::PastEnd)
}

/// What the corrupt flag of the header means for a reader.
pub(super) fn corrupt_flag(file: &HostFile) -> ReadError {
    ReadError::corrupt("qcow2 header field incompatible_features")
        .in_file(file.path())
        .at(72)
        .expected(format!("bit {} clear", layout::CORRUPT.trailing_zeros()))
        .found("the corrupt flag: the software that used the image found its tables damaged")
        .advice("what can be read is read")
}
