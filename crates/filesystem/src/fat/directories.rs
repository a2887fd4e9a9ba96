//! All directories of the volume, found by walking them once: where slots lie, and whose they are.

use std::collections::{HashMap, HashSet, VecDeque};

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::chain::{Length, follow};
use super::content::runs;
use super::directory::{Item, Items, Slot, SlotKind, Slots};
use super::fat_table::{FatTable, Link};
use super::geometry::{Cluster, ClusterRun, Geometry, Root};
use super::layout::{MOST_DIRECTORY, RawShortEntry, SLOT};
use super::volume::{Fat, ROOT, file_id};
use super::widen;
use crate::{FileId, FileKind, Place, Run};

/// What the slots of an area are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Those of a directory.
    Live,
    /// What lies behind the end of a directory.
    Slack,
    /// Those of a deleted directory.
    Gone,
}

/// Slots that follow one another on the volume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    pub(super) range: ByteRange,
    pub(super) state: State,
    /// The directory, by its position in [`Directories::list`].
    pub(super) directory: usize,
    /// Which of its slots the first one is.
    pub(super) first: u64,
}

/// A directory.
pub(super) struct Directory {
    pub(super) id: FileId,
    pub(super) runs: SmallVec<[Run; 2]>,
    /// The cluster from which on its chain is that of another directory, too.
    pub(super) shared: Option<Cluster>,
}

impl Directory {
    /// Bytes that are its own.
    pub(super) fn size(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.start.saturating_add(run.length))
    }

    /// Its runs from a slot on, for `count` slots.
    pub(super) fn part(&self, first: u64, count: u64) -> SmallVec<[Run; 2]> {
        let slots = |count: u64| count.saturating_mul(widen(SLOT));
        let wanted = ByteRange::at(slots(first), slots(count));
        let cut = |run: &Run| {
            let Place::Volume(place) = run.place else { return None };
            let part = ByteRange::at(run.start, run.length).intersection(wanted);
            let place = place.saturating_add(part.start().saturating_sub(run.start));
            let run = Run { start: part.start(), length: part.len(), place: Place::Volume(place) };
            (!part.is_empty()).then_some(run)
        };
        self.runs.iter().filter_map(cut).collect()
    }
}

/// Directories, and where their slots lie.
#[derive(Default)]
pub(super) struct Directories {
    pub(super) list: Vec<Directory>,
    by_id: HashMap<FileId, usize>,
    /// In storage order; no two overlap.
    pub(super) areas: Vec<Area>,
    /// Clusters that are some directory's.
    claimed: HashSet<Cluster>,
    /// Deleted directories that were met: their ids and first clusters.
    deleted: Vec<Pending>,
}

/// A directory to look into.
#[derive(Clone, Copy)]
struct Pending {
    id: FileId,
    first: u32,
}

impl Directories {
    pub(super) fn get(&self, id: FileId) -> Option<&Directory> {
        self.list.get(*self.by_id.get(&id)?)
    }

    /// The area in which a slot lies.
    pub(super) fn area(&self, place: u64) -> Option<&Area> {
        let next = self.areas.partition_point(|area| area.range.end() <= place);
        self.areas.get(next).filter(|area| area.range.contains(place))
    }

    fn push(&mut self, directory: Directory) {
        self.by_id.insert(directory.id, self.list.len());
        self.list.push(directory);
    }

    /// Adds the areas of the directory that was added last, whose end stands at `end`.
    fn push_areas(&mut self, view: &dyn ReadAt, end: Option<u64>, before: State) {
        let Some(directory) = self.list.last() else { return };
        let index = self.list.len().saturating_sub(1);
        let mut state = before;
        for run in &directory.runs {
            let Place::Volume(place) = run.place else { continue };
            let whole = ByteRange::at(place, run.length).intersection(ByteRange::at(0, view.len()));
            let end = end.filter(|end| before == State::Live && whole.contains(*end));
            let cut = end.unwrap_or(whole.end());
            for (range, state) in [
                (ByteRange::new(whole.start(), cut), state),
                (ByteRange::new(cut, whole.end()), State::Slack),
            ] {
                let inside = run.start.saturating_add(range.start().saturating_sub(place));
                let first = inside.checked_div(widen(SLOT)).unwrap_or(0);
                if !range.is_empty() {
                    self.areas.push(Area { range, state, directory: index, first });
                }
            }
            if end.is_some() {
                state = State::Slack;
            }
        }
    }

    /// Every directory that can be reached from the root.
    pub(super) fn live(fs: &Fat) -> Self {
        let mut found = Self::default();
        let mut table = fs.table();
        let first = if let Root::Chain(first) = fs.boot.geometry.root { first } else { 0 };
        let mut queue = VecDeque::from([Pending { id: ROOT, first }]);
        while let Some(pending) = queue.pop_front() {
            let directory = found.directory(&mut table, pending);
            let mut items = items(fs, &directory, true);
            for item in items.by_ref().flatten() {
                let Item::Named(named) = item else { continue };
                if named.raw.file_kind() != FileKind::Directory {
                    continue;
                }
                let first = fs.first_cluster(&named.raw);
                let child = Pending { id: file_id(named.place), first };
                if named.deleted || named.behind { found.deleted.push(child) } else { queue.push_back(child) }
            }
            let end = items.end;
            found.push(directory);
            found.push_areas(&*fs.view, end, State::Live);
        }
        found.sort();
        found
    }

    /// Slots lie in the order of their places. An area is that of whoever came first; damaged measures can
    /// put the root directory of FAT16 on top of clusters.
    fn sort(&mut self) {
        self.areas.sort_by_key(|area| (area.range.start(), area.range.end()));
        let mut end = 0;
        self.areas.retain(|area| {
            let sound = area.range.start() >= end;
            if sound {
                end = area.range.end();
            }
            sound
        });
    }

    fn directory(&mut self, table: &mut FatTable<'_>, pending: Pending) -> Directory {
        let Pending { id, first } = pending;
        let geometry = table.geometry;
        if let (ROOT, Root::Area(area)) = (id, geometry.root) {
            let run = Run { start: 0, length: area.len(), place: Place::Volume(area.start()) };
            return Directory { id, runs: SmallVec::from_iter([run]), shared: None };
        }
        if let Some(cluster) = geometry.cluster(first)
            && self.claimed.contains(&cluster)
        {
            return Directory { id, runs: SmallVec::new(), shared: Some(cluster) };
        }
        let chain = follow(table, first, Length::Open, id);
        let (own, shared) = self.claim(geometry, &chain.runs);
        Directory { id, runs: runs(geometry, &own, 0), shared }
    }

    /// Claims the clusters of a chain up to one that is another directory's.
    fn claim(
        &mut self,
        geometry: &Geometry,
        chain: &[ClusterRun],
    ) -> (SmallVec<[ClusterRun; 2]>, Option<Cluster>) {
        let mut own = SmallVec::new();
        for run in chain {
            let mut count = 0_u32;
            for cluster in (run.first.get()..run.end()).filter_map(|number| geometry.cluster(number)) {
                if !self.claimed.insert(cluster) {
                    own.extend((count > 0).then_some(ClusterRun { count, ..*run }));
                    return (own, Some(cluster));
                }
                count = count.saturating_add(1);
            }
            own.push(*run);
        }
        (own, None)
    }

    /// Deleted directories whose clusters still hold them.
    pub(super) fn gone(fs: &Fat, live: &Self) -> Self {
        let mut found = Self { claimed: live.claimed.clone(), ..Self::default() };
        let mut table = fs.table();
        let mut queue: VecDeque<Pending> = live.deleted.iter().copied().collect();
        while let Some(pending) = queue.pop_front() {
            if found.by_id.contains_key(&pending.id) {
                continue;
            }
            let clusters = found.recover(fs, &mut table, pending);
            if clusters.is_empty() {
                continue;
            }
            let id = pending.id;
            let directory = Directory { id, runs: runs(&fs.boot.geometry, &clusters, 0), shared: None };
            for item in items(fs, &directory, true).flatten() {
                let Item::Named(named) = item else { continue };
                if named.raw.file_kind() == FileKind::Directory {
                    let first = fs.first_cluster(&named.raw);
                    queue.push_back(Pending { id: file_id(named.place), first });
                }
            }
            found.push(directory);
            found.push_areas(&*fs.view, None, State::Gone);
        }
        found.sort();
        found
    }

    /// The clusters of a deleted directory whose first one still begins with its own number.
    fn recover(&mut self, fs: &Fat, table: &mut FatTable<'_>, pending: Pending) -> SmallVec<[ClusterRun; 2]> {
        let geometry = &fs.boot.geometry;
        let Some(first) = geometry.cluster(pending.first) else { return SmallVec::new() };
        let begins = |slot: &Slot| match slot.kind() {
            SlotKind::Dot(raw) => !raw.dir_name.starts_with(b"..") && fs.first_cluster(&raw) == first.get(),
            _ => false,
        };
        let slots = read_cluster(fs, first).unwrap_or_default();
        if self.claimed.contains(&first) || !slots.first().is_some_and(begins) {
            return SmallVec::new();
        }
        if is_free(table, first) {
            return SmallVec::from_iter([self.gather(fs, table, first)]);
        }
        // The deletion stopped halfway: the chain was not freed, and no other file is what begins like this.
        let chain = follow(table, pending.first, Length::Open, pending.id);
        self.claim(geometry, &chain.runs).0
    }

    /// A free cluster, and those behind it that go on where the last one had no end.
    fn gather(&mut self, fs: &Fat, table: &mut FatTable<'_>, first: Cluster) -> ClusterRun {
        let geometry = &fs.boot.geometry;
        let most = geometry.clusters_of(MOST_DIRECTORY);
        let mut run = ClusterRun { first, count: 0 };
        let mut cluster = Some(first);
        while let Some(next) = cluster.filter(|_| u64::from(run.count) < most) {
            let Ok(slots) = read_cluster(fs, next) else { break };
            let fits = run.count == 0
                || (is_free(table, next)
                    && !self.claimed.contains(&next)
                    && slots.first().is_some_and(goes_on));
            if !fits {
                break;
            }
            self.claimed.insert(next);
            run.count = run.count.saturating_add(1);
            let ended = slots.iter().any(|slot| matches!(slot.kind(), SlotKind::End));
            cluster = if ended { None } else { geometry.cluster(next.get().saturating_add(1)) };
        }
        run
    }
}

fn is_free(table: &mut FatTable<'_>, cluster: Cluster) -> bool {
    matches!(table.link(table.geometry.active_fat, cluster), Ok(Link::Free))
}

/// Whether a slot looks like one in the middle of a directory.
fn goes_on(slot: &Slot) -> bool {
    match slot.kind() {
        SlotKind::File(raw) => raw.is_plausible() && (raw.is_deleted() || raw.is_surely_entry()),
        SlotKind::Long(raw) => raw.ldir_type == 0 && raw.ldir_fst_clus_lo.get() == 0,
        SlotKind::End | SlotKind::Label(_) | SlotKind::Dot(_) => false,
    }
}

fn read_cluster(fs: &Fat, cluster: Cluster) -> Result<Vec<Slot>, ReadError> {
    let geometry = &fs.boot.geometry;
    let place = Place::Volume(geometry.offset(cluster));
    let run = Run { start: 0, length: geometry.cluster_size.into(), place };
    Slots::new(&*fs.view, SmallVec::from_iter([run])).collect()
}

/// What a directory holds; with `whole`, also behind its end.
pub(super) fn items<'a>(fs: &'a Fat, directory: &Directory, whole: bool) -> Items<'a> {
    let slots = Slots::new(&*fs.view, directory.runs.clone());
    Items::new(slots, owner(directory.id), directory.id == ROOT, whole)
}

/// How messages call a directory.
pub(super) fn owner(id: FileId) -> String {
    if id == ROOT { "root directory".to_owned() } else { format!("directory of file {}", id.0) }
}

/// The file of a slot in an area of this state, if it is one; whether it is deleted.
pub(super) fn file_in(slot: &Slot, state: State) -> Option<(RawShortEntry, bool)> {
    let SlotKind::File(raw) = slot.kind() else { return None };
    let deleted = state != State::Live || raw.is_deleted();
    let sound = match state {
        State::Live | State::Gone => !deleted || raw.is_plausible(),
        State::Slack => raw.is_surely_entry(),
    };
    sound.then_some((raw, deleted))
}
