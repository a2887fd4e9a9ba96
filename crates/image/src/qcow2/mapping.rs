use std::sync::Arc;

use vminspect_bytes::{ByteRange, HostFile, ReadError};

use super::descriptor::{Defect, Descriptor, EntryRules, Unit};
use super::geometry::HostOffset;
use super::l1_table::{L1Entry, L1Table};
use super::l2_table::Slice;
use super::layout;

/// A stretch of the virtual disk that is stored in one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) length: u64,
    pub(super) kind: Kind,
}

/// How a stretch of the virtual disk is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Read from the parent.
    Unallocated,
    /// Zeros.
    Zero,
    /// As it is, from this offset of the data file.
    Plain(HostOffset),
    /// Compressed, the stretch beginning at `skip` of the decoded cluster.
    Compressed { unit: Unit, skip: u64 },
    /// Not readable.
    Bad(Defect),
}

impl Run {
    /// Takes in `next`, the run that follows, if both are stored as one.
    fn absorb(&mut self, next: Self) -> bool {
        let joined = match (self.kind, next.kind) {
            (Kind::Plain(here), Kind::Plain(there)) => here.0.checked_add(self.length) == Some(there.0),
            (Kind::Compressed { .. }, _) => false,
            (here, there) => here == there,
        };
        if joined {
            self.length = self.length.saturating_add(next.length);
        }
        joined
    }

    fn truncate(self, length: u64) -> Self {
        Self { length: self.length.min(length), ..self }
    }
}

/// The two-level table that maps positions of the virtual disk to clusters.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) file: Arc<HostFile>,
    pub(super) l1: L1Table,
    pub(super) rules: EntryRules,
    /// Length of the file that holds the clusters.
    pub(super) data_length: u64,
    /// Whether unallocated clusters are read from a parent; they are zeros otherwise.
    pub(super) has_parent: bool,
}

impl Mapping {
    /// The run at the start of `range`, which must not be empty; as long as it goes within `range`.
    pub(super) fn run_at(&self, range: ByteRange) -> Run {
        let mut run = self.table_run(range);
        loop {
            let rest = ByteRange::new(range.start().saturating_add(run.length), range.end());
            if rest.is_empty() || !run.absorb(self.table_run(rest)) {
                return run;
            }
        }
    }

    /// The run at the start of `range`, within one slice of one L2 table.
    fn table_run(&self, range: ByteRange) -> Run {
        let geometry = self.rules.geometry;
        let position = range.start();
        let span = geometry.table_span();
        let to_table_end = span.saturating_sub(position & span.wrapping_sub(1));
        let whole = |kind| Run { length: to_table_end.min(range.len()), kind };
        let table = match self.l1.entry(geometry.l1_index(position)) {
            L1Entry::Unallocated => return whole(self.unallocated()),
            L1Entry::Bad(defect) => return whole(Kind::Bad(defect)),
            L1Entry::Table(table) => table,
        };
        let index = geometry.l2_index(position);
        let Ok(slice) = Slice::read(&self.file, geometry, table, index) else {
            return whole(Kind::Bad(Defect::TableUnreadable));
        };
        let past_slice = slice.end().saturating_sub(index).saturating_mul(geometry.cluster_size());
        let past_slice =
            position.saturating_add(past_slice.saturating_sub(geometry.within_cluster(position)));
        let range = ByteRange::new(position, range.end().min(past_slice));
        let mut run = self.piece(&slice, position);
        while run.length < range.len() && run.absorb(self.piece(&slice, position.saturating_add(run.length)))
        {
        }
        run.truncate(range.len())
    }

    /// What one entry says of `position`, up to the end of its cluster or of the subclusters that are alike.
    #[inline]
    fn piece(&self, slice: &Slice, position: u64) -> Run {
        let geometry = self.rules.geometry;
        let within = geometry.within_cluster(position);
        let to_cluster_end = geometry.cluster_size().saturating_sub(within);
        let Some((entry, bitmap)) = slice.entry(geometry.l2_index(position)) else {
            return Run { length: to_cluster_end, kind: Kind::Bad(Defect::TablePastEnd) };
        };
        let guest = position.saturating_sub(within);
        let (descriptor, length) = if geometry.extended() {
            let size = geometry.subcluster_size();
            let index = u32::try_from(within.checked_div(size).unwrap_or(0)).unwrap_or(0);
            let (descriptor, count) = self.rules.subclusters(entry, bitmap, guest, index);
            let end = u64::from(index.saturating_add(count)).saturating_mul(size);
            (descriptor, end.saturating_sub(within))
        } else {
            (self.rules.descriptor(entry, guest), to_cluster_end)
        };
        match descriptor {
            Descriptor::Unallocated => Run { length, kind: self.unallocated() },
            Descriptor::Zero => Run { length, kind: Kind::Zero },
            Descriptor::Bad(defect) => Run { length, kind: Kind::Bad(defect) },
            Descriptor::Plain(cluster) => self.plain(cluster, within, length),
            Descriptor::Compressed(unit) if unit.offset.0 >= self.data_length => {
                Run { length, kind: Kind::Bad(Defect::PastEnd) }
            }
            Descriptor::Compressed(unit) => Run { length, kind: Kind::Compressed { unit, skip: within } },
        }
    }

    fn unallocated(&self) -> Kind {
        if self.has_parent { Kind::Unallocated } else { Kind::Zero }
    }

    /// `length` bytes at `within` of a cluster in the data file, where it may end within that cluster.
    #[inline]
    fn plain(&self, cluster: HostOffset, within: u64, length: u64) -> Run {
        let start = cluster.0.saturating_add(within);
        let available = self.data_length.saturating_sub(start);
        if available >= length {
            Run { length, kind: Kind::Plain(HostOffset(start)) }
        } else if available > 0 {
            Run { length: available, kind: Kind::Plain(HostOffset(start)) }
        } else {
            Run { length, kind: Kind::Bad(Defect::PastEnd) }
        }
    }

    /// The error of reading `position`, at which the run is bad for `defect`.
    pub(super) fn error(&self, position: u64, defect: Defect) -> ReadError {
        let geometry = self.rules.geometry;
        let (l1_index, l2_index) = (geometry.l1_index(position), geometry.l2_index(position));
        let (expected, found) = defect.describe();
        let l1_value = self.l1.value(l1_index);
        let table = HostOffset(l1_value & layout::OFFSET_MASK);
        let error = match defect {
            Defect::NoL1Entry | Defect::L1Reserved | Defect::TableUnaligned | Defect::TablePastEnd => {
                ReadError::corrupt(format!("qcow2 L1 entry {l1_index}, which maps guest byte {position}"))
                    .expected(expected)
                    .found(format!("{found} (entry {l1_value:#x})"))
            }
            _ => match Slice::read(&self.file, geometry, table, l2_index) {
                Err(error) => return error.in_file(self.file.path()),
                Ok(slice) => {
                    let (entry, bitmap) = slice.entry(l2_index).unwrap_or_default();
                    let bitmap =
                        if geometry.extended() { format!(", bitmap {bitmap:#x}") } else { String::new() };
                    ReadError::corrupt(format!("qcow2 L2 entry {l2_index}, which maps guest byte {position}"))
                        .at(Slice::entry_offset(geometry, table, l2_index))
                        .expected(expected)
                        .found(format!("{found} (entry {entry:#x}{bitmap})"))
                }
            },
        };
        error.in_file(self.file.path())
    }
}
