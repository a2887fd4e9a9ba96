//! The volume's bitmap: which clusters are in use.

use vminspect_bytes::{ByteRange, RangeSet, ReadAtExt, ReadError};

use super::layout::BITMAP_RECORD;
use super::volume::Ntfs;
use crate::Result;
use crate::cluster_bits::set_ranges;

/// Bytes of the bitmap that are read at once.
const WINDOW: u64 = 1 << 16;

impl Ntfs {
    /// The parts of a range of the volume whose clusters are in use. What lies behind the last whole cluster is.
    ///
    /// # Errors
    /// When the bitmap cannot be read there, or there is none.
    pub(super) fn clusters_used(&self, range: ByteRange) -> Result<RangeSet> {
        let bitmap = self
            .bitmap
            .get_or_init(|| self.own_content(BITMAP_RECORD, "").ok())
            .as_ref()
            .ok_or_else(|| ReadError::corrupt("$Bitmap").found("nothing that could be read"))?;
        let cluster = self.geometry.cluster;
        let first = range.start().checked_div(cluster.bytes()).unwrap_or(0);
        let end = cluster.clusters(range.end()).min(self.geometry.clusters).max(first);
        let mut used = RangeSet::default();
        let mut byte = first / 8;
        while byte < end.div_ceil(8) {
            let length = WINDOW.min(end.div_ceil(8).saturating_sub(byte));
            let bits = bitmap.read_vec(byte, usize::try_from(length).unwrap_or(0))?;
            for run in set_ranges(&bits, byte.saturating_mul(8)) {
                let run = run.intersection(ByteRange::new(first, end));
                used.insert(
                    ByteRange::at(cluster.of(run.start()), cluster.of(run.len())).intersection(range),
                );
            }
            byte = byte.saturating_add(length);
        }
        let behind = cluster.of(self.geometry.clusters);
        used.insert(ByteRange::new(behind.min(range.end()).max(range.start()), range.end()));
        Ok(used)
    }
}
