//! Deleted keys and values: what free cells, the slack of used ones and cells that nothing refers to still hold.

use std::collections::{HashMap, HashSet};

use super::bins::{self, Bin, Lying};
use super::cell::{ALIGNMENT, Cell, CellOffset, offsets};
use super::data::ValueType;
use super::hive::Hive;
use super::key::Key;
use super::layout::{KEY_NODE, KEY_VALUE};
use super::seen::Seen;
use super::value::Value;
use super::walk::Walk;

/// Where something deleted lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a cell that is marked as free.
    FreeCell,
    /// Behind the bytes in use of a cell.
    Slack,
    /// In a cell that is marked as used, but to which nothing leads: of a branch that damage cut off, or leaked.
    Unreferenced,
}

impl Place {
    /// As reports spell it: `free_cell`, `slack` or `unreferenced`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FreeCell => "free_cell",
            Self::Slack => "slack",
            Self::Unreferenced => "unreferenced",
        }
    }
}

/// How sure it is that something deleted was where it is said to have been.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Confidence {
    /// Its record is whole, but what it belonged to is not known, or it lies where only remnants do.
    Low,
    /// What it belonged to is there, but was last written before it: another key may have taken its place.
    Medium,
    /// What it belonged to is there and was written after it.
    High,
}

impl Confidence {
    /// As reports spell it: `low`, `medium` or `high`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A deleted key.
#[derive(Clone, Debug)]
pub struct DeletedKey<'h> {
    /// The key. Its subkeys are deleted keys of their own.
    pub key: Key<'h>,
    /// Names from below the root to it, as WTF-8. The first is `?` where the key above it is not known.
    pub path: Vec<Vec<u8>>,
    /// Where it lies.
    pub place: Place,
    /// How sure its path is.
    pub confidence: Confidence,
    /// Its values, as far as they are left.
    pub values: Vec<DeletedValue<'h>>,
    /// Values that it had besides.
    pub lost_values: u32,
}

/// A deleted value.
#[derive(Clone, Debug)]
pub struct DeletedValue<'h> {
    /// The value.
    pub value: Value<'h>,
    /// Whether other things use its data's cells by now.
    pub is_overwritten: bool,
    /// Where it lies.
    pub place: Place,
    /// How sure it is that it was of its key.
    pub confidence: Confidence,
}

impl DeletedValue<'_> {
    /// Its data, unless they are overwritten or not all there.
    #[must_use]
    pub fn data(&self) -> Option<Vec<u8>> {
        if self.is_overwritten {
            return None;
        }
        let bytes = self.value.data().bytes;
        (u32::try_from(bytes.len()) == Ok(self.value.size())).then(|| bytes.into_owned())
    }
}

/// Values that keys in use have lost.
#[derive(Clone, Debug)]
pub struct LostValues<'h> {
    /// Names from below the root to the key; only `?` where it is not known whose they were.
    pub path: Vec<Vec<u8>>,
    /// The values.
    pub values: Vec<DeletedValue<'h>>,
}

/// What is left of deleted keys and values of a hive.
#[derive(Clone, Debug, Default)]
pub struct Remains<'h> {
    /// Deleted keys, in the order of their cells.
    pub keys: Vec<DeletedKey<'h>>,
    /// Deleted values of keys that are there, and of none that is known.
    pub values: Vec<LostValues<'h>>,
}

impl<'h> Remains<'h> {
    /// Looks for deleted keys and values everywhere in the bins that no key in use accounts for. Takes time and
    /// memory in proportion to the hive.
    #[must_use]
    pub fn of(hive: &'h Hive) -> Self {
        let live = Live::of(hive);
        let found = Found::in_hive(hive, &live);
        found.join(hive, &live)
    }
}

/// What keys in use account for.
struct Live<'h> {
    used: Seen,
    /// Keys in use and those above them.
    parents: HashMap<CellOffset, Option<CellOffset>>,
    /// Values that the slack of a key's list still names.
    removed: Vec<(CellOffset, CellOffset)>,
    hive: &'h Hive,
}

impl<'h> Live<'h> {
    fn of(hive: &'h Hive) -> Self {
        let mut live = Self {
            used: Seen::of_length(hive.bins().len()),
            parents: HashMap::new(),
            removed: Vec::new(),
            hive,
        };
        let mut walk = Walk::new(hive);
        let mut above: Vec<CellOffset> = Vec::new();
        while let Some(step) = walk.step() {
            above.truncate(step.depth);
            live.parents.insert(step.key.offset(), above.last().copied());
            above.push(step.key.offset());
            live.account(&step.key);
            for value in step.values {
                live.use_cell(value.record_cell());
                value.data_is_within(|cell| {
                    live.use_cell(cell);
                    true
                });
            }
        }
        live
    }

    fn use_cell(&mut self, (offset, length): (CellOffset, usize)) {
        self.used.insert_range(offset.index(), length);
    }

    fn account(&mut self, key: &Key<'h>) {
        let header = self.hive.cells().header;
        self.use_cell((key.offset(), header.saturating_add(key.node_bytes())));
        key.list_cells().into_iter().for_each(|cell| self.use_cell(cell));
        if let Some((class, length)) = key.class_cell() {
            self.use_cell((class, header.saturating_add(length)));
        }
        if let Some(security) = key.security_cell()
            && let Ok(cell) = self.hive.cells().at(security, "key security")
        {
            self.use_cell((security, header.saturating_add(cell.data.len())));
        }
        if let Some((list, length)) = key.values_cell() {
            self.use_cell((list, length));
            self.collect_removed(key, list);
        }
    }

    /// When a value is deleted, those behind it in the list move up; what the list ended with stays.
    fn collect_removed(&mut self, key: &Key<'h>, list: CellOffset) {
        let Ok(cell) = self.hive.cells().at(list, "list of values") else { return };
        let count = usize::try_from(key.value_count()).unwrap_or(usize::MAX);
        let all = offsets(cell.data, cell.data.len());
        let behind = all.get(count..).unwrap_or_default();
        let removed = behind.iter().filter_map(|offset| CellOffset::new(offset.get()));
        self.removed.extend(removed.map(|value| (key.offset(), value)));
    }

    fn is_used(&self, offset: CellOffset) -> bool {
        self.used.contains(offset.index())
    }

    /// Names from below the root to a key in use.
    fn path(&self, key: CellOffset) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let mut at = Some(key);
        while let Some(offset) = at {
            let above = self.parents.get(&offset).copied().flatten();
            if above.is_some() {
                names.extend(self.hive.key_at(offset).ok().map(|key| key.name().to_wtf8()));
            }
            at = above;
        }
        names.reverse();
        names
    }
}

/// Records outside what is in use.
#[derive(Default)]
struct Found<'h> {
    keys: Vec<(Key<'h>, Place)>,
    values: HashMap<CellOffset, (Value<'h>, Place)>,
}

impl<'h> Found<'h> {
    fn in_hive(hive: &'h Hive, live: &Live<'h>) -> Self {
        let mut found = Self::default();
        let bytes = hive.bins();
        for stretch in stretches(bytes) {
            let is_used = live.used.contains(stretch.start);
            let place = match (stretch.free, is_used) {
                (true, _) => Place::FreeCell,
                (false, true) => Place::Slack,
                (false, false) => Place::Unreferenced,
            };
            for start in (stretch.start..stretch.end).step_by(ALIGNMENT) {
                if !live.used.contains(start) {
                    found.look_at(hive, start, stretch.end, place);
                }
            }
        }
        found
    }

    /// Takes the record of the cell that begins, or once began, at `start`.
    fn look_at(&mut self, hive: &'h Hive, start: usize, end: usize, place: Place) {
        let header = hive.cells().header;
        let data_start = start.saturating_add(header);
        let Some(rest) = hive.bins().get(data_start..end) else { return };
        let signature: [u8; 2] = rest.first_chunk().copied().unwrap_or_default();
        if signature != KEY_NODE && signature != KEY_VALUE {
            return;
        }
        let size = hive.bins().get(start..).and_then(<[u8]>::first_chunk);
        let size = size.map_or(0, |size| i32::from_le_bytes(*size).unsigned_abs());
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        // The size of a cell that was joined with others may be theirs, or anything.
        let own = size.checked_sub(header).and_then(|length| rest.get(..length)).unwrap_or(rest);
        let Some(offset) = u32::try_from(start).ok().and_then(CellOffset::new) else { return };
        for data in [own, rest] {
            let cell = Cell { offset, data, flaw: None };
            if signature == KEY_NODE {
                if let Ok(key) = Key::of_cell(hive, cell)
                    && key.looks_sound()
                {
                    self.keys.push((key, place));
                    return;
                }
            } else if let Ok(value) = Value::of_cell(hive, cell)
                && value.looks_sound()
            {
                self.values.insert(offset, (value, place));
                return;
            }
        }
    }

    /// Gives values to their keys and keys their paths.
    fn join(mut self, hive: &'h Hive, live: &Live<'h>) -> Remains<'h> {
        let mut remains = Remains::default();
        let index: HashMap<CellOffset, usize> =
            self.keys.iter().enumerate().map(|(at, (key, _))| (key.offset(), at)).collect();
        // Lists of deleted keys may overlap, and hostile ones name the same values again and again.
        let mut left = hive.bins().len() / 4;
        for (key, place) in &self.keys {
            let (path, confidence) = self.path(live, &index, key, *place);
            let mut values = Vec::new();
            let mut expected = 0_u32;
            for offset in value_list(hive, live, key) {
                let Some(rest) = left.checked_sub(1) else { break };
                left = rest;
                expected = expected.saturating_add(1);
                if let Some((value, place)) = self.values.remove(&offset) {
                    values.push(deleted(live, value, place, confidence));
                }
            }
            let had = key.value_count().max(expected);
            let lost = had.saturating_sub(u32::try_from(values.len()).unwrap_or(u32::MAX));
            let key = DeletedKey { key: *key, path, place: *place, confidence, values, lost_values: lost };
            remains.keys.push(key);
        }
        remains.values = self.lost_values(live);
        remains
    }

    /// The path of a deleted key, and how sure it is.
    fn path(
        &self,
        live: &Live<'h>,
        index: &HashMap<CellOffset, usize>,
        key: &Key<'h>,
        place: Place,
    ) -> (Vec<Vec<u8>>, Confidence) {
        let mut names = vec![key.name().to_wtf8()];
        let mut confidence = if place == Place::Slack { Confidence::Low } else { Confidence::High };
        let mut met = HashSet::from([key.offset()]);
        let mut at = *key;
        loop {
            let above = at.parent().filter(|above| met.len() < 512 && met.insert(*above));
            let Some(above) = above else { break };
            if live.parents.contains_key(&above) {
                if live.hive.key_at(above).is_ok_and(|above| above.last_written() < at.last_written()) {
                    confidence = confidence.min(Confidence::Medium);
                }
                let mut path = live.path(above);
                path.extend(names.into_iter().rev());
                return (path, confidence);
            }
            let Some((found, _)) = index.get(&above).and_then(|at| self.keys.get(*at)) else { break };
            names.push(found.name().to_wtf8());
            at = *found;
        }
        names.push(b"?".to_vec());
        names.reverse();
        (names, Confidence::Low)
    }

    /// Values that no deleted key names: of keys in use, where the slack of their lists says so.
    fn lost_values(mut self, live: &Live<'h>) -> Vec<LostValues<'h>> {
        let mut lost: Vec<LostValues<'h>> = Vec::new();
        let mut last = None;
        for (key, offset) in &live.removed {
            let Some((value, place)) = self.values.remove(offset) else { continue };
            let value = deleted(live, value, place, Confidence::High);
            match lost.last_mut() {
                Some(lost) if last == Some(*key) => lost.values.push(value),
                _ => lost.push(LostValues { path: live.path(*key), values: vec![value] }),
            }
            last = Some(*key);
        }
        let mut rest: Vec<(CellOffset, (Value<'h>, Place))> = self.values.into_iter().collect();
        rest.sort_by_key(|(offset, _)| *offset);
        let values: Vec<DeletedValue<'h>> = rest
            .into_iter()
            .map(|(_, (value, place))| deleted(live, value, place, Confidence::Low))
            .collect();
        if !values.is_empty() {
            lost.push(LostValues { path: vec![b"?".to_vec()], values });
        }
        lost
    }
}

fn deleted<'h>(live: &Live<'h>, value: Value<'h>, place: Place, confidence: Confidence) -> DeletedValue<'h> {
    let is_whole = value.data_is_within(|(offset, length)| {
        (offset.index()..offset.index().saturating_add(length))
            .step_by(ALIGNMENT)
            .all(|unit| !live.used.contains(unit))
    });
    DeletedValue { value, is_overwritten: !is_whole, place, confidence }
}

/// What the list of a deleted key names, if nothing uses the list's cell by now.
fn value_list(hive: &Hive, live: &Live<'_>, key: &Key<'_>) -> Vec<CellOffset> {
    let Some((list, _)) = key.values_cell().filter(|(list, _)| !live.is_used(*list)) else {
        return Vec::new();
    };
    let Ok(cell) = hive.cells().at(list, "list of values") else { return Vec::new() };
    let count = usize::try_from(key.value_count()).unwrap_or(usize::MAX);
    offsets(cell.data, count).iter().filter_map(|offset| CellOffset::new(offset.get())).collect()
}

/// All cells of the bins, and what damaged bins leave between them.
fn stretches(bytes: &[u8]) -> Vec<Lying> {
    let mut found = Vec::new();
    let mut end = 0;
    let gap = |from: usize, to: usize| {
        (from < to).then_some(Lying { start: from, end: to, free: false, is_sound: false })
    };
    for bin in bins::bins(bytes, |_, _| {}) {
        found.extend(gap(end, bin.start));
        found.extend(bins::cells(bytes, Bin { ..bin }));
        end = bin.end;
    }
    found.extend(gap(end, bytes.len()));
    found
}

impl Key<'_> {
    /// Whether the record could be a key's that was in use: nothing in it contradicts the format.
    fn looks_sound(&self) -> bool {
        const SOONEST: u64 = 119_600_064_000_000_000; // 1980
        const LATEST: u64 = 157_469_184_000_000_000; // 2100
        let room = u32::try_from(self.hive().bins().len() / 4).unwrap_or(u32::MAX);
        let name = self.name();
        let length = name.units().count();
        self.problem().is_none()
            && (1..=256).contains(&length)
            && name.units().all(|unit| unit >= 0x20)
            && (SOONEST..LATEST).contains(&self.last_written_ticks())
            && self.flags() & 0x0c00 == 0
            && self.subkey_count() <= room
            && self.value_count() <= room
            && self.parent().is_none_or(|parent| self.hive().cells().may_begin_at(parent.get()))
    }
}

impl Value<'_> {
    /// Whether the record could be a value's that was in use.
    fn looks_sound(&self) -> bool {
        self.is_consistent() && self.kind() <= ValueType(0xffff)
    }
}
