use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use vminspect_artefact::evtx::{Form, System};
use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError, differ, refine};
use vminspect_filesystem::NameEncoding;
use vminspect_guest::{Coverage, EventLogFile, Guest};

use super::EventLog;
use super::collect::{Collect, Row, Walk};
use super::events::EventBrief;
use super::filter::EventFilter;
use super::finding::{EventComparison, LogChange, LogFate};
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
    let same = |a: &EventLogFile, b: &EventLogFile| a.path.eq_ignore_ascii_case(&b.path);
    for (guest, logs) in [(before, &old), (after, &new)] {
        if logs.is_empty() && guest.coverage().has_failures() {
            // What the other has is neither created nor deleted: it may be where this one cannot be read.
            let error =
                ReadError::corrupt("event logs").found("none, which may be for what could not be read");
            found.coverage.add_read_error(guest.image(), b"", &error);
            return found;
        }
    }
    for log in &new {
        let older = old.iter().find(|old| same(old, log));
        compare_pair((before, older), (after, Some(log)), &mut found);
    }
    for log in old.iter().filter(|old| !new.iter().any(|new| same(old, new))) {
        compare_pair((before, Some(log)), (after, None), &mut found);
    }
    found.logs.sort_by(|a, b| (&a.log, a.fate).cmp(&(&b.log, b.fate)));
    found
}

type Side<'g> = (&'g Guest, Option<&'g EventLogFile>);

fn compare_pair(before: Side<'_>, after: Side<'_>, found: &mut EventComparison) {
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
    compare_logs(log, old, new, &areas, found);
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
    old: Option<EventLog>,
    new: Option<EventLog>,
    areas: &RangeSet,
    found: &mut EventComparison,
) {
    let (is_new, is_gone) = (old.is_none(), new.is_none());
    let has_equal_chunks = match (&old, &new) {
        (Some(old), Some(new)) => {
            let all = |log: &EventLog| differing(log, areas).count() as u64 == log.log.chunk_count();
            !(all(old) && all(new))
        }
        _ => false,
    };
    let mut gone: HashSet<Identity> = HashSet::new();
    let mut kept = 0_u64;
    if let Some(old) = old {
        let result = walk(&old, areas, &Identities, &mut found.coverage, |(_, identity)| {
            gone.insert(identity);
        });
        debug_assert!(result.is_ok(), "nothing here fails");
    }
    if let Some(new) = new {
        let mut created = Vec::new();
        let result = walk(&new, areas, &Briefs, &mut found.coverage, |(brief, identity)| {
            if gone.remove(&identity) {
                kept += 1;
            } else {
                created.push(brief);
            }
        });
        debug_assert!(result.is_ok(), "nothing here fails");
        created.sort_by_key(|event: &EventBrief| (event.record_id, event.offset));
        found.created.append(&mut created);
    }
    let fate = match (is_new, is_gone, gone.is_empty()) {
        (true, ..) => LogFate::Created,
        (_, true, _) => LogFate::Deleted,
        (.., true) => return,
        _ if kept > 0 || has_equal_chunks => LogFate::Overwritten,
        _ => LogFate::Cleared,
    };
    let ids = || gone.iter().map(|(id, _)| *id);
    let gone_ids = ids().min().zip(ids().max());
    found.logs.push(LogChange { log: path, fate, gone: gone.len() as u64, gone_ids });
}

/// Chunks of a log of which something lies in `areas`.
fn differing<'a>(log: &'a EventLog, areas: &'a RangeSet) -> impl Iterator<Item = u64> + Send + 'a {
    let mut rest = areas.ranges();
    (0..log.log.chunk_count()).filter(move |chunk| {
        let (start, end) = (log.log.chunk_offset(*chunk), log.log.chunk_offset(chunk + 1));
        while let Some((first, others)) = rest.split_first()
            && first.end() <= start
        {
            rest = others;
        }
        rest.first().is_some_and(|range| range.start() < end)
    })
}

/// Collects the chunks of a log that differ.
fn walk<C, T>(
    log: &EventLog,
    areas: &RangeSet,
    collect: &C,
    coverage: &mut Coverage,
    mut each: impl FnMut(T),
) -> io::Result<()>
where
    C: Collect<Batch = Vec<T>>,
{
    let filter = EventFilter::default();
    let walk = Walk { logs: std::slice::from_ref(log), form: Form::Xml, filter: &filter, recover: false };
    let mut problems: Vec<ReadError> = Vec::new();
    let units = differing(log, areas).map(|chunk| (0, chunk));
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
    result
}

fn identity(row: &Row<'_>) -> Identity {
    let hash = blake3::hash(row.text.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    (row.record.id, short)
}

struct Identities;

impl Collect for Identities {
    type Batch = Vec<((), Identity)>;

    fn record(&self, row: &Row<'_>, batch: &mut Self::Batch) {
        batch.push(((), identity(row)));
    }
}

struct Briefs;

impl Collect for Briefs {
    type Batch = Vec<(EventBrief, Identity)>;

    fn record(&self, row: &Row<'_>, batch: &mut Self::Batch) {
        batch.push((EventBrief::new(row, &System::of_xml(row.text)), identity(row)));
    }
}
