//! Reading the MFT from one end to the other.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError};

use super::address::RecordNumber;
use super::file::{Extensions, File};
use super::file_record::{FileRecord, is_damaged, is_record, no_record};
use super::mft::MftRun;
use super::record::Recorder;
use super::record_facts::record_facts;
use super::volume::Ntfs;
use super::widen;
use crate::buffer_pool::BufferPool;
use crate::{Error, FactsScan, Record, RecordFacts, Result, Scan, ScanUnit};

/// Bytes of MFT that one unit reads: small enough for a processor's own cache.
const UNIT: u64 = 256 << 10;

/// What is made of a file and its record.
pub(super) trait Made: Sized {
    fn of(file: &File<'_>, record: Record) -> Self;
}

impl Made for Record {
    fn of(_: &File<'_>, record: Record) -> Self {
        record
    }
}

impl Made for (Record, RecordFacts) {
    fn of(file: &File<'_>, record: Record) -> Self {
        let facts = record_facts(file, &record);
        (record, facts)
    }
}

impl Ntfs {
    /// Plans reading the records of `areas`, or all.
    pub(super) fn plan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        let mut units = Vec::new();
        let mut runs: Vec<MftRun> = self.mft.runs().to_vec();
        runs.sort_unstable_by_key(|run| run.place.start());
        for run in runs {
            match areas {
                None => self.push_units(&mut units, run, run.place),
                Some(areas) => {
                    for part in self.records_of(run, areas).ranges() {
                        self.push_units(&mut units, run, *part);
                    }
                }
            }
        }
        let pool = BufferPool::default();
        let visit = move |unit: &ScanUnit, visitor: &mut dyn FnMut(Result<Record>)| {
            let mut buffer = pool.take();
            self.visit(unit, deleted, &mut buffer, visitor);
            pool.give(buffer);
        };
        Scan { units, problems: Vec::new(), visit: Box::new(visit) }
    }

    /// Plans reading all records, with what they say of their names and attributes.
    pub(super) fn plan_facts(&self) -> FactsScan<'_> {
        let Scan { units, problems, .. } = self.plan(None, true);
        let pool = BufferPool::default();
        let visit = move |unit: &ScanUnit, visitor: &mut dyn FnMut(Result<(Record, RecordFacts)>)| {
            let mut buffer = pool.take();
            self.visit(unit, true, &mut buffer, visitor);
            pool.give(buffer);
        };
        FactsScan { units, problems, visit: Box::new(visit) }
    }

    /// The parts of `areas` in a run, widened to whole records.
    fn records_of(&self, run: MftRun, areas: &RangeSet) -> RangeSet {
        let size = self.mft.record_size();
        let shift = run.start.checked_rem(size).unwrap_or(0);
        let align = |position: u64| {
            let inside = position.saturating_sub(run.place.start()).saturating_add(shift);
            inside.checked_div(size).unwrap_or(0).saturating_mul(size)
        };
        let place = |inside: u64| run.place.start().saturating_add(inside).saturating_sub(shift);
        areas
            .within(run.place)
            .map(|part| {
                let start = place(align(part.start()));
                let end = place(align(part.end().saturating_add(size).saturating_sub(1)));
                ByteRange::new(start.max(run.place.start()), end.min(run.place.end()))
            })
            .collect()
    }

    /// Cuts a part of a run into units of whole records. A record that begins in the run and ends in another
    /// belongs to the unit in which it begins.
    fn push_units(&self, units: &mut Vec<ScanUnit>, run: MftRun, part: ByteRange) {
        let size = self.mft.record_size();
        let position = run.start.saturating_add(part.start().saturating_sub(run.place.start()));
        // What is left of a record that began in the run before is read there.
        let skip = position.next_multiple_of(size).saturating_sub(position);
        let mut start = part.start().saturating_add(skip);
        let mut first = position.saturating_add(skip).checked_div(size).unwrap_or(0);
        while start < part.end() {
            let range = ByteRange::at(start, UNIT).intersection(part);
            let count = range.len().div_ceil(size);
            units.push(ScanUnit { range, first, count });
            start = range.end();
            first = first.saturating_add(count);
        }
    }

    fn visit<T: Made>(
        &self,
        unit: &ScanUnit,
        deleted: bool,
        buffer: &mut Vec<u8>,
        visitor: &mut dyn FnMut(Result<T>),
    ) {
        let size = usize::try_from(self.mft.record_size()).unwrap_or(usize::MAX);
        buffer.resize(usize::try_from(unit.range.len()).unwrap_or(0), 0);
        let read = self.view.read_exact_at(unit.range.start(), buffer);
        let mut place = unit.range.start();
        let mut number = unit.first;
        if read.is_ok() {
            let mut records = buffer.chunks_exact_mut(size);
            for bytes in records.by_ref() {
                self.visit_record(number, bytes, ByteRange::at(place, widen(size)), deleted, visitor);
                place = place.saturating_add(widen(size));
                number = number.saturating_add(1);
            }
            if !records.into_remainder().is_empty() {
                self.visit_split(number, deleted, visitor);
            }
            return;
        }
        self.visit_one_by_one(unit, deleted, visitor);
    }

    /// The same for a unit that cannot be read as a whole: what can be is kept.
    fn visit_one_by_one<T: Made>(&self, unit: &ScanUnit, deleted: bool, visitor: &mut dyn FnMut(Result<T>)) {
        let mut failing = false;
        for number in unit.first..unit.first.saturating_add(unit.count) {
            let Ok(record) = u32::try_from(number) else { return };
            match self.mft.read(RecordNumber(record)) {
                Ok((mut bytes, place)) => {
                    failing = false;
                    self.visit_record(number, &mut bytes, place, deleted, visitor);
                }
                Err(error) => {
                    // One message for a stretch.
                    if !failing {
                        visitor(Err(ReadError::corrupt(format!("MFT from record {number} on"))
                            .caused_by(error)
                            .into()));
                    }
                    failing = true;
                }
            }
        }
    }

    /// A record that two runs share.
    fn visit_split<T: Made>(&self, number: u64, deleted: bool, visitor: &mut dyn FnMut(Result<T>)) {
        let Ok(record) = u32::try_from(number) else { return };
        match self.mft.read(RecordNumber(record)) {
            Ok((mut bytes, place)) => self.visit_record(number, &mut bytes, place, deleted, visitor),
            // The MFT ends within it.
            Err(_) if record >= self.mft.records() => {}
            Err(error) => visitor(Err(error.into())),
        }
    }

    fn visit_record<T: Made>(
        &self,
        number: u64,
        bytes: &mut [u8],
        place: ByteRange,
        deleted: bool,
        visitor: &mut dyn FnMut(Result<T>),
    ) {
        let Ok(number) = u32::try_from(number).map(RecordNumber) else { return };
        if !is_record(bytes) {
            if is_damaged(bytes) {
                visitor(Err(no_record(number, place, bytes).into()));
            }
            return;
        }
        match self.record_in(number, bytes, place, deleted) {
            Ok(Some(record)) => visitor(Ok(record)),
            Ok(None) => {}
            Err(error) => visitor(Err(error)),
        }
    }

    /// The record of the file whose first record is in `bytes`; `None` where it extends another, or is not in use
    /// and not asked for.
    fn record_in<T: Made>(
        &self,
        number: RecordNumber,
        bytes: &mut [u8],
        place: ByteRange,
        deleted: bool,
    ) -> Result<Option<T>> {
        let mut problems = Vec::new();
        let record = FileRecord::parse(number, bytes, place, &mut problems).map_err(Error::from)?;
        let header = record.header;
        if header.base.is_some() || (!header.in_use && !deleted) {
            return Ok(None);
        }
        if is_blank(&record) {
            return Ok(None);
        }
        Ok(Some(self.record_with(record, problems)))
    }

    /// The record of the file that begins with this one, whose problems so far are given.
    fn record_with<T: Made>(&self, record: FileRecord<'_>, problems: Vec<ReadError>) -> T {
        let header = record.header;
        let mut extensions = Extensions::default();
        let mut file = File::new(header, problems);
        file.gather(self, record, &mut extensions);
        let mut found = Recorder { fs: self }.record(&mut file);
        self.add_elsewhere(header.number, &mut found.depends);
        if !header.in_use {
            self.check_overwritten(&mut found);
        }
        T::of(&file, found)
    }

    /// The record of a file.
    ///
    /// # Errors
    /// When it cannot be read, or has no such sequence number.
    pub(super) fn record_of(&self, reference: super::address::Reference) -> Result<Record> {
        let (mut bytes, place) = self.read_record(reference)?;
        let mut problems = Vec::new();
        let record = FileRecord::parse(reference.record, &mut bytes, place, &mut problems)?;
        if record.header.base.is_some() || !record.header.is_meant_by(reference) || is_blank(&record) {
            return Err(not_found(reference));
        }
        Ok(self.record_with(record, problems))
    }

    /// The stored bytes of a record.
    ///
    /// # Errors
    /// When there is no such record, or it cannot be read.
    pub(super) fn read_record(
        &self,
        reference: super::address::Reference,
    ) -> Result<(super::mft::RecordBytes, ByteRange)> {
        if reference.record.0 >= self.mft.records() {
            return Err(not_found(reference));
        }
        Ok(self.mft.read(reference.record)?)
    }

    /// Adds the part of a record that lies in another run of the MFT than its start.
    fn add_elsewhere(&self, number: RecordNumber, depends: &mut SmallVec<[ByteRange; 1]>) {
        if self.may_split
            && let Some((_, elsewhere)) = self.mft.place(number)
        {
            depends.extend(elsewhere);
        }
    }
}

/// Whether a record was never used: formatting fills the MFT with such.
fn is_blank(record: &FileRecord<'_>) -> bool {
    !record.header.in_use && record.attributes().next().is_none()
}

/// Says that a file is not there.
pub(super) fn not_found(reference: super::address::Reference) -> Error {
    Error::NotFound(format!(
        "a file with MFT record {} and sequence number {}",
        reference.record.0, reference.sequence
    ))
}
