//! What is missing from logs, and what is out of order in them.

use std::io;

use vminspect_artefact::evtx::{Chunk, Form, Record};
use vminspect_bytes::Timestamp;

use super::EventLog;
use super::clearing::Clearing;
use super::collect::{Collect, Row, Walk};
use super::filter::EventFilter;
use super::listing::EventSummary;
use super::open::Problems;

/// Gaps of one log that are told one by one. A hostile log has millions.
const MOST_TOLD: u64 = 10_000;

/// What is looked for besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GapOptions {
    /// Seconds without a record that are told; none are where this is `None`.
    pub silence: Option<u64>,
}

/// What is wrong at a place of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GapKind {
    /// The first record of the log has an id above 1: older ones were overwritten, or the log was cleared.
    FirstRecord,
    /// Ids between that of the record before and this one are missing, or an id comes again.
    IdJump {
        /// Id of the record before.
        before: u64,
    },
    /// A record that was written before the one with the id below its own: the clock was set back.
    TimeBackwards {
        /// When the record before was written.
        before: Timestamp,
    },
    /// A long time without a record.
    Silence {
        /// When the record before was written.
        before: Timestamp,
    },
    /// The file header's next record id is not the one after the last record.
    NextRecordId {
        /// What the header says.
        header: u64,
        /// What the records say.
        expected: u64,
        /// Whether the log was in use, in which case the header lags behind.
        is_dirty: bool,
    },
    /// A chunk that holds older records than the one before it in the file, though the log has begun anew with another
    /// chunk already: a log that is full does so once.
    ChunkOrder {
        /// Id of the first record of the chunk before.
        before: u64,
    },
    /// A log was cleared, as the record says.
    Cleared {
        /// The log.
        channel: String,
        /// Who did it.
        user: String,
    },
    /// Checksums that do not fit. In a log that is in use, those of the last chunk are old.
    Checksum {
        /// Whether the chunk's header has another.
        header: bool,
        /// Whether the chunk's records have another.
        records: bool,
    },
    /// More gaps than are told one by one.
    More {
        /// How many more there are.
        gaps: u64,
    },
}

impl GapKind {
    /// As reports spell it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::FirstRecord => "first_record",
            Self::IdJump { .. } => "id_jump",
            Self::TimeBackwards { .. } => "time_backwards",
            Self::Silence { .. } => "silence",
            Self::NextRecordId { .. } => "next_record_id",
            Self::ChunkOrder { .. } => "chunk_order",
            Self::Cleared { .. } => "cleared",
            Self::Checksum { .. } => "checksum",
            Self::More { .. } => "more",
        }
    }
}

/// A gap in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// What it is.
    pub kind: GapKind,
    /// Index of the log.
    pub log: usize,
    /// Where in the log's file: the record or chunk.
    pub offset: u64,
    /// Id of the record there.
    pub record_id: Option<u64>,
    /// When that was written.
    pub time: Option<Timestamp>,
}

/// Finds gaps in logs, log by log and in the order of record ids.
///
/// # Errors
/// When no thread can be started. What is wrong with the logs stands in the summary's coverage.
pub fn find_gaps(logs: &[EventLog], options: GapOptions) -> io::Result<(Vec<Gap>, EventSummary)> {
    let filter = EventFilter::default();
    let walk = Walk { logs, form: Form::Xml, filter: &filter, recover: false };
    let mut summary = EventSummary::default();
    let mut problems = vec![Problems::default(); logs.len()];
    let mut chunks: Vec<Parts> = logs.iter().map(|_| Parts::default()).collect();
    walk.run(walk.all_chunks(), &Looking { options }, |mut outcome| {
        summary.add(&mut outcome, &mut problems);
        summary.events += outcome.batch.records;
        if let Some(parts) = chunks.get_mut(outcome.log) {
            parts.add(outcome.batch);
        }
        Ok(())
    })?;
    summary.tell(logs, &problems);
    let mut gaps = Vec::new();
    for (index, (log, parts)) in logs.iter().zip(chunks).enumerate() {
        let (mut told, mut more) = (0, parts.more);
        join(log, parts.parts, options, &mut |found: Found| {
            if told < MOST_TOLD {
                told += 1;
                gaps.push(found.gap(index));
            } else {
                more += 1;
            }
        });
        if more > 0 {
            let at = Point { offset: 0, id: 0, written: 0 };
            gaps.push(Found { kind: GapKind::More { gaps: more }, at, has_record: false }.gap(index));
        }
    }
    Ok((gaps, summary))
}

/// A record's place, id and time.
#[derive(Clone, Copy)]
struct Point {
    offset: u64,
    id: u64,
    written: u64,
}

struct Found {
    kind: GapKind,
    at: Point,
    has_record: bool,
}

impl Found {
    fn new(kind: GapKind, at: Point) -> Self {
        Self { kind, at, has_record: true }
    }

    fn gap(self, log: usize) -> Gap {
        let time = Timestamp::from_filetime(self.at.written);
        let has_time = self.has_record && self.at.written != 0;
        Gap {
            kind: self.kind,
            log,
            offset: self.at.offset,
            record_id: self.has_record.then_some(self.at.id),
            time: has_time.then_some(time),
        }
    }
}

/// What is known of a chunk.
#[derive(Default)]
struct Part {
    records: u64,
    first: Option<Point>,
    last: Option<Point>,
    found: Vec<Found>,
}

/// What is known of the chunks of a log.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    /// What was found inside of them.
    found: u64,
    /// What was found besides, of which no more is known.
    more: u64,
}

impl Parts {
    fn add(&mut self, mut part: Part) {
        let room = usize::try_from(MOST_TOLD.saturating_sub(self.found)).unwrap_or(usize::MAX);
        self.more += part.found.len().saturating_sub(room) as u64;
        part.found.truncate(room);
        part.found.shrink_to_fit();
        self.found += part.found.len() as u64;
        if part.first.is_some() || !part.found.is_empty() {
            self.parts.push(part);
        }
    }
}

struct Looking {
    options: GapOptions,
}

impl Collect for Looking {
    type Batch = Part;

    fn chunk(&self, chunk: &Chunk, part: &mut Part) {
        let point = |record: &Record| Point {
            offset: chunk.file_offset(record),
            id: record.id,
            written: record.written,
        };
        part.records = chunk.records.len() as u64;
        (part.first, part.last) = (chunk.records.first().map(point), chunk.records.last().map(point));
        if let Some(header) = &chunk.header
            && !(header.header_checksum_holds && header.records_checksum_holds)
        {
            let kind = GapKind::Checksum {
                header: !header.header_checksum_holds,
                records: !header.records_checksum_holds,
            };
            let at = Point { offset: chunk.offset, id: 0, written: 0 };
            part.found.push(Found { kind, at, has_record: false });
        }
        for pair in chunk.records.windows(2) {
            if let [before, after] = pair {
                step(point(before), point(after), self.options, &mut |found| part.found.push(found));
            }
        }
    }

    fn record(&self, row: &Row<'_>, part: &mut Part) {
        if let Some(Clearing { channel, user }) = Clearing::of_xml(row.text) {
            let at = Point { offset: row.offset, id: row.record.id, written: row.record.written };
            part.found.push(Found::new(GapKind::Cleared { channel, user }, at));
        }
    }
}

/// What lies between two records of which one should follow the other.
fn step(before: Point, after: Point, options: GapOptions, tell: &mut dyn FnMut(Found)) {
    if before.id.checked_add(1) != Some(after.id) {
        tell(Found::new(GapKind::IdJump { before: before.id }, after));
    }
    // The last record of a log that was exported may have no time.
    if before.written == 0 || after.written == 0 {
        return;
    }
    let time = Timestamp::from_filetime(before.written);
    if after.written < before.written {
        tell(Found::new(GapKind::TimeBackwards { before: time }, after));
    }
    let silence = (after.written.saturating_sub(before.written)) / 10_000_000;
    if options.silence.is_some_and(|limit| silence >= limit) {
        tell(Found::new(GapKind::Silence { before: time }, after));
    }
}

/// What lies between the chunks of a log, in its place among what was found inside them.
fn join(log: &EventLog, mut parts: Vec<Part>, options: GapOptions, tell: &mut dyn FnMut(Found)) {
    chunk_order(&parts, tell);
    // Stable: what has no records stays where it is in the file, at the beginning.
    parts.sort_by_key(|part| part.first.map(|first| first.id));
    let mut before: Option<Point> = None;
    for part in parts {
        if let Some(first) = part.first {
            match before {
                Some(before) => step(before, first, options, tell),
                None if first.id > 1 => tell(Found::new(GapKind::FirstRecord, first)),
                None => {}
            }
        }
        let mut found = part.found;
        found.sort_by_key(|found| found.at.offset);
        found.into_iter().for_each(&mut *tell);
        before = part.last.or(before);
    }
    let Some((header, last)) = log.log.header().zip(before) else { return };
    let expected = last.id.saturating_add(1);
    if header.next_record_id != expected {
        let is_dirty = header.is_dirty();
        let kind = GapKind::NextRecordId { header: header.next_record_id, expected, is_dirty };
        tell(Found { kind, at: Point { offset: 24, id: 0, written: 0 }, has_record: false });
    }
}

/// A log begins anew at its first chunk once it is full: its chunks are in order but for one place.
fn chunk_order(parts: &[Part], tell: &mut dyn FnMut(Found)) {
    let firsts: Vec<Point> = parts.iter().filter_map(|part| part.first).collect();
    let mut turns = 0;
    for pair in firsts.windows(2) {
        let [before, after] = pair else { continue };
        turns += u32::from(after.id < before.id);
        if after.id < before.id && turns > 1 {
            tell(Found::new(GapKind::ChunkOrder { before: before.id }, *after));
        }
    }
    // Where it began anew, what follows the last chunk is in the first one.
    if let (Some(first), Some(last)) = (firsts.first(), firsts.last())
        && turns == 1
        && last.id > first.id
    {
        let descent = firsts.windows(2).find(|pair| matches!(pair, [a, b] if b.id < a.id));
        if let Some([before, after]) = descent {
            tell(Found::new(GapKind::ChunkOrder { before: before.id }, *after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_gaps_are_kept() {
        let at = Point { offset: 0, id: 9, written: 0 };
        let mut parts = Parts::default();
        for _ in 0..3 {
            let found = (0..4000).map(|_| Found::new(GapKind::FirstRecord, at)).collect();
            parts.add(Part { found, ..Part::default() });
        }
        let kept: usize = parts.parts.iter().map(|part| part.found.len()).sum();
        assert_eq!((kept as u64, parts.more), (MOST_TOLD, 2000));
        parts.add(Part::default());
        assert_eq!(parts.parts.len(), 3, "of chunks that hold nothing, nothing is kept");
    }
}
