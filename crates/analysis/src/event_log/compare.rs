use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use vminspect_artefact::evtx::{Form, System};
use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError, differ, refine};
use vminspect_filesystem::NameEncoding;
use vminspect_guest::{Coverage, EventLogFile, Guest};

use super::EventLog;
use super::clearing::Clearing;
use super::collect::{Collect, Row, Walk};
use super::events::EventBrief;
use super::fate::{Traces, channel_of, is_full, is_used};
use super::filter::EventFilter;
use super::finding::{EventComparison, LogChange, LogFate};
use super::open::Problems;
use crate::finding::GuestPath;

/// Bytes that are compared at once, where provenance does not tell that they are equal.
const UNIT: u64 = 4096;

/// Id and hash of a record's content.
type Identity = (u64, [u8; 16]);

/// Compares the event logs of two Windows guests, log by log, by their paths: which records does only the second
/// have, by id and content, and which logs lost records?
///
/// Logs whose bytes come from the same place, and chunks whose bytes are equal, are not decoded.
#[must_use]
pub fn compare_event_logs(before: &Guest, after: &Guest) -> EventComparison {
    let mut found = EventComparison::default();
    let (old, coverage) = before.event_logs();
    found.coverage.extend(coverage);
    let (new, coverage) = after.event_logs();
    found.coverage.extend(coverage);
    for (guest, logs) in [(before, &old), (after, &new)] {
        if logs.is_empty() && guest.coverage().has_failures() {
            // What the other has is neither created nor deleted: it may be where this one cannot be read.
            let error =
                ReadError::corrupt("event logs").found("none, which may be for what could not be read");
            found.coverage.add_read_error(guest.image(), b"", &error);
            return found;
        }
    }
    let (by_path, still) = (by_path(&old), by_path(&new));
    let mut clearings = Clearings::default();
    for log in &new {
        let older = by_path.get(&log.path.to_ascii_lowercase()).copied();
        compare_pair((before, older), (after, Some(log)), &mut clearings, &mut found);
    }
    for log in old.iter().filter(|old| !still.contains_key(&old.path.to_ascii_lowercase())) {
        compare_pair((before, Some(log)), (after, None), &mut clearings, &mut found);
    }
    clearings.tell(&mut found.logs);
    found.logs.sort_by(|a, b| (&a.log, a.fate).cmp(&(&b.log, b.fate)));
    found
}

/// Logs by their paths, whatever their case; the first of those that differ in it alone.
fn by_path(logs: &[EventLogFile]) -> HashMap<Vec<u8>, &EventLogFile> {
    let mut by_path = HashMap::with_capacity(logs.len());
    for log in logs {
        by_path.entry(log.path.to_ascii_lowercase()).or_insert(log);
    }
    by_path
}

/// What new events say of clearings. That a log was cleared, another one may tell.
#[derive(Default)]
struct Clearings {
    /// Channels that were cleared, in lower case.
    channels: HashSet<String>,
    /// Logs, by their place among the changed ones, of which nothing is left.
    emptied: Vec<usize>,
}

impl Clearings {
    fn tell(&self, logs: &mut [LogChange]) {
        for index in &self.emptied {
            let log = logs.get_mut(*index).filter(|log| self.channels.contains(&channel_of(&log.log.bytes)));
            log.into_iter().for_each(|log| log.fate = LogFate::Cleared);
        }
    }
}

type Side<'g> = (&'g Guest, Option<&'g EventLogFile>);

fn compare_pair(before: Side<'_>, after: Side<'_>, clearings: &mut Clearings, found: &mut EventComparison) {
    let old = match before.1.map(|file| bytes(before.0, file, &mut found.coverage)) {
        Some(None) => return,
        bytes => bytes.flatten(),
    };
    let new = match after.1.map(|file| bytes(after.0, file, &mut found.coverage)) {
        Some(None) => return,
        bytes => bytes.flatten(),
    };
    let areas = match (&old, &new) {
        (Some(old), Some(new)) => match differ(&**old, &**new) {
            Ok(areas) if areas.ranges().is_empty() => return,
            Ok(areas) => refine(&**old, &**new, &areas, UNIT),
            Err(_) => everything(),
        },
        _ => everything(),
    };
    if areas.ranges().is_empty() {
        return;
    }
    let path = |side: Side<'_>| side.1.map(|file| file.path.clone()).unwrap_or_default();
    let side = |side: Side<'_>, bytes: Option<Arc<dyn ReadAt>>, coverage: &mut Coverage| {
        let opened = bytes.map(|bytes| EventLog::open(side.0.image(), &path(side), bytes));
        opened.transpose().map_err(|error| coverage.add_read_error(side.0.image(), &path(side), &error))
    };
    let (Ok(old), Ok(new)) = (side(before, old, &mut found.coverage), side(after, new, &mut found.coverage))
    else {
        return;
    };
    let log = GuestPath::new(path(if new.is_some() { after } else { before }), NameEncoding::Wtf8);
    compare_logs(log, (old, new), &areas, clearings, found);
}

fn everything() -> RangeSet {
    std::iter::once(ByteRange::new(0, u64::MAX)).collect()
}

fn bytes(guest: &Guest, file: &EventLogFile, coverage: &mut Coverage) -> Option<Arc<dyn ReadAt>> {
    let opened = file.bytes(guest);
    opened.map_err(|error| coverage.add_error(guest.image(), &file.path, error.family(), &error)).ok()
}

fn compare_logs(
    path: GuestPath,
    (old, new): (Option<EventLog>, Option<EventLog>),
    areas: &RangeSet,
    clearings: &mut Clearings,
    found: &mut EventComparison,
) {
    let mut gone: HashSet<Identity> = HashSet::new();
    if let Some(old) = &old {
        walk(old, areas, &Identities, &mut found.coverage, |identity| {
            gone.insert(identity);
        });
    }
    let (mut kept, mut has_problems) = (0_u64, false);
    let mut created: Vec<EventBrief> = Vec::new();
    if let Some(new) = &new {
        let channel = channel_of(&path.bytes);
        has_problems = !walk(new, areas, &Briefs, &mut found.coverage, |(brief, identity, clearing)| {
            if gone.remove(&identity) {
                kept += 1;
                return;
            }
            // Events of other machines may have been forwarded to another log.
            let is_own = brief.channel.eq_ignore_ascii_case(&channel);
            let clearing = clearing.filter(|_| is_own).map(|clearing| clearing.channel.to_ascii_lowercase());
            clearings.channels.extend(clearing);
            created.push(brief);
        });
        created.sort_by_key(|event| (event.record_id, event.offset));
    }
    let first_new = created.first().map(|event| event.record_id);
    found.created.append(&mut created);
    let ids = || gone.iter().map(|(id, _)| *id);
    let gone_ids = ids().min().zip(ids().max());
    let is_left = !gone.is_empty() && (kept > 0 || has_equal_records(old.as_ref(), new.as_ref(), areas));
    let fate = match (&old, &new) {
        (None, _) => LogFate::Created,
        (_, None) => LogFate::Deleted,
        _ if gone.is_empty() => return,
        (_, Some(new)) => {
            Traces { is_left, has_problems, is_full: is_full(new), gone: gone_ids, first_new }.fate()
        }
    };
    if !is_left && matches!(fate, LogFate::Overwritten | LogFate::Replaced) {
        clearings.emptied.push(found.logs.len());
    }
    found.logs.push(LogChange { log: path, fate, gone: gone.len() as u64, gone_ids });
}

/// Whether both logs have records in a chunk of equal bytes.
fn has_equal_records(old: Option<&EventLog>, new: Option<&EventLog>, areas: &RangeSet) -> bool {
    let (Some(_), Some(new)) = (old, new) else { return false };
    let mut differ = Differing::new(areas);
    new.log.stored_chunks().any(|chunk| !differ.has(new, chunk) && is_used(new, chunk))
}

/// Chunks of which something lies in ranges. They are asked for in their order.
struct Differing<'a> {
    rest: &'a [ByteRange],
}

impl<'a> Differing<'a> {
    fn new(areas: &'a RangeSet) -> Self {
        Self { rest: areas.ranges() }
    }

    fn has(&mut self, log: &EventLog, chunk: u64) -> bool {
        let (start, end) = (log.log.chunk_offset(chunk), log.log.chunk_offset(chunk.saturating_add(1)));
        while let Some((first, others)) = self.rest.split_first()
            && first.end() <= start
        {
            self.rest = others;
        }
        self.rest.first().is_some_and(|range| range.start() < end)
    }
}

/// Collects the chunks of a log that differ. The flag is false where something could not be read.
fn walk<C, T>(
    log: &EventLog,
    areas: &RangeSet,
    collect: &C,
    coverage: &mut Coverage,
    mut each: impl FnMut(T),
) -> bool
where
    C: Collect<Batch = Vec<T>>,
{
    let filter = EventFilter::default();
    let walk = Walk { logs: std::slice::from_ref(log), form: Form::Xml, filter: &filter, recover: false };
    let mut problems = Problems::default();
    let mut differ = Differing::new(areas);
    let units = log.log.stored_chunks().filter(|chunk| differ.has(log, *chunk)).map(|chunk| (0, chunk));
    let result = walk.run(units, collect, |mut outcome| {
        problems.append(&mut outcome.problems);
        outcome.batch.into_iter().for_each(&mut each);
        Ok(())
    });
    log.tell(coverage, &problems);
    if let Err(error) = &result {
        // No thread could be started.
        coverage.add_read_error(
            &log.image,
            &log.path.bytes,
            &ReadError::io("event log", io::Error::other(error.to_string())),
        );
    }
    result.is_ok() && problems.is_empty()
}

fn identity(row: &Row<'_>) -> Identity {
    let hash = blake3::hash(row.text.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    (row.record.id, short)
}

struct Identities;

impl Collect for Identities {
    type Batch = Vec<Identity>;

    fn record(&self, row: &Row<'_>, batch: &mut Self::Batch) {
        batch.push(identity(row));
    }
}

struct Briefs;

impl Collect for Briefs {
    type Batch = Vec<(EventBrief, Identity, Option<Clearing>)>;

    fn record(&self, row: &Row<'_>, batch: &mut Self::Batch) {
        let brief = EventBrief::new(row, &System::of_xml(row.text));
        batch.push((brief, identity(row), Clearing::of_xml(row.text)));
    }
}
