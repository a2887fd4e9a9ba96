//! Directories: entries of 32 bytes, and the sets that they form.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::entry_set::{Ended, EntrySet, Slot};
use super::layout::{
    ALLOCATION_BITMAP, END_OF_DIRECTORY, ENTRY_SIZE, FILE, MOST_SECONDARY, TYPE_BENIGN, TYPE_IN_USE,
    TYPE_SECONDARY, UPCASE_TABLE, VOLUME_GUID, VOLUME_LABEL,
};
use super::widen;
use crate::{Content, Entries, Entry, Error, FileKind, Place, Record, Result, Run};

/// Bytes that are read at once of a directory that is read as a whole.
pub(super) const WINDOW: u64 = 64 << 10;
/// Bytes that are given up together where they cannot be read.
const SECTOR: u64 = 512;

/// Where the entries of a directory of `size` bytes lie, in order, as far as that is known.
pub(super) fn stretches(runs: &[Run], size: u64) -> Arc<[ByteRange]> {
    runs.iter()
        .filter(|run| run.start < size && !super::fat::is_lost(run.place))
        .filter_map(|run| match run.place {
            Place::Volume(place) => {
                Some(ByteRange::at(place, run.length.min(size.saturating_sub(run.start))))
            }
            Place::Zero => None,
        })
        .collect()
}

/// Reads the entries of a directory one after the other.
pub(super) struct Slots<'a> {
    view: &'a dyn ReadAt,
    stretches: Arc<[ByteRange]>,
    /// Bytes that are read at once.
    reach: u64,
    /// The stretch that comes next, and the byte in it.
    next: usize,
    position: u64,
    window: Vec<u8>,
    window_start: u64,
    /// Up to here, the window is read in small pieces.
    careful_until: u64,
}

impl<'a> Slots<'a> {
    pub(super) fn new(view: &'a dyn ReadAt, stretches: Arc<[ByteRange]>) -> Self {
        let position = stretches.first().map_or(0, |stretch| stretch.start());
        Self {
            view,
            stretches,
            reach: WINDOW,
            next: 0,
            position,
            window: Vec::new(),
            window_start: 0,
            careful_until: 0,
        }
    }

    /// Goes to a byte of a stretch, of which about `reach` bytes will be wanted.
    pub(super) fn seek(&mut self, stretch: usize, position: u64, reach: u64) {
        self.reach = reach.clamp(SECTOR, WINDOW);
        self.next = stretch;
        self.position = position;
    }

    /// The stretch and byte of the entry that comes next.
    fn at(&self) -> (usize, u64) {
        match self.stretches.get(self.next) {
            Some(stretch) if stretch.end().saturating_sub(self.position) < widen(ENTRY_SIZE) => {
                let next = self.next.saturating_add(1);
                (next, self.stretches.get(next).map_or(0, |stretch| stretch.start()))
            }
            _ => (self.next, self.position),
        }
    }

    pub(super) fn next_slot(&mut self) -> Option<Result<Slot, ReadError>> {
        (self.next, self.position) = self.at();
        let stretch = *self.stretches.get(self.next)?;
        let place = self.position;
        let range = ByteRange::at(place, widen(ENTRY_SIZE));
        let held = ByteRange::at(self.window_start, widen(self.window.len()));
        if held.intersection(range) != range
            && let Err(error) = self.fill(stretch)
        {
            return Some(Err(error));
        }
        let index = usize::try_from(place.saturating_sub(self.window_start)).ok()?;
        let bytes = *self.window.get(index..)?.first_chunk()?;
        self.position = place.saturating_add(widen(ENTRY_SIZE));
        Some(Ok(Slot { place, bytes }))
    }

    /// Reads a window from the position on. After an error, the position is behind what cannot be read.
    fn fill(&mut self, stretch: ByteRange) -> Result<(), ReadError> {
        let left = stretch.end().saturating_sub(self.position);
        if self.position >= self.careful_until {
            if self.read(left.min(self.reach)).is_ok() {
                return Ok(());
            }
            self.careful_until = self.position.saturating_add(left.min(self.reach));
        }
        let piece = SECTOR.saturating_sub(self.position & SECTOR.saturating_sub(1)).min(left);
        let first = match self.read(piece) {
            Ok(()) => return Ok(()),
            Err(error) => ReadError::corrupt("directory").at(self.position).caused_by(error),
        };
        // One message for all that cannot be read here.
        self.position = if self.position >= self.view.len() {
            stretch.end()
        } else {
            self.position.saturating_add(piece)
        };
        while self.position < stretch.end() {
            let piece = SECTOR.min(stretch.end().saturating_sub(self.position));
            if self.read(piece).is_ok() {
                break;
            }
            self.position = if self.position >= self.view.len() {
                stretch.end()
            } else {
                self.position.saturating_add(piece)
            };
        }
        Err(first)
    }

    fn read(&mut self, length: u64) -> Result<(), ReadError> {
        self.window_start = self.position;
        self.window.resize(usize::try_from(length).unwrap_or(0), 0);
        let read = self.view.read_exact_at(self.position, &mut self.window);
        if read.is_err() {
            self.window.clear();
        }
        read
    }
}

/// What a directory holds.
#[derive(Debug)]
pub(super) enum Item {
    /// A file, in use or deleted.
    Set(EntrySet),
    /// A primary entry in use that is no file's: of the volume, or of a type that is unknown.
    Primary(Slot),
    /// A secondary entry in use that belongs to nothing.
    Stray(Slot),
    /// The entry that marks the end, and its stretch.
    End(usize, u64),
    /// Something cannot be read. What follows it is read on.
    Failed(ReadError),
}

/// Iterates over the sets of a directory.
pub(super) struct Items<'a> {
    slots: Slots<'a>,
    pushed_back: Option<Result<Slot, ReadError>>,
    /// Whether to go on behind the end.
    to_the_last: bool,
    ended: bool,
    /// Secondary entries that belong to a primary one that is not read.
    skip: u8,
}

impl<'a> Items<'a> {
    /// Reads up to the end that is marked, or `to_the_last` entry.
    pub(super) fn new(slots: Slots<'a>, to_the_last: bool) -> Self {
        Self { slots, pushed_back: None, to_the_last, ended: false, skip: 0 }
    }

    /// The same, from behind the end that is marked.
    pub(super) fn ended(mut self) -> Self {
        self.ended = true;
        self
    }

    /// The stretch and byte of the entry that comes next.
    pub(super) fn at(&self) -> (usize, u64) {
        match &self.pushed_back {
            Some(Ok(slot)) => (self.slots.next, slot.place),
            _ => self.slots.at(),
        }
    }

    fn take(&mut self) -> Option<Result<Slot, ReadError>> {
        self.pushed_back.take().or_else(|| self.slots.next_slot())
    }

    /// Gathers the secondary entries of a File entry.
    fn set(&mut self, first: Slot) -> EntrySet {
        let in_use = first.entry_type() & TYPE_IN_USE;
        let [_, count, ..] = first.bytes;
        let mut set = EntrySet {
            slots: SmallVec::from_slice(&[first]),
            ended: Ended::Complete,
            live: in_use != 0 && !self.ended,
            past_end: self.ended,
        };
        for _ in 0..usize::from(count).min(MOST_SECONDARY) {
            match self.take() {
                Some(Ok(slot))
                    if slot.entry_type() & (TYPE_SECONDARY | TYPE_IN_USE) == TYPE_SECONDARY | in_use =>
                {
                    set.slots.push(slot);
                }
                Some(Ok(slot)) => {
                    set.ended = Ended::At(slot.range());
                    self.pushed_back = Some(Ok(slot));
                    break;
                }
                Some(Err(error)) => {
                    set.ended = Ended::Lost;
                    self.pushed_back = Some(Err(error));
                    break;
                }
                None => {
                    set.ended = Ended::Lost;
                    break;
                }
            }
        }
        set
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if self.ended && !self.to_the_last {
                return None;
            }
            let slot = match self.take()? {
                Ok(slot) => slot,
                Err(error) => return Some(Item::Failed(error)),
            };
            let entry_type = slot.entry_type();
            if entry_type == END_OF_DIRECTORY {
                self.skip = 0;
                if !self.ended {
                    self.ended = true;
                    return Some(Item::End(self.slots.next, slot.place));
                }
            } else if slot.used_type() == FILE {
                self.skip = 0;
                return Some(Item::Set(self.set(slot)));
            } else if entry_type & TYPE_IN_USE == 0 || self.ended {
                // A deleted entry of another kind.
                self.skip = 0;
            } else if entry_type & TYPE_SECONDARY == 0 {
                let [_, count, ..] = slot.bytes;
                self.skip = if has_secondaries(entry_type) { count } else { 0 };
                return Some(Item::Primary(slot));
            } else if let Some(left) = self.skip.checked_sub(1) {
                self.skip = left;
            } else {
                return Some(Item::Stray(slot));
            }
        }
    }
}

/// Whether the second byte of a primary entry counts secondary ones.
fn has_secondaries(entry_type: u8) -> bool {
    ![ALLOCATION_BITMAP, UPCASE_TABLE, VOLUME_LABEL].contains(&entry_type)
}

/// The entries that a directory's record leads to.
fn items<'a>(view: &'a dyn ReadAt, record: &Record, to_the_last: bool) -> Result<Items<'a>> {
    if record.metadata.kind != FileKind::Directory {
        return Err(Error::WrongKind("a directory"));
    }
    let Content::Runs(runs) = &record.content else { return Err(Error::WrongKind("a directory")) };
    Ok(Items::new(Slots::new(view, stretches(runs, record.metadata.size)), to_the_last))
}

/// The names in a directory.
pub(super) fn entries<'a>(view: &'a dyn ReadAt, record: &Record) -> Result<Entries<'a>> {
    let mut items = items(view, record, false)?;
    let mut queue: VecDeque<Result<Entry>> = VecDeque::new();
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(entry) = queue.pop_front() {
                return Some(entry);
            }
            match items.next()? {
                Item::Set(set) if set.live => queue_entry(&set, &mut queue),
                Item::Set(_) | Item::End(..) => {}
                Item::Primary(slot) => queue.extend(unknown(&slot).map(Err)),
                Item::Stray(slot) => queue.push_back(Err(stray(&slot).into())),
                Item::Failed(error) => queue.push_back(Err(error.into())),
            }
        }
    })))
}

/// The names that a directory held once.
pub(super) fn deleted_entries<'a>(view: &'a dyn ReadAt, record: &Record) -> Result<Entries<'a>> {
    let items = items(view, record, true)?;
    Ok(Box::new(items.filter_map(|item| match item {
        Item::Set(set) if is_remnant(&set) => Some(Ok(entry(&set))),
        Item::Failed(error) => Some(Err(error.into())),
        _ => None,
    })))
}

/// Whether a set that is not in use says enough to be shown. Behind the end of a directory, only whole ones do:
/// anything may lie there.
pub(super) fn is_remnant(set: &EntrySet) -> bool {
    let named = set.stream().is_some() && is_plausible(&set.name());
    !set.live && named && (!set.past_end || set.checksum_fits())
}

fn entry(set: &EntrySet) -> Entry {
    let kind = if set.is_directory() { FileKind::Directory } else { FileKind::Regular };
    Entry { name: set.name(), id: set.id(), kind: Some(kind) }
}

fn queue_entry(set: &EntrySet, queue: &mut VecDeque<Result<Entry>>) {
    if set.stream().is_none() {
        let error = set.damaged().expected("a stream extension").found("none");
        return queue.push_back(Err(error.into()));
    }
    let entry = entry(set);
    if !is_plausible(&entry.name) {
        let found = format!("{:?}", String::from_utf8_lossy(&entry.name));
        queue.push_back(Err(set.damaged().expected("the name of a file").found(found).into()));
    }
    queue.push_back(Ok(entry));
}

fn is_plausible(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// What to say of a primary entry of a type that is not known and must be.
fn unknown(slot: &Slot) -> Option<Error> {
    let entry_type = slot.entry_type();
    let known = [ALLOCATION_BITMAP, UPCASE_TABLE, VOLUME_LABEL, VOLUME_GUID].contains(&entry_type);
    (!known && entry_type & TYPE_BENIGN == 0).then(|| {
        ReadError::unsupported("directory entry")
            .at(slot.place)
            .expected("a known type of critical primary entry")
            .found(format!("type {entry_type:#04x}"))
            .into()
    })
}

fn stray(slot: &Slot) -> ReadError {
    ReadError::corrupt("directory entry")
        .at(slot.place)
        .expected("a primary entry")
        .found(format!("type {:#04x}, which belongs to no set", slot.entry_type()))
}
