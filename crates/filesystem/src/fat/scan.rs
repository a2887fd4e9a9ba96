//! Reading directories in the order in which they lie on the volume.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, RangeSet};

use super::directories::{Area, State, file_in};
use super::directory::Slots;
use super::layout::SLOT;
use super::record::Recorder;
use super::volume::Fat;
use super::widen;
use crate::{Error, Place, Record, Result, Run, Scan, ScanUnit};

/// Bytes of directories in one unit.
const UNIT: u64 = 256 << 10;

impl Fat {
    /// Where slots lie that are in use, and what says where the root directory is.
    pub(super) fn slot_areas(&self) -> RangeSet {
        let live = self.live().areas.iter().filter(|area| area.state == State::Live);
        std::iter::once(self.boot.root_place).chain(live.map(|area| area.range)).collect()
    }

    /// The areas that a scan goes through, in storage order.
    fn scanned_areas(&self, deleted: bool) -> Vec<Area> {
        let live = self.live().areas.iter().copied();
        if !deleted {
            return live.filter(|area| area.state == State::Live).collect();
        }
        let mut areas: Vec<Area> = live.chain(self.gone().areas.iter().copied()).collect();
        areas.sort_by_key(|area| area.range.start());
        areas
    }

    /// Plans reading the records of `areas`, or all.
    pub(super) fn plan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        let areas = areas.map(|areas| areas.aligned_out(widen(SLOT)));
        let own = self.scanned_areas(deleted);
        let root = self.boot.root_place;
        let mut units = Vec::new();
        if areas.as_ref().is_none_or(|areas| areas.intersects(root)) {
            push_unit(&mut units, root);
        }
        for area in &own {
            match &areas {
                None => push_unit(&mut units, area.range),
                Some(areas) => areas.within(area.range).for_each(|part| push_unit(&mut units, part)),
            }
        }
        let visit = move |unit: &ScanUnit, visitor: &mut dyn FnMut(Result<Record>)| {
            self.visit(&own, deleted, unit, visitor);
        };
        Scan { units, problems: Vec::new(), visit: Box::new(visit) }
    }

    /// Visits a unit, which may be one that was planned for another disk: only what lies in `own` areas counts.
    fn visit(&self, own: &[Area], deleted: bool, unit: &ScanUnit, visitor: &mut dyn FnMut(Result<Record>)) {
        let mut recorder = Recorder::new(self);
        if unit.range.intersects(self.boot.root_place) {
            visitor(Ok(recorder.root()));
        }
        let first = own.partition_point(|area| area.range.end() <= unit.range.start());
        for area in own.iter().skip(first).take_while(|area| area.range.start() < unit.range.end()) {
            let range = area.range.intersection(unit.range);
            let run = Run { start: 0, length: range.len(), place: Place::Volume(range.start()) };
            for slot in Slots::new(&*self.view, SmallVec::from_iter([run])) {
                match slot {
                    Ok(slot) => {
                        if let Some((raw, gone)) = file_in(&slot, area.state)
                            && (deleted || !gone)
                        {
                            visitor(Ok(recorder.record(&raw, slot.place, gone)));
                        }
                    }
                    Err(error) => visitor(Err(Error::Read(error))),
                }
            }
        }
    }
}

/// Adds a range to the units: to the last one, where that ends there and is short.
fn push_unit(units: &mut Vec<ScanUnit>, part: ByteRange) {
    let slots = |range: ByteRange| range.len().checked_div(widen(SLOT)).unwrap_or(0);
    if let Some(last) = units.last_mut()
        && last.range.end() == part.start()
        && last.range.len().saturating_add(part.len()) <= UNIT
    {
        last.range = ByteRange::new(last.range.start(), part.end());
        last.count = slots(last.range);
        return;
    }
    let mut start = part.start();
    while start < part.end() {
        let range = ByteRange::at(start, UNIT).intersection(part);
        let first = start.checked_div(widen(SLOT)).unwrap_or(0);
        units.push(ScanUnit { range, first, count: slots(range) });
        start = range.end();
    }
}
