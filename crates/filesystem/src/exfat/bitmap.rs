//! The allocation bitmap: which clusters are in use.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, RangeSet, ReadAt};

use super::boot::Cluster;
use super::layout::FIRST_CLUSTER;
use super::volume::Exfat;
use crate::{Place, Run};

/// Bytes of the bitmap that are read at once.
const WINDOW: usize = 4096;

/// Where the allocation bitmap lies. Without one, every cluster counts as in use.
#[derive(Clone, Default, Debug)]
pub(super) struct AllocationBitmap {
    runs: SmallVec<[Run; 2]>,
    length: u64,
}

impl AllocationBitmap {
    /// The bitmap of `length` bytes in these runs.
    pub(super) fn new(runs: SmallVec<[Run; 2]>, length: u64) -> Self {
        Self { runs, length }
    }

    /// Where the bits of some clusters lie, in whole bytes.
    pub(super) fn places(&self, first: Cluster, count: u32) -> impl Iterator<Item = ByteRange> + '_ {
        let index = u64::from(first.0.saturating_sub(FIRST_CLUSTER));
        let end = index.saturating_add(u64::from(count));
        let wanted =
            ByteRange::new(index >> 3, end.div_ceil(8).max(index >> 3).min(self.length.max(index >> 3)));
        self.runs.iter().filter_map(move |run| {
            let Place::Volume(place) = run.place else { return None };
            let part = ByteRange::at(run.start, run.length).intersection(wanted);
            let start = place.saturating_add(part.start().saturating_sub(run.start));
            (!part.is_empty() && !super::fat::is_lost(run.place)).then(|| ByteRange::at(start, part.len()))
        })
    }

    /// Whether a cluster is free. One of which nothing is known is not.
    pub(super) fn is_free(&self, view: &dyn ReadAt, cluster: Cluster) -> bool {
        self.stretches(view, cluster, 1).next().is_some_and(|(_, _, free)| free)
    }

    /// Clusters from `first` on in stretches: the first of each, their count, and whether they are free.
    pub(super) fn stretches<'a>(
        &'a self,
        view: &'a dyn ReadAt,
        first: Cluster,
        count: u32,
    ) -> impl Iterator<Item = (Cluster, u32, bool)> + 'a {
        let mut bits = Bits { bitmap: self, view, window: Vec::new(), start: 0 };
        let mut next = first;
        let mut left = count;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let (start, free) = (next, bits.is_free(next));
            let mut length = 0_u32;
            while left > 0 && bits.is_free(next) == free {
                length = length.saturating_add(1);
                left = left.saturating_sub(1);
                next = next.plus(1);
            }
            Some((start, length, free))
        })
    }
}

impl Exfat {
    /// The parts of a range of the volume that are in use: clusters whose bits are set or cannot be read, and all that
    /// is no cluster.
    pub(super) fn clusters_used(&self, range: ByteRange) -> RangeSet {
        let geometry = &self.geometry;
        let heap = ByteRange::at(geometry.offset_of(Cluster(FIRST_CLUSTER)), geometry.heap_size());
        let inside = heap.intersection(range);
        if inside.is_empty() {
            return RangeSet::of(range);
        }
        let first = geometry.cluster_at(inside.start());
        let last = geometry.cluster_at(inside.end().saturating_sub(1));
        let count = last.0.saturating_sub(first.0).saturating_add(1);
        let mut used = RangeSet::default();
        for (cluster, length, free) in self.bitmap.stretches(&*self.view, first, count) {
            if !free {
                let bytes = geometry.bytes_of(u64::from(length));
                used.insert(ByteRange::at(geometry.offset_of(cluster), bytes).intersection(range));
            }
        }
        used.union(&RangeSet::of(range).without(&RangeSet::of(heap)))
    }
}

/// Reads the bitmap a window at a time.
struct Bits<'a> {
    bitmap: &'a AllocationBitmap,
    view: &'a dyn ReadAt,
    window: Vec<u8>,
    /// The first byte of the bitmap that the window holds.
    start: u64,
}

impl Bits<'_> {
    fn is_free(&mut self, cluster: Cluster) -> bool {
        let index = u64::from(cluster.0.saturating_sub(FIRST_CLUSTER));
        let byte = index >> 3;
        let mask = 1_u8.checked_shl(u32::try_from(index & 7).unwrap_or(0)).unwrap_or(0);
        self.byte(byte).is_some_and(|bits| bits & mask == 0)
    }

    fn byte(&mut self, position: u64) -> Option<u8> {
        let held = ByteRange::at(self.start, super::widen(self.window.len()));
        if !held.contains(position) {
            self.fill(position)?;
        }
        self.window.get(usize::try_from(position.checked_sub(self.start)?).ok()?).copied()
    }

    fn fill(&mut self, position: u64) -> Option<()> {
        self.window.clear();
        if position >= self.bitmap.length {
            return None;
        }
        let run =
            self.bitmap.runs.iter().find(|run| ByteRange::at(run.start, run.length).contains(position))?;
        let Place::Volume(place) = run.place else { return None };
        let inside = position.saturating_sub(run.start);
        let left = run.length.saturating_sub(inside).min(self.bitmap.length.saturating_sub(position));
        let offset = place.checked_add(inside)?;
        let there = self.view.len().saturating_sub(offset);
        let length = usize::try_from(left.min(there)).unwrap_or(WINDOW).min(WINDOW);
        self.window.resize(length, 0);
        if self.view.read_exact_at(offset, &mut self.window).is_err() {
            self.window.clear();
            return None;
        }
        self.start = position;
        Some(())
    }
}
