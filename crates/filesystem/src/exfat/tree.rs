//! The tree of directories: where the entries of each lie. A file's entry does not say which directory it is in,
//! nor where its set goes on at the end of a cluster, so that all directories have to be known.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, Origin, RangeSet, ReadAt, ReadError};

use super::boot::Cluster;
use super::directory::{Item, Items, Slots, stretches};
use super::entry_set::EntrySet;
use super::layout::{
    ENTRY_SIZE, FILE, FILE_NAME, FIRST_CLUSTER, MOST_DIRECTORY_SIZE, MOST_SECONDARY, STREAM_EXTENSION,
    TYPE_IN_USE,
};
use super::volume::Exfat;
use crate::{Error, FileId};

/// Free clusters that are looked at for lost directories: each is a read.
const MOST_LOOKED_AT: u64 = 1 << 22;
/// Ids of directories that no entry names: this, and their first cluster. No entry lies so far behind.
const LOST_DIRECTORY: u64 = 1 << 58;

/// A directory.
pub(super) struct Directory {
    pub(super) id: FileId,
    /// Where its own entries lie, which say where its content does.
    pub(super) named_at: SmallVec<[ByteRange; 2]>,
    /// Its content, in order.
    pub(super) stretches: Arc<[ByteRange]>,
    /// Stretch and byte of the first entry that was never used.
    end: (usize, u64),
    /// Whether it is in use.
    pub(super) live: bool,
}

impl Directory {
    /// The part of a stretch that holds entries; `whole` with those behind the end.
    pub(super) fn area(&self, stretch: usize, whole: bool) -> ByteRange {
        let range = self.stretches.get(stretch).copied().unwrap_or_else(|| ByteRange::at(0, 0));
        let (end, byte) = self.end;
        match stretch.cmp(&end) {
            std::cmp::Ordering::Less => range,
            _ if whole || !self.live => range,
            std::cmp::Ordering::Equal => ByteRange::new(range.start(), byte.max(range.start())),
            std::cmp::Ordering::Greater => ByteRange::at(range.start(), 0),
        }
    }

    /// Its entries from a byte of a stretch on, of which about `reach` bytes will be wanted.
    pub(super) fn items<'a>(
        &self,
        view: &'a dyn ReadAt,
        (stretch, position): (usize, u64),
        reach: u64,
        whole: bool,
    ) -> Items<'a> {
        let mut slots = Slots::new(view, Arc::clone(&self.stretches));
        slots.seek(stretch, position, reach);
        let items = Items::new(slots, whole || !self.live);
        let past_end = self.live && (stretch, position) >= self.end;
        if past_end { items.ended() } else { items }
    }
}

/// A stretch of a directory's content.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) range: ByteRange,
    pub(super) directory: usize,
    /// Its index in the directory.
    pub(super) index: usize,
}

/// Every directory.
pub(super) struct Tree {
    directories: Vec<Directory>,
    /// In storage order. They do not overlap.
    pub(super) stretches: Vec<Stretch>,
    pub(super) problems: Vec<Error>,
}

/// A directory that was named and not yet walked.
struct Named {
    id: FileId,
    named_at: SmallVec<[ByteRange; 2]>,
    stretches: Arc<[ByteRange]>,
    live: bool,
}

impl Tree {
    /// Walks all directories from the root, then those that were deleted; `with_lost`, also what is left of directories
    /// in free clusters that no entry names any more.
    pub(super) fn walk(fs: &Exfat, with_lost: bool) -> Self {
        let root = fs.root_mapping();
        let named = Named {
            id: super::record::ROOT,
            named_at: SmallVec::from_slice(&[fs.geometry.root_field()]),
            stretches: stretches(&root.runs, root.found),
            live: true,
        };
        let mut walk = Walk {
            fs,
            tree: Self { directories: Vec::new(), stretches: Vec::new(), problems: Vec::new() },
            claimed: BTreeMap::new(),
            todo: VecDeque::from([named]),
            deleted: VecDeque::new(),
        };
        walk.all();
        if with_lost {
            walk.lost();
        }
        let mut tree = walk.tree;
        tree.stretches.sort_by_key(|stretch| stretch.range.start());
        tree
    }

    pub(super) fn directory(&self, index: usize) -> Option<&Directory> {
        self.directories.get(index)
    }

    /// The stretch that a byte of the volume lies in.
    pub(super) fn locate(&self, place: u64) -> Option<Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.range.start() <= place);
        let stretch = self.stretches.get(after.checked_sub(1)?)?;
        stretch.range.contains(place).then_some(*stretch)
    }

    /// The stretches that meet a range.
    pub(super) fn within(&self, range: ByteRange) -> impl Iterator<Item = Stretch> + '_ {
        let first = self.stretches.partition_point(|stretch| stretch.range.end() <= range.start());
        let rest = self.stretches.get(first..).unwrap_or_default();
        rest.iter().take_while(move |stretch| stretch.range.start() < range.end()).copied()
    }

    /// Where entries lie that are in use, and what names the root directory.
    pub(super) fn areas(&self, root_field: ByteRange) -> RangeSet {
        let used = self.stretches.iter().filter_map(|stretch| {
            let directory = self.directory(stretch.directory)?;
            let area = directory.area(stretch.index, false);
            (directory.live && !area.is_empty()).then_some(area)
        });
        std::iter::once(root_field).chain(used).collect()
    }
}

struct Walk<'a> {
    fs: &'a Exfat,
    tree: Tree,
    /// Stretches of directories, start and end.
    claimed: BTreeMap<u64, u64>,
    todo: VecDeque<Named>,
    deleted: VecDeque<Named>,
}

impl Walk<'_> {
    fn all(&mut self) {
        while let Some(named) = self.todo.pop_front().or_else(|| self.deleted.pop_front()) {
            self.directory(named);
        }
    }

    /// Looks for entries in free clusters: a directory that shrank, or whose own entry was used again, leaves them.
    fn lost(&mut self) {
        let (fs, geometry) = (self.fs, &self.fs.geometry);
        let first = Cluster(FIRST_CLUSTER);
        let mut left = MOST_LOOKED_AT;
        for (cluster, length, free) in fs.bitmap.stretches(&*fs.view, first, geometry.cluster_count) {
            let bytes = ByteRange::at(geometry.offset_of(cluster), geometry.bytes_of(u64::from(length)));
            let bytes = bytes.intersection(ByteRange::at(0, fs.view.len()));
            if free && !bytes.is_empty() {
                self.lost_in(bytes, &mut left);
            }
        }
        if left == 0 {
            let error =
                ReadError::unsupported("lost directories").found("more free clusters than are looked at");
            self.tree.problems.push(error.into());
        }
    }

    /// The same for a stretch of free clusters.
    fn lost_in(&mut self, free: ByteRange, left: &mut u64) {
        let size = self.fs.geometry.cluster_size();
        let mut found: Option<ByteRange> = None;
        let mut start = free.start();
        while start < free.end() && *left > 0 {
            let cluster = ByteRange::at(start, size).intersection(free);
            if found.is_none()
                && let Some(next) = self.behind_zeros(ByteRange::new(start, free.end()), size)
            {
                start = next;
                continue;
            }
            *left = left.saturating_sub(1);
            start = cluster.end();
            if self.free_part(cluster) == cluster && self.begins_with_entries(cluster) {
                found = Some(found.map_or(cluster, |found| ByteRange::new(found.start(), cluster.end())));
            } else if let Some(found) = found.take() {
                self.take_lost(found);
            }
        }
        found.into_iter().for_each(|found| self.take_lost(found));
    }

    fn take_lost(&mut self, range: ByteRange) {
        let number = self.fs.geometry.cluster_at(range.start());
        let id = FileId(LOST_DIRECTORY | u64::from(number.0));
        let range = self.behind_remainder(range);
        self.directory(Named { id, named_at: SmallVec::new(), stretches: Arc::new([range]), live: false });
        self.all();
    }

    /// The cluster behind zeros that need not be read, where there are some.
    fn behind_zeros(&self, rest: ByteRange, size: u64) -> Option<u64> {
        let extent = self.fs.view.extent_at(rest).ok().filter(|extent| extent.origin == Origin::Zero)?;
        let whole = extent.range.len().checked_div(size)?.saturating_mul(size);
        (whole > 0).then(|| rest.start().saturating_add(whole))
    }

    /// Whether a cluster begins with entries; those of a set that began elsewhere may come first.
    fn begins_with_entries(&self, cluster: ByteRange) -> bool {
        let mut bytes = [0; ENTRY_SIZE];
        let read = self.fs.view.read_exact_at(cluster.start(), &mut bytes);
        let [entry_type, ..] = bytes;
        read.is_ok() && matches!(entry_type | TYPE_IN_USE, FILE | STREAM_EXTENSION | FILE_NAME)
    }

    /// A stretch from its first set of entries on.
    fn behind_remainder(&self, range: ByteRange) -> ByteRange {
        let mut slots = Slots::new(&*self.fs.view, Arc::new([range]));
        for _ in 0..MOST_SECONDARY {
            match slots.next_slot() {
                Some(Ok(slot)) if slot.used_type() == FILE => return ByteRange::new(slot.place, range.end()),
                Some(Ok(_)) => {}
                _ => break,
            }
        }
        range
    }

    fn directory(&mut self, named: Named) {
        let Named { id, named_at, stretches, live } = named;
        let at = named_at.first().map_or(0, |range| range.start());
        let stretches = self.claim(&stretches, live, at);
        if stretches.is_empty() || !(live || self.is_plausible(&stretches)) {
            return;
        }
        let number = self.tree.directories.len();
        for (index, range) in stretches.iter().enumerate() {
            self.claimed.insert(range.start(), range.end());
            self.tree.stretches.push(Stretch { range: *range, directory: number, index });
        }
        let mut end = (stretches.len(), 0);
        let view = &*self.fs.view;
        for item in Items::new(Slots::new(view, Arc::clone(&stretches)), !live) {
            match item {
                Item::Set(set) if set.is_directory() => self.name(&set, live && set.live),
                Item::End(stretch, byte) => end = (stretch, byte),
                _ => {}
            }
        }
        self.tree.directories.push(Directory { id, named_at, stretches, end, live });
    }

    /// Puts a directory on the list.
    fn name(&mut self, set: &EntrySet, live: bool) {
        let Some(stream) = set.stream() else { return };
        if !live && !set.checksum_fits() {
            return;
        }
        let mapping = self.fs.mapping(set, &stream, live);
        let size = stream.data_length.min(MOST_DIRECTORY_SIZE);
        let stretches = stretches(&mapping.runs, size);
        let named = Named { id: set.id(), named_at: set.pieces(), stretches, live };
        if live { self.todo.push_back(named) } else { self.deleted.push_back(named) }
    }

    /// The stretches that no other directory has.
    fn claim(&mut self, stretches: &Arc<[ByteRange]>, live: bool, at: u64) -> Arc<[ByteRange]> {
        let mut own = Vec::new();
        for stretch in stretches.iter().copied() {
            let free = self.free_part(stretch);
            if !free.is_empty() {
                own.push(free);
            }
            if free != stretch {
                if live {
                    let error = ReadError::corrupt("directory").at(at);
                    let found = format!("those of another directory at byte {}", free.end());
                    self.tree.problems.push(error.expected("clusters of its own").found(found).into());
                }
                break;
            }
        }
        own.into()
    }

    /// The part of a stretch before anything that is claimed.
    fn free_part(&self, stretch: ByteRange) -> ByteRange {
        let before = self.claimed.range(..=stretch.start()).next_back();
        if before.is_some_and(|(_, end)| *end > stretch.start()) {
            return ByteRange::at(stretch.start(), 0);
        }
        let next = self.claimed.range(stretch.start()..).next().map_or(u64::MAX, |(start, _)| *start);
        ByteRange::new(stretch.start(), stretch.end().min(next))
    }

    /// Whether clusters that a deleted directory had still hold entries.
    fn is_plausible(&self, stretches: &Arc<[ByteRange]>) -> bool {
        let first = Slots::new(&*self.fs.view, Arc::clone(stretches)).next_slot();
        matches!(first, Some(Ok(slot)) if slot.used_type() == FILE)
    }
}
