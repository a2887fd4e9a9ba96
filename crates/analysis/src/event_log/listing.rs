use std::io::{self, Write};

use vminspect_artefact::evtx::{Form, Record};
use vminspect_guest::Coverage;

use super::EventLog;
use super::collect::{Collect, Outcome, Row, Walk};
use super::filter::EventFilter;
use super::open::Problems;
use super::order::Spool;

/// Bytes that most chunks come to.
const ROOM: usize = 160 << 10;

/// How events are listed.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Which are.
    pub filter: EventFilter,
    /// Also those that are found outside the records that chunks count as their own.
    pub recover: bool,
    /// In the order of their times over all logs, instead of that of the files. A temporary file holds them meanwhile.
    pub sorted: bool,
}

/// An event to be printed.
#[derive(Clone, Copy, Debug)]
pub struct EventRow<'r> {
    /// The log that it is in.
    pub log: &'r EventLog,
    /// Its record.
    pub record: &'r Record,
    /// Where in the log's file the record begins.
    pub offset: u64,
    /// Its content, in the form that [`EventSink::form`] names.
    pub text: &'r str,
}

/// Prints events, on many threads at once: each makes bytes of the events of one chunk.
pub trait EventSink: Sync {
    /// The form in which it needs the content.
    fn form(&self) -> Form;

    /// Appends an event.
    fn write(&self, row: &EventRow<'_>, out: &mut Vec<u8>);

    /// What stands between two events.
    fn separator(&self) -> &[u8] {
        b""
    }
}

/// What a listing came to.
#[derive(Clone, Debug, Default)]
pub struct EventSummary {
    /// Events that were taken.
    pub events: u64,
    /// Of these, events that were recovered.
    pub recovered: u64,
    /// Remains of records that cannot be decoded any more.
    pub lost_remains: u64,
    /// What could not be read.
    pub coverage: Coverage,
}

impl EventSummary {
    /// Takes over what became of a chunk.
    pub(super) fn add<B>(&mut self, outcome: &mut Outcome<B>, problems: &mut [Problems]) {
        self.lost_remains += outcome.lost_remains;
        if let Some(of) = problems.get_mut(outcome.log) {
            of.append(&mut outcome.problems);
        }
    }

    /// Tells what was found wrong, log by log.
    pub(super) fn tell(&mut self, logs: &[EventLog], problems: &[Problems]) {
        for (log, problems) in logs.iter().zip(problems) {
            log.tell(&mut self.coverage, problems);
        }
    }
}

/// Prints the events of logs.
///
/// # Errors
/// Those of the output, and of the temporary file of a sorted listing. What is wrong with the logs stands in the
/// summary's coverage.
pub fn list_events(
    logs: &[EventLog],
    options: &ListOptions,
    sink: &dyn EventSink,
    out: &mut dyn Write,
) -> io::Result<EventSummary> {
    let walk = Walk { logs, form: sink.form(), filter: &options.filter, recover: options.recover };
    let mut summary = EventSummary::default();
    let mut problems = vec![Problems::default(); logs.len()];
    let mut spool = if options.sorted { Some(Spool::new()?) } else { None };
    let mut is_first = true;
    walk.run(walk.all_chunks(), &Printing { sink, sorted: options.sorted }, |mut outcome| {
        summary.add(&mut outcome, &mut problems);
        let batch = outcome.batch;
        summary.events += batch.events;
        summary.recovered += batch.recovered;
        if batch.events == 0 {
            return Ok(());
        }
        if let Some(spool) = &mut spool {
            return spool.add(&batch.bytes, &batch.places);
        }
        if !std::mem::take(&mut is_first) {
            out.write_all(sink.separator())?;
        }
        out.write_all(&batch.bytes)
    })?;
    if let Some(spool) = spool {
        spool.write(sink.separator(), out)?;
    }
    summary.tell(logs, &problems);
    Ok(summary)
}

struct Printing<'s> {
    sink: &'s dyn EventSink,
    sorted: bool,
}

#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    /// Time and length of each event, for a sorted listing.
    places: Vec<(u64, usize)>,
    events: u64,
    recovered: u64,
}

impl Collect for Printing<'_> {
    type Batch = Printed;

    fn record(&self, row: &Row<'_>, batch: &mut Printed) {
        if batch.bytes.capacity() == 0 {
            batch.bytes.reserve(ROOM);
        }
        let start = batch.bytes.len();
        if start > 0 && !self.sorted {
            batch.bytes.extend_from_slice(self.sink.separator());
        }
        let row = EventRow { log: row.log, record: row.record, offset: row.offset, text: row.text };
        self.sink.write(&row, &mut batch.bytes);
        if self.sorted {
            batch.places.push((row.record.written, batch.bytes.len() - start));
        }
        batch.events += 1;
        batch.recovered += u64::from(row.record.recovered);
    }
}
