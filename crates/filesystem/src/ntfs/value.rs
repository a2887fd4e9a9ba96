//! The value of an attribute: in a record, or in runs of clusters that several records may map.

use smallvec::SmallVec;
use vminspect_bytes::ReadError;

use super::attribute::{Form, NonResident, damaged};
use super::data_runs::ClusterRuns;
use super::file::{MOST_PROBLEMS, Part};
use super::file_record::RecordHeader;
use super::layout::{ATTRIBUTE_COMPRESSION_MASK, ATTRIBUTE_ENCRYPTED};
use super::volume::Ntfs;
use crate::stored::{LOST, push_run};
use crate::{Place, Run};

/// Clusters of a compression unit, as a binary logarithm: Windows writes 4.
const LARGEST_UNIT: u8 = 8;

/// A value and how it is stored.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Bytes.
    pub(super) size: u64,
    pub(super) storage: Storage,
}

/// How a value is stored.
#[derive(Clone, Debug)]
pub(super) enum Storage {
    /// In a record, from an offset of it.
    Resident {
        bytes: Box<[u8]>,
        record: RecordHeader,
        offset: usize,
    },
    Runs(StoredRuns),
}

/// Runs of a value, and what is done with the bytes there.
#[derive(Clone, Debug)]
pub(super) struct StoredRuns {
    /// Without gaps up to the end of the value; whole clusters.
    pub(super) runs: SmallVec<[Run; 2]>,
    /// What lies beyond was never written and reads as zeros.
    pub(super) initialised: u64,
    /// Bytes of a compression unit.
    pub(super) compression: Option<u64>,
    pub(super) encrypted: bool,
}

impl Value {
    /// The value whose parts these are, in the order of their positions; `None` when there are none. What is wrong
    /// is added to `problems`; what is not mapped because of that is lost, and reading it fails.
    pub(super) fn of(fs: &Ntfs, parts: &[Part<'_>], problems: &mut Vec<ReadError>) -> Option<Self> {
        let first = parts.first()?;
        if let Form::Resident { value, offset } = first.attribute.form {
            return Some(Self {
                size: super::widen(value.len()),
                storage: Storage::Resident { bytes: value.into(), record: first.record, offset },
            });
        }
        let known = problems.len();
        let mut builder = Builder { fs, runs: SmallVec::new(), end: 0, known, problems };
        let Some(head) = builder.head(first) else {
            // The part with the sizes is lost. What is left may be evidence, but of unknown length.
            let size = parts.last().and_then(non_resident).map_or(0, |part| {
                fs.geometry.cluster.of(part.highest_vcn.saturating_add(1).min(fs.geometry.clusters))
            });
            builder.add_parts(parts);
            builder.lose_until(size);
            let runs = builder.runs;
            let stored = StoredRuns { runs, initialised: size, compression: None, encrypted: false };
            return Some(Self { size, storage: Storage::Runs(stored) });
        };
        builder.add_parts(parts);
        builder.lose_until(head.data_size);
        let runs = builder.runs;
        let flags = first.attribute.flags;
        let initialised = head.initialised_size.min(head.data_size);
        let compression = compression_unit(fs, &head, flags);
        let encrypted = flags & ATTRIBUTE_ENCRYPTED != 0;
        let stored = StoredRuns { runs, initialised, compression, encrypted };
        Some(Self { size: head.data_size, storage: Storage::Runs(stored) })
    }

    /// The bytes, where they are in a record.
    pub(super) fn resident(&self) -> Option<&[u8]> {
        match &self.storage {
            Storage::Resident { bytes, .. } => Some(bytes),
            Storage::Runs(_) => None,
        }
    }
}

impl StoredRuns {
    /// The runs of a value of `size` bytes that is stored plainly: what was never written is zero.
    pub(super) fn written(&self, size: u64) -> SmallVec<[Run; 2]> {
        if self.initialised >= size {
            return self.runs.clone();
        }
        let mut runs = SmallVec::new();
        for run in &self.runs {
            let written = self.initialised.saturating_sub(run.start).min(run.length);
            if written > 0 {
                runs.push(Run { length: written, ..*run });
            }
        }
        let rest = size.saturating_sub(self.initialised);
        runs.push(Run { start: self.initialised, length: rest, place: Place::Zero });
        runs
    }

    /// Whether a part of it is a hole.
    pub(super) fn has_holes(&self) -> bool {
        self.runs.iter().any(|run| run.place == Place::Zero)
    }
}

fn non_resident<'a>(part: &Part<'a>) -> Option<NonResident<'a>> {
    match part.attribute.form {
        Form::NonResident(part) => Some(part),
        Form::Resident { .. } => None,
    }
}

/// Bytes of a compression unit, where the value is compressed. Only clusters of up to 4 KiB can be.
fn compression_unit(fs: &Ntfs, head: &NonResident<'_>, flags: u16) -> Option<u64> {
    let compressed = flags & ATTRIBUTE_COMPRESSION_MASK != 0 && head.compression_unit != 0;
    let clusters = 1_u64.checked_shl(u32::from(head.compression_unit.min(LARGEST_UNIT)))?;
    compressed.then(|| fs.geometry.cluster.of(clusters))
}

/// Puts runs together.
struct Builder<'a> {
    fs: &'a Ntfs,
    runs: SmallVec<[Run; 2]>,
    /// The cluster after the last run.
    end: u64,
    /// Problems before this value.
    known: usize,
    problems: &'a mut Vec<ReadError>,
}

impl Builder<'_> {
    /// The part that says how long the value is.
    fn head<'p>(&mut self, first: &Part<'p>) -> Option<NonResident<'p>> {
        let part = non_resident(first)?;
        if part.lowest_vcn != 0 {
            let error = self.damaged(first, first.attribute.offset);
            self.problems.push(error.expected("the first part of a value").found("a later one alone"));
            return None;
        }
        if part.initialised_size > part.data_size || part.data_size > self.fs.geometry.cluster.of(1 << 43) {
            let error = self.damaged(first, first.attribute.offset);
            self.problems.push(error.found(format!(
                "{} bytes, of which {} are initialised",
                part.data_size, part.initialised_size
            )));
        }
        Some(part)
    }

    fn damaged(&self, part: &Part<'_>, offset: usize) -> ReadError {
        damaged(
            format!("attribute of MFT record {}", part.record.number.0),
            part.record.place.start(),
            offset,
        )
    }

    fn add_parts(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            if self.problems.len() > MOST_PROBLEMS {
                return;
            }
            let Some(mapped) = non_resident(part) else {
                let error = self.damaged(part, part.attribute.offset);
                self.problems.push(error.found("a resident part of a value that is not"));
                continue;
            };
            if mapped.lowest_vcn < self.end {
                let error = self.damaged(part, part.attribute.offset);
                self.problems.push(
                    error
                        .expected(format!("a part of the value from cluster {} on", self.end))
                        .found(format!("one from cluster {}", mapped.lowest_vcn)),
                );
                continue;
            }
            if mapped.lowest_vcn > self.end {
                let error = self.damaged(part, part.attribute.offset);
                self.problems.push(
                    error
                        .expected(format!("a part of the value from cluster {} on", self.end))
                        .found(format!("one from cluster {}", mapped.lowest_vcn)),
                );
                self.lose(mapped.lowest_vcn);
            }
            self.add_part(part, &mapped);
        }
    }

    fn add_part(&mut self, part: &Part<'_>, mapped: &NonResident<'_>) {
        for run in ClusterRuns::new(mapped.mapping_pairs, mapped.lowest_vcn) {
            match run {
                Ok(run) => {
                    let place = match run.lcn {
                        None => Place::Zero,
                        Some(_) if self.fs.is_loose() => lost(self.fs, run.vcn),
                        Some(lcn) if self.fs.geometry.contains(lcn, run.length) => {
                            Place::Volume(self.fs.geometry.cluster.of(lcn))
                        }
                        Some(lcn) => {
                            let error = self.damaged(part, mapped.pairs_offset);
                            self.problems.push(
                                error
                                    .expected(format!("clusters below {}", self.fs.geometry.clusters))
                                    .found(format!("{} from cluster {lcn}", run.length)),
                            );
                            lost(self.fs, run.vcn)
                        }
                    };
                    self.push(run.vcn, run.length, place);
                }
                Err(found) => {
                    let error = self.damaged(part, mapped.pairs_offset);
                    self.problems.push(error.found(found));
                }
            }
            if self.problems.len() > MOST_PROBLEMS {
                return;
            }
        }
    }

    fn push(&mut self, vcn: u64, clusters: u64, place: Place) {
        let cluster = self.fs.geometry.cluster;
        let (start, length) = (cluster.of(vcn), cluster.of(clusters));
        self.end = vcn.saturating_add(clusters);
        push_run(&mut self.runs, Run { start, length, place });
    }

    /// Marks the clusters up to `vcn` as lost.
    fn lose(&mut self, vcn: u64) {
        let count = vcn.saturating_sub(self.end);
        if count > 0 {
            self.push(self.end, count, lost(self.fs, self.end));
        }
    }

    /// Marks what no run maps of a value of `size` bytes as lost.
    fn lose_until(&mut self, size: u64) {
        let clusters = self.fs.geometry.cluster.clusters(size);
        if clusters > self.end && self.problems.len() == self.known {
            self.problems.push(
                ReadError::corrupt("runs of a value")
                    .expected(format!("{clusters} clusters"))
                    .found(self.end.to_string()),
            );
        }
        self.lose(clusters);
    }
}

/// The place of clusters of which it is not known where they are.
fn lost(fs: &Ntfs, vcn: u64) -> Place {
    Place::Volume(LOST.saturating_add(fs.geometry.cluster.of(vcn).min(LOST)))
}
