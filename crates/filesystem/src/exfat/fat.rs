//! Clusters of a file: a chain in the FAT, or one stretch.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::bitmap::AllocationBitmap;
use super::boot::{Cluster, Geometry};
use super::layout::{FAT_BAD, FAT_END, FIRST_CLUSTER};
use crate::stored::{LOST, OVERWRITTEN};
use crate::{Place, Run};

/// Most fragments that are followed of one file: they are kept in memory.
const MOST_FRAGMENTS: usize = 1 << 22;

/// Bytes of the FAT that are read at once.
const WINDOW: u64 = 4096;

/// What follows a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Cluster(Cluster),
    End,
    /// The cluster is free.
    Free,
    /// A value that names no cluster.
    Invalid(u32),
}

/// The FAT that is in use, read a window at a time.
pub(super) struct Fat<'a> {
    view: &'a dyn ReadAt,
    geometry: &'a Geometry,
    window: Vec<u8>,
    start: u64,
}

impl<'a> Fat<'a> {
    pub(super) fn new(view: &'a dyn ReadAt, geometry: &'a Geometry) -> Self {
        Self { view, geometry, window: Vec::new(), start: 0 }
    }

    /// What follows `cluster`.
    pub(super) fn next(&mut self, cluster: Cluster) -> Result<Next, ReadError> {
        let place = self.geometry.fat_entry(cluster).ok_or_else(|| {
            ReadError::corrupt("FAT")
                .at(self.geometry.fat().end())
                .expected(format!("an entry of cluster {}", cluster.0))
                .found("its end")
        })?;
        let value = self.entry(place)?;
        Ok(match value {
            0 => Next::Free,
            FAT_END => Next::End,
            value if self.geometry.contains(Cluster(value)) => Next::Cluster(Cluster(value)),
            value => Next::Invalid(value),
        })
    }

    fn entry(&mut self, place: ByteRange) -> Result<u32, ReadError> {
        let held = ByteRange::at(self.start, super::widen(self.window.len()));
        if held.intersection(place) != place {
            let window = ByteRange::at(place.start() & !WINDOW.saturating_sub(1), WINDOW)
                .intersection(ByteRange::at(0, self.view.len()));
            let whole = window.intersection(place) == place;
            let range = if whole { window } else { place };
            self.window.resize(usize::try_from(range.len()).unwrap_or(0), 0);
            if let Err(error) = self.view.read_exact_at(range.start(), &mut self.window) {
                self.window.clear();
                return Err(ReadError::corrupt("FAT").at(place.start()).caused_by(error));
            }
            self.start = range.start();
        }
        let index = usize::try_from(place.start().saturating_sub(self.start)).unwrap_or(usize::MAX);
        let bytes = self.window.get(index..).and_then(<[u8]>::first_chunk);
        Ok(bytes.map_or(FAT_BAD, |bytes| u32::from_le_bytes(*bytes)))
    }
}

/// Where something is allocated, as its directory entry says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allocated {
    pub(super) first: Cluster,
    /// Bytes; `None` as far as the chain goes, up to a limit.
    pub(super) length: Option<u64>,
    /// Bytes after which nothing was written.
    pub(super) valid: u64,
    /// Whether the clusters follow one another, and the FAT says nothing of them.
    pub(super) contiguous: bool,
    /// Whether a guess may stand for what is not known any more.
    pub(super) guess: bool,
}

/// The clusters of a file, while they are gathered.
pub(super) struct Clusters {
    /// Runs of clusters, each a first cluster and a count.
    fragments: Vec<(Cluster, u32)>,
    /// The finished ones by first cluster, to recognise a chain that comes back to itself.
    taken: BTreeMap<u32, u32>,
    /// The next cluster that is taken, after the last one.
    barrier: u32,
    count: u64,
}

impl Clusters {
    fn new() -> Self {
        Self { fragments: Vec::new(), taken: BTreeMap::new(), barrier: u32::MAX, count: 0 }
    }

    /// Adds a cluster; false when it is there already.
    fn push(&mut self, cluster: Cluster) -> bool {
        if let Some((first, count)) = self.fragments.last_mut()
            && first.plus(*count) == cluster
        {
            if cluster.0 >= self.barrier {
                return false;
            }
            *count = count.saturating_add(1);
        } else {
            if let Some((first, count)) = self.fragments.last() {
                self.taken.insert(first.0, *count);
            }
            let before = self.taken.range(..=cluster.0).next_back();
            if before.is_some_and(|(first, count)| cluster.0 < first.saturating_add(*count)) {
                return false;
            }
            self.barrier = self.taken.range(cluster.0..).next().map_or(u32::MAX, |(first, _)| *first);
            self.fragments.push((cluster, 1));
        }
        self.count = self.count.saturating_add(1);
        true
    }
}

/// The runs of a file, what they were read from besides its entry, and what is wrong with them.
#[derive(Default)]
pub(super) struct Mapping {
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problems: Vec<ReadError>,
    /// Bytes of clusters that were found.
    pub(super) found: u64,
    /// Whether some of them are a guess.
    pub(super) guessed: bool,
}

/// Finds the clusters of files.
#[derive(Clone, Copy)]
pub(super) struct Mapper<'a> {
    pub(super) view: &'a dyn ReadAt,
    pub(super) geometry: &'a Geometry,
    /// What is wrong is told of this structure, at this byte.
    pub(super) structure: &'static str,
    pub(super) at: u64,
}

impl Mapper<'_> {
    fn damaged(&self) -> ReadError {
        ReadError::corrupt(self.structure).at(self.at)
    }

    /// Where something that is in use lies. `most` bounds what has no length of its own.
    pub(super) fn map(&self, allocated: Allocated, most: u64) -> Mapping {
        let mut mapping = Mapping::default();
        let geometry = self.geometry;
        let needed = geometry.clusters_of(allocated.length.unwrap_or(most));
        if needed == 0 {
            return mapping;
        }
        if !geometry.contains(allocated.first) {
            mapping.problems.push(self.outside(allocated.first));
        } else if allocated.contiguous {
            self.stretch(allocated.first, needed, &mut mapping);
        } else {
            self.chain(allocated, needed, &mut mapping);
        }
        let length = allocated.length.unwrap_or(mapping.found);
        finish(&mut mapping, length, allocated.valid);
        mapping
    }

    fn outside(&self, cluster: Cluster) -> ReadError {
        self.damaged()
            .expected(format!("a first cluster from 2, of {}", self.geometry.cluster_count))
            .found(cluster.0.to_string())
    }

    /// Clusters that follow one another.
    fn stretch(&self, first: Cluster, needed: u64, mapping: &mut Mapping) {
        let geometry = self.geometry;
        let index = u64::from(first.0.saturating_sub(FIRST_CLUSTER));
        let there = u64::from(geometry.cluster_count).saturating_sub(index).min(needed);
        if there < needed {
            let error = self
                .damaged()
                .expected(format!("{needed} clusters from {}", first.0))
                .found(format!("{there} before the end of the cluster heap"));
            mapping.problems.push(error);
        }
        push(mapping, geometry.offset_of(first), geometry.bytes_of(there));
    }

    /// A chain in the FAT.
    fn chain(&self, allocated: Allocated, needed: u64, mapping: &mut Mapping) {
        let mut fat = Fat::new(self.view, self.geometry);
        let mut clusters = Clusters::new();
        let mut cluster = allocated.first;
        let open = allocated.length.is_none();
        loop {
            if !clusters.push(cluster) {
                mapping.problems.push(self.broken(
                    &clusters,
                    needed,
                    open,
                    "a chain that comes back to itself",
                ));
                break;
            }
            if clusters.fragments.len() > MOST_FRAGMENTS {
                let error = ReadError::unsupported(self.structure)
                    .at(self.at)
                    .expected(format!("at most {MOST_FRAGMENTS} fragments"))
                    .found("more");
                mapping.problems.push(error);
                break;
            }
            let next = fat.next(cluster);
            if clusters.count >= needed {
                // A length that is not recorded is too long where the limit was reached.
                match next {
                    Ok(Next::End) => {}
                    Ok(Next::Cluster(_)) if !open => {
                        mapping.problems.push(self.broken(&clusters, needed, open, "a longer chain"));
                    }
                    _ if !open => {}
                    _ => mapping.problems.push(self.broken(&clusters, needed, open, "a longer chain")),
                }
                break;
            }
            match next {
                Ok(Next::Cluster(next)) => cluster = next,
                Ok(Next::End) if open => break,
                Ok(next) => {
                    let what = describe(next, cluster);
                    mapping.problems.push(self.broken(&clusters, needed, open, &what));
                    break;
                }
                Err(error) => {
                    mapping.problems.push(self.damaged().caused_by(error));
                    break;
                }
            }
        }
        self.add(&clusters, mapping);
    }

    fn broken(&self, clusters: &Clusters, needed: u64, open: bool, what: &str) -> ReadError {
        let expected =
            if open { "a chain that ends".to_owned() } else { format!("a chain of {needed} clusters") };
        self.damaged().expected(expected).found(format!("{what} after {}", clusters.count))
    }

    /// Adds the runs of a chain and the FAT entries that it was read from.
    fn add(&self, clusters: &Clusters, mapping: &mut Mapping) {
        let geometry = self.geometry;
        for (first, count) in &clusters.fragments {
            push(mapping, geometry.offset_of(*first), geometry.bytes_of(u64::from(*count)));
            let last = first.plus(count.saturating_sub(1));
            let (start, end) = (geometry.fat_entry(*first), geometry.fat_entry(last));
            if let Some(start) = start {
                let end = end.map_or_else(|| geometry.fat().end(), ByteRange::end);
                depend(mapping, ByteRange::new(start.start(), end));
            }
        }
    }

    /// What is left of something deleted: clusters that nothing else uses by now. A chain is followed where it
    /// was not cleared; where it was, the free clusters that come next are taken for the rest, and marked as a guess.
    pub(super) fn map_deleted(&self, allocated: Allocated, bitmap: &AllocationBitmap) -> Mapping {
        let mut mapping = Mapping::default();
        let geometry = self.geometry;
        let length = allocated.length.unwrap_or(0);
        let needed = geometry.clusters_of(length);
        if needed == 0 {
            return mapping;
        }
        if !geometry.contains(allocated.first) {
            mapping.problems.push(self.outside(allocated.first));
            finish(&mut mapping, length, allocated.valid);
            return mapping;
        }
        let used = if allocated.contiguous {
            self.stretch_deleted(allocated.first, needed, bitmap, &mut mapping)
        } else {
            self.chain_deleted(allocated.first, (needed, allocated.guess), bitmap, &mut mapping)
        };
        finish(&mut mapping, length, allocated.valid);
        let kept: u64 = mapping.runs.iter().filter(|run| !is_lost(run.place)).map(|run| run.length).sum();
        let kept = kept.min(length);
        if kept < length {
            let used = geometry.bytes_of(used).min(length.saturating_sub(kept));
            let rest = length.saturating_sub(kept).saturating_sub(used);
            let mut found = format!("{used} bytes in clusters that are in use again");
            if rest > 0 {
                found.push_str(&format!(", {rest} bytes that the chain does not lead to any more"));
            }
            let error = ReadError::corrupt("content of a deleted file").at(self.at);
            mapping.problems.push(error.expected(format!("{length} bytes")).found(found));
        }
        mapping
    }

    /// Returns how many clusters are in use again.
    fn stretch_deleted(
        &self,
        first: Cluster,
        needed: u64,
        bitmap: &AllocationBitmap,
        mapping: &mut Mapping,
    ) -> u64 {
        let geometry = self.geometry;
        let mut whole = Mapping::default();
        self.stretch(first, needed, &mut whole);
        mapping.problems.append(&mut whole.problems);
        // Clusters beyond the end of the volume cannot be read in any case.
        let there = geometry.cluster_at(self.view.len()).0.saturating_sub(first.0);
        let count = u32::try_from(geometry.clusters_of(whole.found)).unwrap_or(u32::MAX).min(there);
        let mut used = 0_u64;
        let mut position = 0_u64;
        for (cluster, length, free) in bitmap.stretches(self.view, first, count) {
            let bytes = geometry.bytes_of(u64::from(length));
            if free {
                push_at(mapping, position, geometry.offset_of(cluster), bytes);
            } else {
                used = used.saturating_add(u64::from(length));
                push_at(mapping, position, OVERWRITTEN.saturating_add(position), bytes);
            }
            position = position.saturating_add(bytes);
        }
        for range in bitmap.places(first, count) {
            depend(mapping, range);
        }
        used
    }

    /// Returns 1 when the chain ends at a cluster that is in use again.
    fn chain_deleted(
        &self,
        first: Cluster,
        (needed, may_guess): (u64, bool),
        bitmap: &AllocationBitmap,
        mapping: &mut Mapping,
    ) -> u64 {
        let mut fat = Fat::new(self.view, self.geometry);
        let mut clusters = Clusters::new();
        let mut cluster = first;
        let (mut used, mut cleared) = (0, false);
        while clusters.count < needed && clusters.fragments.len() < MOST_FRAGMENTS {
            for range in bitmap.places(cluster, 1) {
                depend(mapping, range);
            }
            if !bitmap.is_free(self.view, cluster) {
                used = 1;
                break;
            }
            if !clusters.push(cluster) {
                break;
            }
            match fat.next(cluster) {
                Ok(Next::Cluster(next)) => cluster = next,
                Ok(Next::Free) => {
                    cleared = true;
                    break;
                }
                _ => break,
            }
        }
        if cleared && may_guess && clusters.count < needed {
            self.guess_rest(cluster, needed, bitmap, &mut clusters);
            mapping.guessed = true;
        }
        self.add(&clusters, mapping);
        if used > 0 {
            let start = mapping.found;
            push_at(mapping, start, OVERWRITTEN.saturating_add(start), self.geometry.bytes_of(1));
        }
        used
    }

    /// Adds the free clusters behind `after` as long as some are missing: clusters in use now were in use when the file
    /// was written, most probably.
    fn guess_rest(&self, after: Cluster, needed: u64, bitmap: &AllocationBitmap, clusters: &mut Clusters) {
        let next = after.plus(1);
        let there = self.geometry.cluster_count.saturating_sub(next.0.saturating_sub(FIRST_CLUSTER));
        for (first, length, free) in bitmap.stretches(self.view, next, there) {
            for cluster in (0..length).map(|index| first.plus(index)).take_while(|_| free) {
                if clusters.count >= needed
                    || clusters.fragments.len() >= MOST_FRAGMENTS
                    || !clusters.push(cluster)
                {
                    return;
                }
            }
            if clusters.count >= needed {
                return;
            }
        }
    }
}

fn describe(next: Next, after: Cluster) -> String {
    match next {
        Next::Free => format!("cluster {}, which the FAT has free,", after.0),
        Next::Invalid(FAT_BAD) => format!("a bad cluster behind cluster {}", after.0),
        Next::Invalid(value) => format!("entry {value:#010x} of cluster {}", after.0),
        Next::Cluster(_) | Next::End => "its end".to_owned(),
    }
}

pub(super) fn is_lost(place: Place) -> bool {
    matches!(place, Place::Volume(offset) if offset >= LOST)
}

/// Adds `length` bytes at `place`, after what there is.
fn push(mapping: &mut Mapping, place: u64, length: u64) {
    let start = mapping.found;
    push_at(mapping, start, place, length);
}

fn push_at(mapping: &mut Mapping, start: u64, place: u64, length: u64) {
    if length == 0 {
        return;
    }
    mapping.found = start.saturating_add(length);
    if let Some(Run { start: _, length: last, place: Place::Volume(from) }) = mapping.runs.last_mut()
        && from.saturating_add(*last) == place
    {
        *last = last.saturating_add(length);
        return;
    }
    mapping.runs.push(Run { start, length, place: Place::Volume(place) });
}

fn depend(mapping: &mut Mapping, range: ByteRange) {
    if let Some(last) = mapping.depends.last_mut()
        && last.end() >= range.start()
        && last.start() <= range.start()
    {
        *last = ByteRange::new(last.start(), last.end().max(range.end()));
        return;
    }
    mapping.depends.push(range);
}

/// Cuts runs where nothing was written any more, and adds what is not found of `length` bytes as lost.
fn finish(mapping: &mut Mapping, length: u64, valid: u64) {
    let found = mapping.found;
    if valid < found.min(length) {
        mapping.runs.retain(|run| run.start < valid);
        if let Some(last) = mapping.runs.last_mut() {
            last.length = last.length.min(valid.saturating_sub(last.start));
        }
        let zeros = found.min(length).saturating_sub(valid);
        mapping.runs.push(Run { start: valid, length: zeros, place: Place::Zero });
    }
    if found < length {
        let place = Place::Volume(LOST.saturating_add(found));
        mapping.runs.push(Run { start: found, length: length.saturating_sub(found), place });
    }
}
