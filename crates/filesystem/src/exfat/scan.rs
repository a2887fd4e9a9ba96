//! Reading the entries of all directories in storage order.

use vminspect_bytes::{ByteRange, RangeSet, ReadAtExt};

use super::directory::Item;
use super::layout::{ENTRY_SIZE, MOST_SECONDARY, TYPE_SECONDARY};
use super::record::Found;
use super::tree::{Directory, Stretch};
use super::volume::Exfat;
use super::widen;
use crate::{Allocation, Record, Result, Scan, ScanUnit};

/// Bytes of directories that one unit reads.
const UNIT: u64 = 256 << 10;
/// Bytes of an entry.
const ENTRY: u64 = 32;
/// Bytes of most sets.
const SET: u64 = 20 * ENTRY;
/// Bytes of the longest set.
const LONGEST_SET: u64 = 256 * ENTRY;
const _: () = assert!(ENTRY_SIZE == 32 && MOST_SECONDARY == 255);

impl Exfat {
    /// Plans reading the records of `areas`, or all.
    pub(super) fn plan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        let tree = if deleted { self.whole_tree() } else { self.tree() };
        let root = self.geometry.root_field();
        let mut units = Units(Vec::new());
        if areas.is_none_or(|areas| areas.intersects(root)) {
            units.0.push(ScanUnit { range: root, first: 0, count: 1 });
        }
        for stretch in &tree.stretches {
            let Some(directory) = tree.directory(stretch.directory).filter(|each| each.live || deleted)
            else {
                continue;
            };
            let area = directory.area(stretch.index, deleted);
            match areas {
                None => self.push_whole(area, &mut units),
                Some(areas) => {
                    for part in areas.within(area) {
                        self.each(directory, *stretch, part, deleted, &mut |found| {
                            units.push(found.set.place());
                        });
                    }
                }
            }
        }
        let visit = move |unit: &ScanUnit, visitor: &mut dyn FnMut(Result<Record>)| {
            self.visit(unit.range, deleted, visitor);
        };
        Scan { units: units.0, problems: tree.problems.clone(), visit: Box::new(visit) }
    }

    /// Cuts an area into units that no set crosses.
    fn push_whole(&self, area: ByteRange, units: &mut Units) {
        let mut start = area.start();
        while start < area.end() {
            let end = self.cut(start.saturating_add(UNIT), area);
            units.0.push(unit(ByteRange::new(start, end)));
            start = end;
        }
    }

    /// The first entry from `at` on that no set before it can have.
    fn cut(&self, at: u64, area: ByteRange) -> u64 {
        if at >= area.end() {
            return area.end();
        }
        let ahead = ByteRange::at(at, LONGEST_SET).intersection(area);
        let whole = ahead.end();
        let Ok(bytes) = self.view.read_vec(at, usize::try_from(ahead.len()).unwrap_or(0)) else {
            return whole;
        };
        let primary = bytes.chunks_exact(ENTRY_SIZE).position(|entry| !is_secondary(entry));
        primary.map_or(whole, |index| at.saturating_add(widen(index).saturating_mul(ENTRY)))
    }

    /// The entry at which a set may begin that reaches `at`.
    fn back_up(&self, at: u64, area: ByteRange) -> u64 {
        let at = at & !ENTRY.saturating_sub(1);
        let start = at.saturating_sub(LONGEST_SET).max(area.start());
        let end = at.saturating_add(ENTRY).min(area.end());
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
        let Ok(bytes) = self.view.read_vec(start, length) else { return start };
        let primary = bytes.chunks_exact(ENTRY_SIZE).rposition(|entry| !is_secondary(entry));
        primary.map_or(at, |index| start.saturating_add(widen(index).saturating_mul(ENTRY)))
    }

    /// Calls `visit` with each file whose entries begin in a stretch and meet a part of it.
    fn each(
        &self,
        directory: &Directory,
        stretch: Stretch,
        part: ByteRange,
        deleted: bool,
        visit: &mut dyn FnMut(&Found<'_>),
    ) {
        let area = directory.area(stretch.index, deleted);
        let start = self.back_up(part.start(), area);
        let reach = part.end().saturating_sub(start).saturating_add(SET);
        let mut items = directory.items(&*self.view, (stretch.index, start), reach, deleted);
        loop {
            let (index, position) = items.at();
            if index != stretch.index || position >= part.end() {
                return;
            }
            let Some(item) = items.next() else { return };
            let Item::Set(set) = item else { continue };
            if !set.place().intersects(part) {
                continue;
            }
            if let Some(found) = self.found(set, directory)
                && (deleted || found.allocation == Allocation::Allocated)
            {
                visit(&found);
            }
        }
    }

    fn visit(&self, range: ByteRange, deleted: bool, visitor: &mut dyn FnMut(Result<Record>)) {
        let tree = if deleted { self.whole_tree() } else { self.tree() };
        if range.intersects(self.geometry.root_field()) {
            visitor(Ok(self.root_record()));
        }
        for stretch in tree.within(range) {
            let Some(directory) = tree.directory(stretch.directory).filter(|each| each.live || deleted)
            else {
                continue;
            };
            let part = directory.area(stretch.index, deleted).intersection(range);
            if !part.is_empty() {
                self.each(directory, stretch, part, deleted, &mut |found| visitor(Ok(self.record_of(found))));
            }
        }
    }
}

fn is_secondary(entry: &[u8]) -> bool {
    entry.first().is_some_and(|entry_type| entry_type & TYPE_SECONDARY != 0)
}

fn unit(range: ByteRange) -> ScanUnit {
    ScanUnit { range, first: range.start() >> 5, count: range.len() >> 5 }
}

/// Units of single records, those that follow one another put together.
struct Units(Vec<ScanUnit>);

impl Units {
    fn push(&mut self, record: ByteRange) {
        if let Some(last) = self.0.last_mut() {
            if last.range.end() > record.start() && last.range.start() <= record.start() {
                return;
            }
            if last.range.end() == record.start() && last.range.len() < UNIT {
                *last = unit(ByteRange::new(last.range.start(), record.end()));
                return;
            }
        }
        self.0.push(unit(record));
    }
}
