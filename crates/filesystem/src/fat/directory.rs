//! Directories: slots of 32 bytes, of files, of their long names, and one with the volume's label.

use smallvec::SmallVec;
use vminspect_bytes::{ReadAt, ReadError, Timestamp};
use zerocopy::FromBytes;

use super::content::Pieces;
use super::layout::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, ATTR_VOLUME_ID, END_OF_DIRECTORY, FREE_SLOT,
    LAST_LONG_ENTRY, RawLongEntry, RawShortEntry, SLOT,
};
use super::name::{LongName, is_plausible_tail, short_name, wtf8};
use super::widen;
use crate::{Error, FileKind, Result, Run};

/// A slot with its place on the volume.
pub(super) struct Slot {
    pub(super) place: u64,
    pub(super) bytes: [u8; SLOT],
}

/// What a slot is, by its own bytes.
pub(super) enum SlotKind {
    /// The end of the directory.
    End,
    /// A part of a long name, maybe of a deleted one.
    Long(RawLongEntry),
    /// The volume's label.
    Label(RawShortEntry),
    /// `.` or `..`.
    Dot(RawShortEntry),
    /// A file, maybe a deleted one.
    File(RawShortEntry),
}

impl Slot {
    pub(super) fn kind(&self) -> SlotKind {
        let (Ok(short), Ok(long)) =
            (RawShortEntry::read_from_bytes(&self.bytes), RawLongEntry::read_from_bytes(&self.bytes))
        else {
            return SlotKind::End;
        };
        let deleted = short.is_deleted();
        if self.bytes.first() == Some(&END_OF_DIRECTORY) {
            SlotKind::End
        } else if short.dir_attr & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME {
            SlotKind::Long(long)
        } else if short.dir_attr & ATTR_VOLUME_ID != 0 && !deleted {
            SlotKind::Label(short)
        } else if [b".          ", b"..         "].contains(&&short.dir_name) {
            SlotKind::Dot(short)
        } else {
            SlotKind::File(short)
        }
    }
}

impl RawShortEntry {
    pub(super) fn is_deleted(&self) -> bool {
        self.dir_name.first() == Some(&FREE_SLOT)
    }

    pub(super) fn file_kind(&self) -> FileKind {
        if self.dir_attr & ATTR_DIRECTORY != 0 { FileKind::Directory } else { FileKind::Regular }
    }

    /// Whether what is left of a deleted entry looks like one.
    pub(super) fn is_plausible(&self) -> bool {
        self.dir_attr & (0xC0 | ATTR_VOLUME_ID) == 0 && is_plausible_tail(&self.dir_name)
    }

    /// Whether a slot that was never told to be one looks like an entry, times and all.
    pub(super) fn is_surely_entry(&self) -> bool {
        let first = self.dir_name.first().copied().unwrap_or(0);
        let written = Timestamp::from_dos(self.dir_wrt_date.get(), self.dir_wrt_time.get(), None);
        (first > b' ' || first == super::layout::KANJI_LEAD) && self.is_plausible() && written.is_some()
    }
}

/// Reads the slots of a directory in order. Goes on after what cannot be read.
pub(super) struct Slots<'a> {
    pieces: Pieces<'a>,
    bytes: Vec<u8>,
    /// Place of the next slot in `bytes`, there and on the volume.
    position: usize,
    place: u64,
}

impl<'a> Slots<'a> {
    pub(super) fn new(view: &'a dyn ReadAt, runs: SmallVec<[Run; 2]>) -> Self {
        Self { pieces: Pieces::new(view, runs), bytes: Vec::new(), position: 0, place: 0 }
    }
}

impl Iterator for Slots<'_> {
    type Item = Result<Slot, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            if let Some(bytes) = rest.first_chunk::<SLOT>() {
                let slot = Slot { place: self.place, bytes: *bytes };
                self.position = self.position.saturating_add(SLOT);
                self.place = self.place.saturating_add(widen(SLOT));
                return Some(Ok(slot));
            }
            self.position = 0;
            match self.pieces.next(&mut self.bytes) {
                Some(Ok(place)) => self.place = place,
                Some(Err(error)) => {
                    self.bytes.clear();
                    return Some(Err(error));
                }
                None => {
                    self.bytes.clear();
                    return None;
                }
            }
        }
    }
}

/// A file as its directory has it.
pub(super) struct Named {
    /// Where its short entry stands.
    pub(super) place: u64,
    pub(super) raw: RawShortEntry,
    pub(super) name: Vec<u8>,
    /// The short name, where `name` is the long one.
    pub(super) short: Option<String>,
    pub(super) deleted: bool,
    /// Whether it stands behind the end of the directory.
    pub(super) behind: bool,
}

/// What a directory holds.
pub(super) enum Item {
    Label([u8; 11]),
    Named(Named),
}

/// Puts the slots of a directory together.
pub(super) struct Items<'a> {
    slots: Slots<'a>,
    owner: String,
    is_root: bool,
    /// Whether to go on behind the end of the directory.
    whole: bool,
    behind: bool,
    /// Where the end stands, once it was met.
    pub(super) end: Option<u64>,
    index: u64,
    long: LongName,
    deleted: LongName,
    has_label: bool,
    /// What follows the error that was just told.
    queued: Option<Item>,
}

impl<'a> Items<'a> {
    pub(super) fn new(slots: Slots<'a>, owner: String, is_root: bool, whole: bool) -> Self {
        Self {
            slots,
            owner,
            is_root,
            whole,
            behind: false,
            end: None,
            index: 0,
            long: LongName::default(),
            deleted: LongName::default(),
            has_label: false,
            queued: None,
        }
    }

    fn damaged(&self, place: u64) -> ReadError {
        ReadError::corrupt(self.owner.clone()).at(place)
    }

    /// Tells of a long name whose short one did not follow.
    fn orphan(&mut self) -> Option<Result<Item>> {
        let place = self.long.place;
        let lost = !self.long.is_empty() && !self.behind;
        self.long.clear();
        lost.then(|| {
            let error = self.damaged(place).expected("the short name of a long one behind it");
            Err(error.found("another slot").into())
        })
    }

    fn long(&mut self, raw: &RawLongEntry, place: u64) -> Option<Result<Item>> {
        if raw.ldir_ord == FREE_SLOT {
            self.deleted.add_deleted(raw, place);
            return self.orphan();
        }
        self.deleted.clear();
        let part = raw.ldir_ord & !LAST_LONG_ENTRY;
        if raw.ldir_ord & LAST_LONG_ENTRY != 0 {
            let orphan = self.orphan();
            self.long.begin(raw, part, place);
            return orphan;
        }
        if self.long.add(raw, part) {
            return None;
        }
        let orphan = self.orphan();
        let alone = || {
            let error = self.damaged(place).expected("the part of a long name that is stored first");
            Some(Err(error.found(format!("part {part}")).into()))
        };
        if self.behind { orphan } else { orphan.or_else(alone) }
    }

    fn label(&mut self, raw: &RawShortEntry, place: u64) -> Option<Result<Item>> {
        let orphan = self.orphan();
        self.deleted.clear();
        if self.behind {
            return None;
        }
        let sound = self.is_root && !self.has_label;
        self.has_label = true;
        if sound {
            return self.after(orphan, Item::Label(raw.dir_name));
        }
        let expected = if self.is_root { "one label" } else { "no label outside the root directory" };
        let found = format!("{:?}", short_name(&raw.dir_name, 0));
        Some(Err(self.damaged(place).expected(expected).found(found).into()))
    }

    fn dot(&mut self, raw: &RawShortEntry, place: u64) -> Option<Result<Item>> {
        let orphan = self.orphan();
        self.deleted.clear();
        let expected = if raw.dir_name.starts_with(b"..") { 1 } else { 0 };
        if self.behind || (!self.is_root && self.index == expected) {
            return orphan;
        }
        let found = format!("{:?} as number {}", short_name(&raw.dir_name, 0), self.index);
        Some(Err(self.damaged(place).expected("a name that a file can have").found(found).into()))
    }

    fn file(&mut self, raw: RawShortEntry, place: u64) -> Option<Result<Item>> {
        if raw.is_deleted() || self.behind {
            let orphan = self.orphan();
            let named = self.deleted(raw, place);
            self.deleted.clear();
            return match named {
                Some(named) => self.after(orphan, Item::Named(named)),
                None => orphan,
            };
        }
        self.deleted.clear();
        let long = self.long.of(&raw).filter(|units| !units.is_empty());
        let mut error = match long {
            Some(_) => {
                self.long.clear();
                None
            }
            None => self.orphan(),
        };
        let short = short_name(&raw.dir_name, raw.dir_ntres);
        let (name, short) = match long {
            Some(units) => (wtf8(&units), Some(short_name(&raw.dir_name, 0))),
            None => (short.into_bytes(), None),
        };
        if error.is_none() && !is_possible(&name) {
            let found = format!("{:?}", String::from_utf8_lossy(&name));
            error =
                Some(Err(self.damaged(place).expected("a name that a file can have").found(found).into()));
        }
        let named = Named { place, raw, name, short, deleted: false, behind: false };
        self.after(error, Item::Named(named))
    }

    /// A deleted entry, if it looks like one.
    fn deleted(&self, mut raw: RawShortEntry, place: u64) -> Option<Named> {
        let behind = self.behind;
        if !raw.is_plausible() || (behind && !raw.is_surely_entry()) {
            return None;
        }
        let deleted = raw.is_deleted();
        let long = if deleted { self.deleted.of_deleted(&raw) } else { None };
        let whole = long.filter(|(units, _)| !units.is_empty()).map(|(units, first)| (wtf8(&units), first));
        let (name, short) = match whole.filter(|(name, _)| is_possible(name)) {
            Some((name, first)) => {
                if let Some(character) = raw.dir_name.first_mut() {
                    *character = first;
                }
                (name, Some(short_name(&raw.dir_name, 0)))
            }
            None => (short_name(&raw.dir_name, raw.dir_ntres).into_bytes(), None),
        };
        is_possible(&name).then_some(Named { place, raw, name, short, deleted, behind })
    }

    /// Yields an item, after an error where there is one.
    fn after(&mut self, error: Option<Result<Item>>, item: Item) -> Option<Result<Item>> {
        match error {
            Some(error) => {
                self.queued = Some(item);
                Some(error)
            }
            None => Some(Ok(item)),
        }
    }

    fn slot(&mut self, slot: &Slot) -> Option<Result<Item>> {
        let found = match slot.kind() {
            SlotKind::End => {
                let orphan = self.orphan();
                self.deleted.clear();
                self.behind = true;
                self.end = self.end.or(Some(slot.place));
                orphan
            }
            SlotKind::Long(raw) => self.long(&raw, slot.place),
            SlotKind::Label(raw) => self.label(&raw, slot.place),
            SlotKind::Dot(raw) => self.dot(&raw, slot.place),
            SlotKind::File(raw) => self.file(raw, slot.place),
        };
        self.index = self.index.saturating_add(1);
        found
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.queued.take() {
                return Some(Ok(item));
            }
            if self.behind && !self.whole {
                return None;
            }
            let found = match self.slots.next() {
                None => return self.orphan(),
                Some(Ok(slot)) => self.slot(&slot),
                Some(Err(error)) => {
                    self.long.clear();
                    self.deleted.clear();
                    Some(Err(Error::Read(error)))
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

/// Whether a file can have this name.
fn is_possible(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && memchr::memchr2(b'/', 0, name).is_none()
}
