//! An opened filesystem: boot sector, label, and the directories once they were walked.

use std::sync::{Arc, OnceLock};

use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError};

use super::boot_sector::BootSector;
use super::directories::{Area, Directories, Directory, file_in, items};
use super::directory::{Item, Items, Named, Slot, Slots};
use super::fat_table::{FatTable, Link};
use super::geometry::{Kind, Root};
use super::layout::{MOST_LONG_ENTRIES, RawShortEntry, SLOT};
use super::name::label;
use super::record::Recorder;
use super::widen;
use crate::{Error, FileId, Record, Result};

/// The id of the root directory, which has no slot. No slot has it: the boot sector lies there.
pub(super) const ROOT: FileId = FileId(2);

/// Bytes of each table that are compared with another.
const MOST_COMPARED: u64 = 16 << 20;
/// Bytes that are compared at a time.
const COMPARED: u64 = 64 << 10;

/// The id of the file whose short entry stands at a place: that place, counted in slots.
pub(super) fn file_id(place: u64) -> FileId {
    FileId(place.checked_div(widen(SLOT)).unwrap_or(0))
}

/// A FAT12, FAT16 or FAT32 filesystem.
pub(crate) struct Fat {
    pub(super) view: Arc<dyn ReadAt>,
    pub(super) boot: BootSector,
    pub(super) label: Option<Vec<u8>>,
    /// Words for what the first entries of the table say.
    pub(super) states: Vec<&'static str>,
    pub(super) problems: Vec<Error>,
    live: OnceLock<Directories>,
    gone: OnceLock<Directories>,
}

impl Fat {
    /// Opens the filesystem of `volume`.
    ///
    /// # Errors
    /// When there is no usable boot sector.
    pub(super) fn open(view: Arc<dyn ReadAt>) -> Result<Self> {
        let mut problems = Vec::new();
        let boot = BootSector::read(&*view, &mut problems)?;
        let mut fs = Self {
            view,
            boot,
            label: None,
            states: Vec::new(),
            problems,
            live: OnceLock::new(),
            gone: OnceLock::new(),
        };
        let mut notes = Vec::new();
        notes.extend(fs.check_size());
        notes.extend(fs.check_first_entries());
        notes.extend(fs.compare_tables());
        fs.problems.extend(notes.into_iter().map(Error::from));
        fs.label = fs.find_label();
        Ok(fs)
    }

    /// A reader of the tables.
    pub(super) fn table(&self) -> FatTable<'_> {
        FatTable::new(&*self.view, &self.boot.geometry)
    }

    /// The parts of a range of the volume that are in use: clusters that the table does not have free, and all that is
    /// no cluster.
    ///
    /// # Errors
    /// When the table cannot be read there.
    pub(super) fn clusters_used(&self, range: ByteRange) -> Result<RangeSet, ReadError> {
        let geometry = &self.boot.geometry;
        let heap = ByteRange::at(geometry.data_start, geometry.bytes_of(geometry.clusters.into()));
        let inside = heap.intersection(range);
        let mut used = RangeSet::default();
        let mut table = self.table();
        let number = |place: u64| {
            let index = place.saturating_sub(heap.start()).checked_div(geometry.cluster_size.into());
            u32::try_from(index.unwrap_or(0)).unwrap_or(u32::MAX).saturating_add(2)
        };
        let numbers = number(inside.start())..=number(inside.end().saturating_sub(1));
        for cluster in
            numbers.filter_map(|number| geometry.cluster(number)).take_while(|_| !inside.is_empty())
        {
            if table.link(geometry.active_fat, cluster)? != Link::Free {
                let place = ByteRange::at(geometry.offset(cluster), geometry.cluster_size.into());
                used.insert(place.intersection(range));
            }
        }
        Ok(used.union(&RangeSet::of(range).without(&RangeSet::of(heap))))
    }

    /// Every directory of the tree.
    pub(super) fn live(&self) -> &Directories {
        self.live.get_or_init(|| Directories::live(self))
    }

    /// Deleted directories of which something is left.
    pub(super) fn gone(&self) -> &Directories {
        self.gone.get_or_init(|| Directories::gone(self, self.live()))
    }

    /// A directory by its id, deleted or not.
    pub(super) fn directory(&self, id: FileId) -> Option<&Directory> {
        self.live().get(id).or_else(|| self.gone().get(id))
    }

    /// The number of a file's first cluster.
    pub(super) fn first_cluster(&self, raw: &RawShortEntry) -> u32 {
        let low = u32::from(raw.dir_fst_clus_lo.get());
        match self.boot.geometry.kind {
            Kind::Fat32 => u32::from(raw.dir_fst_clus_hi.get()) << 16 | low,
            Kind::Fat12 | Kind::Fat16 => low,
        }
    }

    /// The record of a file that is or was in use.
    ///
    /// # Errors
    /// When there is no such file or it cannot be read.
    pub(super) fn record_of(&self, id: FileId) -> Result<Record> {
        let mut recorder = Recorder::new(self);
        if id == ROOT {
            return Ok(recorder.root());
        }
        let (slot, area, _) = self.slot(id)?;
        let (raw, deleted) = file_in(&slot, area.state).ok_or_else(|| missing(id))?;
        Ok(recorder.record(&raw, slot.place, deleted))
    }

    /// The slot of a file, the area in which it lies, and its directory.
    fn slot(&self, id: FileId) -> Result<(Slot, Area, &Directory)> {
        let place = id.0.checked_mul(widen(SLOT)).ok_or_else(|| missing(id))?;
        let live = self.live().area(place).map(|area| (area, self.live()));
        let found = live.or_else(|| self.gone().area(place).map(|area| (area, self.gone())));
        let (area, directories) = found.ok_or_else(|| missing(id))?;
        let directory = directories.list.get(area.directory).ok_or_else(|| missing(id))?;
        let mut bytes = [0; SLOT];
        self.view.read_exact_at(place, &mut bytes)?;
        Ok((Slot { place, bytes }, *area, directory))
    }

    /// A file with its name, and the directory that it is in.
    ///
    /// # Errors
    /// When there is no such file or its slots cannot be read.
    pub(super) fn named(&self, id: FileId) -> Result<(Named, FileId)> {
        let (slot, area, directory) = self.slot(id)?;
        let inside = slot.place.saturating_sub(area.range.start()).checked_div(widen(SLOT)).unwrap_or(0);
        let index = area.first.saturating_add(inside);
        let first = index.saturating_sub(u64::from(MOST_LONG_ENTRIES));
        let count = index.saturating_sub(first).saturating_add(1);
        let slots = Slots::new(&*self.view, directory.part(first, count));
        let items = Items::new(slots, String::new(), false, true);
        let named = items.flatten().find_map(|item| match item {
            Item::Named(named) if named.place == slot.place => Some(named),
            _ => None,
        });
        named.map(|named| (named, directory.id)).ok_or_else(|| missing(id))
    }

    /// The label: that of the root directory, or else the boot sector's.
    fn find_label(&self) -> Option<Vec<u8>> {
        let record = Recorder::new(self).root();
        let crate::Content::Runs(runs) = record.content else { return None };
        let root = Directory { id: ROOT, runs, shared: None };
        let stored = items(self, &root, false).flatten().find_map(|item| match item {
            Item::Label(name) => Some(label(&name)),
            Item::Named(_) => None,
        });
        let of_boot = || self.boot.label.map(|name| label(&name)).filter(|name| name != b"NO NAME");
        stored.or_else(of_boot).filter(|label| !label.is_empty())
    }

    fn check_size(&self) -> Option<ReadError> {
        let size = self.boot.geometry.size;
        (size > self.view.len()).then(|| {
            ReadError::corrupt("volume")
                .expected(format!("the {size} bytes of the filesystem"))
                .found(format!("{} bytes", self.view.len()))
                .advice("the image may be truncated")
        })
    }

    /// The first two entries of the table belong to no cluster: they hold the medium and how the volume was
    /// left.
    fn check_first_entries(&mut self) -> Vec<ReadError> {
        let kind = self.boot.geometry.kind;
        let active = self.boot.geometry.active_fat;
        let start = self.boot.geometry.fat_offset(active);
        let mut table = self.table();
        let entries = table.entry(active, 0).and_then(|first| Ok((first, table.entry(active, 1)?)));
        let damaged = || ReadError::corrupt("file allocation table").at(start);
        let (media, state) = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![damaged().caused_by(error)],
        };
        let mut notes = Vec::new();
        let expected = kind.mask() & !0xFF | u32::from(self.boot.media);
        // The uppermost bits of FAT32 vary.
        if media & 0xFFF != expected & 0xFFF {
            notes.push(damaged().expected(format!("the medium {expected:#x}")).found(format!("{media:#x}")));
        }
        let (clean, sound) = match kind {
            Kind::Fat12 => (true, true),
            Kind::Fat16 => (state & 0x8000 != 0, state & 0x4000 != 0),
            Kind::Fat32 => (state & 0x0800_0000 != 0, state & 0x0400_0000 != 0),
        };
        if !clean || self.boot.is_dirty {
            self.states.push("dirty");
            notes.push(damaged().expected("the mark of a clean unmount").found(
                match (clean, self.boot.is_dirty) {
                    (false, true) => "none, in the table and the boot sector",
                    (false, false) => "none in the table",
                    _ => "none in the boot sector",
                },
            ));
        }
        if !sound || self.boot.needs_test {
            self.states.push("hard_errors");
            notes.push(damaged().expected("no errors of the medium").found("the mark of some"));
        }
        notes
    }

    /// Tables that are kept alike have to be.
    fn compare_tables(&self) -> Vec<ReadError> {
        let geometry = &self.boot.geometry;
        let used = geometry.kind.entry_offset(geometry.end()).saturating_add(1);
        let length = used.min(geometry.fat_size).min(MOST_COMPARED);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut notes = Vec::new();
        for copy in geometry.copies().skip(1) {
            let mut differing = 0_u64;
            let mut first = None;
            let mut start = 0_u64;
            while start < length {
                let count = COMPARED.min(length.saturating_sub(start));
                left.resize(usize::try_from(count).unwrap_or(0), 0);
                right.resize(left.len(), 0);
                let sides = [(geometry.active_fat, &mut left), (copy, &mut right)];
                for (copy, bytes) in sides {
                    let place = geometry.fat_offset(copy).saturating_add(start);
                    if let Err(error) = self.view.read_exact_at(place, bytes) {
                        notes.push(ReadError::corrupt("file allocation table").at(place).caused_by(error));
                        return notes;
                    }
                }
                if left != right {
                    let bytes = (start..).zip(left.iter().zip(&right)).filter(|(_, (a, b))| a != b);
                    for (position, _) in bytes.filter(|(position, _)| *position >= self.first_entries()) {
                        first = first.or(Some(position));
                        differing = differing.saturating_add(1);
                    }
                }
                start = start.saturating_add(count);
            }
            if let Some(first) = first {
                let place = geometry.fat_offset(copy).saturating_add(first);
                notes.push(
                    ReadError::corrupt(format!(
                        "file allocation table {}",
                        u32::from(copy).saturating_add(1)
                    ))
                    .at(place)
                    .expected("the bytes of the first table")
                    .found(format!("{differing} others")),
                );
            }
        }
        notes
    }

    /// Bytes of the two entries that belong to no cluster.
    fn first_entries(&self) -> u64 {
        self.boot.geometry.kind.entry_offset(2)
    }

    /// Whether the root directory is an area of its own.
    pub(super) fn root_words(&self) -> [u64; 3] {
        match self.boot.geometry.root {
            Root::Area(area) => [0, area.start(), area.len()],
            Root::Chain(first) => [1, first.into(), 0],
        }
    }
}

/// There is no such file.
fn missing(id: FileId) -> Error {
    Error::NotFound(format!("file {}", id.0))
}
