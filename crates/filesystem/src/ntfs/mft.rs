//! The master file table: where its records lie, and reading them.

use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError};

use super::address::{RecordNumber, Reference};
use super::attribute::{Attribute, Form};
use super::attribute_list::AttributeList;
use super::boot_sector::Geometry;
use super::data_runs::ClusterRuns;
use super::file_record::{FileRecord, is_record};
use super::layout::{MFT_RECORD, attribute_type};
use super::widen;

/// Records that the mirror holds, where a cluster is not larger.
const MIRRORED: u32 = 4;
/// Parts of the MFT's own runs that are looked for: its attribute list has an entry for each.
const MOST_PARTS: usize = 1 << 16;

/// The bytes of one record.
pub(super) type RecordBytes = SmallVec<[u8; 1024]>;

/// A contiguous part of the MFT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MftRun {
    /// Position of its first byte in the MFT.
    pub(super) start: u64,
    /// Where it lies on the view.
    pub(super) place: ByteRange,
}

impl MftRun {
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.place.len())
    }
}

/// The MFT of a volume, or a loose one.
#[derive(Clone)]
pub(super) struct Mft {
    view: Arc<dyn ReadAt>,
    record_size: u32,
    runs: Vec<MftRun>,
    /// Where the mirror begins, and how many records it has.
    mirror: Option<(u64, u32)>,
    /// Bytes.
    size: u64,
}

impl Mft {
    /// An MFT that is all of `view`.
    pub(super) fn loose(view: Arc<dyn ReadAt>, record_size: u32) -> Self {
        let size = view.len();
        let runs = vec![MftRun { start: 0, place: ByteRange::at(0, size) }];
        Self { view, record_size, runs, mirror: None, size }
    }

    /// Finds the MFT of a volume by its first record, or by that of the mirror.
    ///
    /// # Errors
    /// When neither can be used.
    pub(super) fn of_volume(
        view: &Arc<dyn ReadAt>,
        geometry: &Geometry,
        problems: &mut Vec<ReadError>,
    ) -> Result<Self, ReadError> {
        let candidates = [(geometry.mft, "MFT"), (geometry.mft_mirror, "mirror of the MFT")];
        let mut errors = Vec::new();
        for (lcn, structure) in candidates {
            let mut found = Vec::new();
            match Self::from_first_record(view, geometry, lcn, &mut found) {
                Ok(mft) => {
                    problems.extend(
                        errors.into_iter().map(|error: ReadError| error.advice("its mirror is used")),
                    );
                    problems.append(&mut found);
                    return Ok(mft);
                }
                Err(error) => {
                    errors.push(ReadError::corrupt(structure).at(geometry.cluster.of(lcn)).caused_by(error));
                }
            }
        }
        let mut errors = errors.into_iter();
        let (first, second) = (errors.next(), errors.next());
        let error = first.unwrap_or_else(|| ReadError::corrupt("MFT"));
        Err(match second {
            Some(second) => error.advice(format!("its mirror is of no use either: {second}")),
            None => error,
        })
    }

    fn from_first_record(
        view: &Arc<dyn ReadAt>,
        geometry: &Geometry,
        lcn: u64,
        problems: &mut Vec<ReadError>,
    ) -> Result<Self, ReadError> {
        let place = ByteRange::at(geometry.cluster.of(lcn), geometry.record_bytes());
        let mut bytes = vec![0; usize::try_from(place.len()).unwrap_or(0)];
        view.read_exact_at(place.start(), &mut bytes)?;
        let number = RecordNumber(MFT_RECORD);
        let record = FileRecord::parse(number, &mut bytes, place, problems)?;
        let attributes: Vec<Attribute<'_>> = record.attributes().filter_map(Result::ok).collect();
        let mirror = geometry
            .contains(geometry.mft_mirror, 1)
            .then(|| (geometry.cluster.of(geometry.mft_mirror), mirrored(geometry)));
        let mut mft = Self {
            view: Arc::clone(view),
            record_size: geometry.record_size,
            runs: Vec::new(),
            mirror,
            size: 0,
        };
        let mut data = attributes.iter().filter(|attribute| attribute.is(attribute_type::DATA, ""));
        let first = data.find(|attribute| attribute.lowest_vcn() == 0);
        let Some(Attribute { form: Form::NonResident(part), .. }) = first else {
            return Err(ReadError::corrupt("MFT record 0").at(place.start()).found("no runs of the MFT"));
        };
        mft.size = part.initialised_size.min(part.data_size);
        mft.add_runs(geometry, part.mapping_pairs, 0, problems);
        if let Some(list) = attributes.iter().find(|each| each.type_code == attribute_type::ATTRIBUTE_LIST) {
            mft.add_extensions(geometry, list, place.start(), problems);
        }
        mft.finish(problems);
        if mft.runs.first().is_none_or(|run| run.start != 0) {
            return Err(ReadError::corrupt("MFT record 0")
                .at(place.start())
                .found("no first run of the MFT"));
        }
        Ok(mft)
    }

    fn add_runs(
        &mut self,
        geometry: &Geometry,
        pairs: &[u8],
        lowest_vcn: u64,
        problems: &mut Vec<ReadError>,
    ) {
        let damaged = |found: String| {
            ReadError::corrupt("runs of the MFT").found(found).advice("records there are not read")
        };
        for run in ClusterRuns::new(pairs, lowest_vcn) {
            match run {
                Ok(run) => match run.lcn {
                    Some(lcn) if geometry.contains(lcn, run.length) => self.runs.push(MftRun {
                        start: geometry.cluster.of(run.vcn),
                        place: ByteRange::at(geometry.cluster.of(lcn), geometry.cluster.of(run.length)),
                    }),
                    Some(lcn) => problems.push(damaged(format!("{} clusters from {lcn}", run.length))),
                    None => problems.push(damaged("a hole".to_owned())),
                },
                Err(found) => problems.push(damaged(found.to_owned())),
            }
        }
    }

    /// Adds the runs that stand in extension records. These lie in parts of the MFT that are known by then.
    fn add_extensions(
        &mut self,
        geometry: &Geometry,
        list: &Attribute<'_>,
        place: u64,
        problems: &mut Vec<ReadError>,
    ) {
        let list = match AttributeList::read(&*self.view, geometry, list, place) {
            Ok(list) => list,
            Err(error) => return problems.push(error),
        };
        let mut parts: Vec<(u64, Reference)> = Vec::new();
        for entry in list.entries().take(MOST_PARTS) {
            match entry {
                Ok(entry) if entry.type_code == attribute_type::DATA && entry.name.is_empty() => {
                    parts.push((entry.lowest_vcn, entry.reference));
                }
                Ok(_) => {}
                Err(error) => problems.push(error),
            }
        }
        parts.sort_unstable();
        parts.dedup();
        for (lowest_vcn, reference) in parts {
            if reference.record.0 == MFT_RECORD {
                continue;
            }
            if let Err(error) = self.add_extension(geometry, lowest_vcn, reference, problems) {
                problems.push(error.advice("records in that part of the MFT are not read"));
            }
        }
    }

    fn add_extension(
        &mut self,
        geometry: &Geometry,
        lowest_vcn: u64,
        reference: Reference,
        problems: &mut Vec<ReadError>,
    ) -> Result<(), ReadError> {
        self.runs.sort_unstable_by_key(|run| run.start);
        let (mut bytes, place) = self.read(reference.record)?;
        let record = FileRecord::parse(reference.record, &mut bytes, place, problems)?;
        let is_own = record.header.base.is_some_and(|base| base.record.0 == MFT_RECORD);
        let part = record
            .attributes()
            .filter_map(Result::ok)
            .find(|attribute| attribute.is(attribute_type::DATA, "") && attribute.lowest_vcn() == lowest_vcn);
        match part.map(|attribute| attribute.form) {
            Some(Form::NonResident(part)) if is_own => {
                self.add_runs(geometry, part.mapping_pairs, lowest_vcn, problems);
                Ok(())
            }
            _ => Err(ReadError::corrupt(format!("MFT record {}", reference.record.0))
                .at(place.start())
                .expected(format!("runs of the MFT from cluster {lowest_vcn} on"))
                .found("none")),
        }
    }

    /// Puts the runs into order and cuts them to what the view and the MFT have.
    fn finish(&mut self, problems: &mut Vec<ReadError>) {
        self.runs.sort_unstable_by_key(|run| run.start);
        let mut runs: Vec<MftRun> = Vec::with_capacity(self.runs.len());
        let view = ByteRange::at(0, self.view.len());
        let (mut end, mut cut) = (0_u64, 0_u64);
        for run in std::mem::take(&mut self.runs) {
            if run.start < end || run.start >= self.size {
                continue;
            }
            let wanted = run.place.truncate(self.size.saturating_sub(run.start));
            let place = wanted.intersection(view);
            cut = cut.saturating_add(wanted.len().saturating_sub(place.len()));
            end = run.end();
            match runs.last_mut() {
                Some(last) if last.end() == run.start && last.place.end() == place.start() => {
                    last.place = ByteRange::new(last.place.start(), place.end());
                }
                _ if place.is_empty() => {}
                _ => runs.push(MftRun { start: run.start, place }),
            }
        }
        self.runs = runs;
        let covered = self.runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.place.len()));
        let missing = self.size.saturating_sub(covered);
        if missing > 0 {
            let error = ReadError::corrupt("MFT")
                .expected(format!("runs for its {} bytes", self.size))
                .found(format!("{missing} bytes that cannot be read"));
            let error = if cut > 0 { error.advice("the image may be truncated") } else { error };
            problems.push(error);
        }
        // A damaged size must not promise more records than there can be.
        self.size = self.size.min(self.runs.last().map_or(0, MftRun::end));
    }

    /// The runs, in the order of records.
    pub(super) fn runs(&self) -> &[MftRun] {
        &self.runs
    }

    /// Bytes of a record.
    pub(super) fn record_size(&self) -> u64 {
        u64::from(self.record_size)
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u32 {
        u32::try_from(self.size.checked_div(self.record_size()).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Where records lie.
    pub(super) fn areas(&self) -> RangeSet {
        let mut places: Vec<ByteRange> = self.runs.iter().map(|run| run.place).collect();
        places.sort_unstable();
        places.into_iter().collect()
    }

    /// The parts of a record on the view: one, unless clusters are smaller than records.
    fn pieces(&self, number: RecordNumber) -> SmallVec<[ByteRange; 2]> {
        let start = u64::from(number.0).saturating_mul(self.record_size());
        let range = ByteRange::at(start, self.record_size());
        let first = self.runs.partition_point(|run| run.end() <= start);
        let mut pieces = SmallVec::new();
        for run in self.runs.get(first..).unwrap_or_default() {
            let part = range.intersection(ByteRange::new(run.start, run.end()));
            if part.is_empty() {
                break;
            }
            let skip = part.start().saturating_sub(run.start);
            pieces.push(ByteRange::at(run.place.start().saturating_add(skip), part.len()));
        }
        pieces
    }

    /// Where a record lies: its place, and what of it lies elsewhere.
    pub(super) fn place(&self, number: RecordNumber) -> Option<(ByteRange, SmallVec<[ByteRange; 1]>)> {
        let pieces = self.pieces(number);
        let (first, rest) = pieces.split_first()?;
        let total = pieces.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.len()));
        (total == self.record_size()).then(|| (*first, rest.iter().copied().collect()))
    }

    /// The bytes of a record as they are stored, and where it begins. A record that the mirror has, too, is taken
    /// from there when the MFT's own is none.
    ///
    /// # Errors
    /// When there is no such record, or it cannot be read.
    pub(super) fn read(&self, number: RecordNumber) -> Result<(RecordBytes, ByteRange), ReadError> {
        let own = self.read_own(number);
        if own.as_ref().is_ok_and(|(bytes, _)| is_record(bytes)) {
            return own;
        }
        match self.read_mirror(number) {
            Some(mirrored) => Ok(mirrored),
            None => own,
        }
    }

    fn read_own(&self, number: RecordNumber) -> Result<(RecordBytes, ByteRange), ReadError> {
        let pieces = self.pieces(number);
        let total = pieces.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.len()));
        let (Some(first), true) = (pieces.first(), total == self.record_size()) else {
            return Err(ReadError::corrupt(format!("MFT record {}", number.0))
                .expected(format!("one of {} records", self.records()))
                .found("a part of the MFT that has no place"));
        };
        let mut bytes = self.buffer();
        let mut rest = bytes.as_mut_slice();
        for piece in &pieces {
            let length = usize::try_from(piece.len()).unwrap_or(0);
            let Some((part, after)) = rest.split_at_mut_checked(length) else { break };
            self.view.read_exact_at(piece.start(), part)?;
            rest = after;
        }
        Ok((bytes, *first))
    }

    fn read_mirror(&self, number: RecordNumber) -> Option<(RecordBytes, ByteRange)> {
        let (start, _) = self.mirror.filter(|(_, count)| number.0 < *count)?;
        let offset = start.saturating_add(u64::from(number.0).saturating_mul(self.record_size()));
        let mut bytes = self.buffer();
        self.view.read_exact_at(offset, &mut bytes).ok()?;
        is_record(&bytes).then(|| {
            let length = widen(bytes.len());
            (bytes, ByteRange::at(offset, length))
        })
    }

    fn buffer(&self) -> RecordBytes {
        SmallVec::from_elem(0, usize::try_from(self.record_size).unwrap_or(0))
    }

    /// What the places of records depend on.
    pub(super) fn push_layout(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(&self.record_size.to_le_bytes());
        for run in &self.runs {
            for part in [run.start, run.place.start(), run.place.len()] {
                key.extend_from_slice(&part.to_le_bytes());
            }
        }
    }

    /// Whether the places of this MFT are those that `before` has, or these and more behind them. `before` is what
    /// [`Mft::push_layout`] added to a key.
    pub(super) fn continues_layout(&self, before: &[u8]) -> bool {
        let mut own = Vec::new();
        self.push_layout(&mut own);
        // The last run may have grown.
        let Some((shared, last)) = before.split_last_chunk::<8>() else { return false };
        let Some((own_shared, rest)) = own.split_at_checked(shared.len()) else { return false };
        let own_last = rest.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
        shared == own_shared && own_last.is_some_and(|length| length >= u64::from_le_bytes(*last))
    }
}

fn mirrored(geometry: &Geometry) -> u32 {
    geometry.cluster.0.checked_div(geometry.record_size).unwrap_or(0).max(MIRRORED)
}
