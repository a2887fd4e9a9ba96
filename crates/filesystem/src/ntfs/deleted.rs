//! What is left of deleted files.

use vminspect_bytes::{ByteRange, ReadError};

use super::record::stored_runs;
use super::volume::Ntfs;
use crate::{Place, Record};

/// Clusters of one file that are looked up. A hostile file may claim all of a huge volume.
const MOST_CLUSTERS: u64 = 1 << 24;

impl Ntfs {
    /// Adds to the record of a deleted file how much of its content other files have by now.
    pub(super) fn check_overwritten(&self, record: &mut Record) {
        let cluster = self.geometry.cluster;
        let (mut all, mut used) = (0_u64, 0_u64);
        let streams = record.streams.iter().map(|stream| &stream.content);
        for run in std::iter::once(&record.content).chain(streams).flat_map(stored_runs) {
            let Place::Volume(place) = run.place else { continue };
            let first = place.checked_div(cluster.bytes()).unwrap_or(0);
            let count = cluster.clusters(run.length).min(MOST_CLUSTERS.saturating_sub(all));
            if !self.geometry.contains(first, count) {
                continue;
            }
            let range = ByteRange::at(cluster.of(first), cluster.of(count));
            let Ok(in_use) = self.clusters_used(range) else { return };
            all = all.saturating_add(count);
            used = used.saturating_add(cluster.clusters(in_use.total()));
        }
        if used > 0 {
            record.problems.push(
                ReadError::corrupt("deleted file")
                    .at(record.place.start())
                    .expected(format!(
                        "its {all} clusters free{}",
                        if all < MOST_CLUSTERS { "" } else { " (no more were looked up)" }
                    ))
                    .found(format!("{used} that are in use by now, so that what they held is overwritten"))
                    .into(),
            );
        }
    }
}
