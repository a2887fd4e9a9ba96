//! An opened volume: its geometry, and what the root directory says of it as a whole.

use std::sync::{Arc, OnceLock};

use vminspect_bytes::{ReadAt, ReadError, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::bitmap::AllocationBitmap;
use super::boot::{self, Geometry};
use super::directory::{Item, Items, Slots, stretches};
use super::entry_set::Slot;
use super::fat::{Allocated, Mapper, Mapping};
use super::layout::{
    ALLOCATION_BITMAP, MOST_DIRECTORY_SIZE, RawAllocationBitmap, RawUpcaseTable, RawVolumeGuid,
    RawVolumeLabel, UPCASE_TABLE, VOLUME_FLAG_MEDIA_FAILURE, VOLUME_GUID, VOLUME_LABEL,
};
use super::tree::Tree;
use super::upcase::UpcaseTable;
use crate::{Error, Place, Result, Run, stored};

/// An exFAT filesystem.
pub(super) struct Exfat {
    pub(super) view: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) bitmap: AllocationBitmap,
    pub(super) upcase: UpcaseTable,
    /// Whether [`Exfat::upcase`] only stands in for a table that cannot be used.
    pub(super) upcase_stands_in: bool,
    pub(super) label: Option<Vec<u8>>,
    pub(super) guid: Option<[u8; 16]>,
    pub(super) problems: Vec<Error>,
    pub(super) tree: OnceLock<Tree>,
    /// With directories that no entry names.
    whole_tree: OnceLock<Tree>,
}

impl Exfat {
    /// Opens the filesystem of `volume`.
    ///
    /// # Errors
    /// When neither boot region can be used.
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self> {
        let mut problems = Vec::new();
        let geometry = boot::read(&*volume, &mut problems)?;
        let mut fs = Self {
            view: volume,
            geometry,
            bitmap: AllocationBitmap::default(),
            upcase: UpcaseTable::empty(),
            upcase_stands_in: true,
            label: None,
            guid: None,
            problems,
            tree: OnceLock::new(),
            whole_tree: OnceLock::new(),
        };
        fs.read_root();
        fs.add_notes();
        Ok(fs)
    }

    /// The clusters of the root directory.
    pub(super) fn root_mapping(&self) -> Mapping {
        let root = Allocated {
            first: self.geometry.root,
            length: None,
            valid: u64::MAX,
            contiguous: false,
            guess: false,
        };
        self.mapper("root directory", self.geometry.root_field().start()).map(root, MOST_DIRECTORY_SIZE)
    }

    pub(super) fn mapper(&self, structure: &'static str, at: u64) -> Mapper<'_> {
        Mapper { view: &*self.view, geometry: &self.geometry, structure, at }
    }

    /// Whether the up-case table is the volume's own.
    pub(super) fn own_upcase(&self) -> Option<&UpcaseTable> {
        (!self.upcase_stands_in).then_some(&self.upcase)
    }

    /// Reads the entries of the root directory that describe the volume.
    fn read_root(&mut self) {
        let mapping = self.root_mapping();
        let view = Arc::clone(&self.view);
        let stretches = stretches(&mapping.runs, mapping.found);
        let mut bitmaps: [Option<Slot>; 2] = [None, None];
        let mut table = None;
        for item in Items::new(Slots::new(&*view, stretches), false) {
            let Item::Primary(slot) = item else { continue };
            let before = match slot.entry_type() {
                ALLOCATION_BITMAP => {
                    let [_, flags, ..] = slot.bytes;
                    let [first, second] = &mut bitmaps;
                    keep(if flags & 1 == 0 { first } else { second }, slot)
                }
                UPCASE_TABLE => keep(&mut table, slot),
                VOLUME_LABEL => self.read_label(&slot),
                VOLUME_GUID => self.read_guid(&slot),
                _ => continue,
            };
            if before {
                let error = ReadError::corrupt("root directory").at(slot.place);
                let found = format!("another of type {:#04x}", slot.entry_type());
                self.problems.push(error.expected("one entry of a kind").found(found).into());
            }
        }
        self.read_bitmap(bitmaps);
        self.read_upcase(table);
    }

    fn read_label(&mut self, slot: &Slot) -> bool {
        let Ok(raw) = RawVolumeLabel::ref_from_bytes(&slot.bytes) else { return false };
        let mut label = Vec::new();
        let units = utf16le_units(&raw.volume_label_and_reserved);
        push_wtf8(units.take(usize::from(raw.character_count)), &mut label);
        if self.label.is_some() {
            return true;
        }
        self.label = (!label.is_empty()).then_some(label);
        false
    }

    fn read_guid(&mut self, slot: &Slot) -> bool {
        let Ok(raw) = RawVolumeGuid::ref_from_bytes(&slot.bytes) else { return false };
        if self.guid.is_some() {
            return true;
        }
        self.guid = Some(raw.volume_guid);
        false
    }

    fn read_bitmap(&mut self, [first, second]: [Option<Slot>; 2]) {
        let active = self.geometry.active_fat();
        let (own, other) = if active == 1 { (second, first) } else { (first, second) };
        let clusters = self.geometry.cluster_count;
        let at = self.geometry.root_field().start();
        let damaged = ReadError::corrupt("allocation bitmap");
        if own.is_none() {
            let error = damaged.clone().at(at).expected(format!("an entry of bitmap {active}")).found("none");
            self.problems.push(error.advice("what is left of deleted files depends on it").into());
        }
        let Some(slot) = own.or(other) else { return };
        let Ok(raw) = RawAllocationBitmap::ref_from_bytes(&slot.bytes) else { return };
        let (length, needed) = (raw.data_length.get(), u64::from(clusters.div_ceil(8)));
        if length < needed {
            let error = damaged.at(slot.place).expected(format!("{needed} bytes")).found(length.to_string());
            self.problems.push(error.into());
        }
        let mapping =
            self.map_whole(raw.first_cluster.get(), length.min(needed), "allocation bitmap", slot.place);
        let known = known_length(&mapping, self.view.len()).min(length).min(needed);
        self.problems.extend(mapping.problems.into_iter().map(Error::from));
        self.bitmap = AllocationBitmap::new(mapping.runs, known);
    }

    fn read_upcase(&mut self, slot: Option<Slot>) {
        match self.own_table(slot) {
            Ok(table) => {
                self.upcase = table;
                self.upcase_stands_in = false;
            }
            Err(error) => {
                self.upcase = UpcaseTable::unicode();
                self.problems.push(error.advice("names are compared by the upper case of Unicode").into());
            }
        }
    }

    fn own_table(&self, slot: Option<Slot>) -> Result<UpcaseTable, ReadError> {
        let at = self.geometry.root_field().start();
        let damaged = || ReadError::corrupt("up-case table");
        let slot =
            slot.ok_or_else(|| damaged().at(at).expected("an entry in the root directory").found("none"))?;
        let raw = RawUpcaseTable::ref_from_bytes(&slot.bytes)
            .map_err(|_| damaged().at(slot.place).found("a short entry"))?;
        let length = raw.data_length.get().min(self.geometry.heap_size());
        let mapping = self.map_whole(raw.first_cluster.get(), length, "up-case table", slot.place);
        if let Some(error) = mapping.problems.into_iter().next() {
            return Err(error);
        }
        let content = self.mapped(&mapping.runs, length)?;
        UpcaseTable::read(&*content, raw.table_checksum.get(), slot.place)
    }

    /// The clusters of the bitmap or the table: a chain, always.
    fn map_whole(&self, first: u32, length: u64, structure: &'static str, at: u64) -> Mapping {
        let first = boot::Cluster(first);
        let allocated =
            Allocated { first, length: Some(length), valid: length, contiguous: false, guess: false };
        self.mapper(structure, at).map(allocated, length)
    }

    /// Adds what is noteworthy of the filesystem as a whole.
    fn add_notes(&mut self) {
        let geometry = &self.geometry;
        let mut notes = Vec::new();
        if geometry.size > self.view.len() {
            notes.push(
                ReadError::corrupt("volume")
                    .expected(format!("the {} bytes of the filesystem", geometry.size))
                    .found(format!("{} bytes", self.view.len()))
                    .advice("the image may be truncated"),
            );
        }
        if geometry.volume_flags & VOLUME_FLAG_MEDIA_FAILURE != 0 {
            notes.push(
                ReadError::corrupt("volume flags")
                    .at(geometry.offset)
                    .found("MediaFailure: the system that wrote it met clusters that could not be read"),
            );
        }
        self.problems.extend(notes.into_iter().map(Error::from));
    }

    /// The bytes that runs map. Those that are lost, or not on the volume, fail when they are read.
    pub(super) fn mapped(&self, runs: &[Run], size: u64) -> Result<Arc<dyn ReadAt>, ReadError> {
        stored::mapped(&self.view, self.view.len(), stored::segments(runs, size), size)
    }

    /// The tree of directories, walked when it is first asked for.
    pub(super) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::walk(self, false))
    }

    /// The same with directories that no entry names any more: free clusters are looked at for it.
    pub(super) fn whole_tree(&self) -> &Tree {
        self.whole_tree.get_or_init(|| Tree::walk(self, true))
    }
}

/// Bytes from the start of a mapping that are known and on the volume.
fn known_length(mapping: &Mapping, end: u64) -> u64 {
    let mut known = 0_u64;
    for run in &mapping.runs {
        let Place::Volume(place) = run.place else { break };
        let there = run.length.min(end.saturating_sub(place));
        known = known.saturating_add(there);
        if there < run.length {
            break;
        }
    }
    known
}

/// Keeps the first of its kind; says whether there was one.
fn keep(kept: &mut Option<Slot>, slot: Slot) -> bool {
    let before = kept.is_some();
    kept.get_or_insert(slot);
    before
}
