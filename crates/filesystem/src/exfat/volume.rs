//! An opened volume: its geometry, and what the root directory says of it as a whole.

use std::sync::{Arc, OnceLock};

use vminspect_bytes::{
    ByteRange, Extent, Mapped, Origin, ReadAt, ReadError, Segment, Source, push_wtf8, utf16le_units,
};
use zerocopy::FromBytes;

use super::bitmap::AllocationBitmap;
use super::boot::{self, Geometry};
use super::directory::{Item, Items, Slots, stretches};
use super::entry_set::Slot;
use super::fat::{Allocated, LOST, Mapper, Mapping};
use super::layout::{
    ALLOCATION_BITMAP, MOST_DIRECTORY_SIZE, RawAllocationBitmap, RawUpcaseTable, RawVolumeGuid,
    RawVolumeLabel, UPCASE_TABLE, VOLUME_FLAG_MEDIA_FAILURE, VOLUME_GUID, VOLUME_LABEL,
};
use super::tree::Tree;
use super::upcase::UpcaseTable;
use super::widen;
use crate::{Error, Place, Result, Run};

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
        };
        fs.read_root();
        fs.add_notes();
        Ok(fs)
    }

    /// The clusters of the root directory.
    pub(super) fn root_mapping(&self) -> Mapping {
        let root = Allocated { first: self.geometry.root, length: None, valid: u64::MAX, contiguous: false };
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
        let allocated = Allocated { first, length: Some(length), valid: length, contiguous: false };
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
        let segments = segments(runs, size);
        let view = Arc::clone(&self.view);
        let limit = view.len();
        let sound = segments.iter().all(|segment| match segment.source {
            Source::Below(offset) => offset.checked_add(segment.length).is_some_and(|end| end <= limit),
            _ => true,
        });
        if sound {
            return Ok(Arc::new(Mapped::sparse(view, segments, size)?));
        }
        Ok(Arc::new(Mapped::sparse(Guarded { view, limit }, segments, size)?))
    }

    /// The tree of directories, walked when it is first asked for.
    pub(super) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::walk(self))
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

/// The segments of a file of `size` bytes.
fn segments(runs: &[Run], size: u64) -> Vec<Segment> {
    runs.iter()
        .filter(|run| run.start < size)
        .map(|run| Segment {
            start: run.start,
            length: run.length.min(size.saturating_sub(run.start)),
            source: match run.place {
                Place::Volume(offset) => Source::Below(offset),
                Place::Zero => Source::Zero,
            },
        })
        .collect()
}

/// A view on which every position exists, so that a file can be opened of which only a part can be read.
struct Guarded {
    view: Arc<dyn ReadAt>,
    limit: u64,
}

impl ReadAt for Guarded {
    fn len(&self) -> u64 {
        u64::MAX
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let length = widen(buf.len());
        if offset.saturating_add(length) <= self.limit {
            return self.view.read_exact_at(offset, buf);
        }
        if offset >= LOST {
            return Err(ReadError::corrupt("file content")
                .at(offset.saturating_sub(LOST))
                .found("a part whose clusters are not known, or used by another file"));
        }
        Err(ReadError::past_end("file content", offset, length, self.limit))
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let sound = range.truncate(self.limit.saturating_sub(range.start()));
        if sound.is_empty() {
            return Ok(Extent { range, origin: Origin::Unknown });
        }
        self.view.extent_at(sound)
    }
}

/// A GUID as it is customarily spelt: its first three fields are little-endian numbers.
pub(super) fn spell_guid(guid: [u8; 16]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (position, index) in ORDER.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", guid.get(index).copied().unwrap_or(0)));
    }
    text
}
