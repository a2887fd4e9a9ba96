use std::io;

use vminspect_artefact::evtx::{Form, System};
use vminspect_bytes::Timestamp;

use super::collect::{Collect, Row, Walk};
use super::filter::EventFilter;
use super::listing::EventSummary;
use super::message::short;
use super::open::Problems;
use super::{EventLog, message};
use crate::finding::GuestPath;

/// Bytes of a brief event's message.
const MESSAGE: usize = 240;

/// An event in brief, for a timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventBrief {
    /// When its record was written.
    pub time: Timestamp,
    /// The record's id.
    pub record_id: u64,
    /// Name of the program that logged it.
    pub provider: String,
    /// Number of the event; the provider says what it means.
    pub event_id: Option<u32>,
    /// 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 is none of them.
    pub level: Option<u8>,
    /// The log that it was meant for.
    pub channel: String,
    /// The machine.
    pub computer: String,
    /// Path of the log's file in the guest; empty for a file of the host.
    pub log: GuestPath,
    /// Where in that file the record begins.
    pub offset: u64,
    /// Whether it was recovered.
    pub recovered: bool,
    /// What it holds, as `name=value`, cut after some 240 bytes.
    pub message: String,
}

impl EventBrief {
    pub(super) fn new(row: &Row<'_>, system: &System<'_>) -> Self {
        Self {
            time: row.record.time(),
            record_id: row.record.id,
            provider: short(&system.provider),
            event_id: system.event_id,
            level: system.level,
            channel: short(&system.channel),
            computer: short(&system.computer),
            log: row.log.path.clone(),
            offset: row.offset,
            recovered: row.record.recovered,
            message: message(row.text, MESSAGE),
        }
    }
}

/// Tells `visit` every event of the logs that `filter` takes, in the order of the files. Chunks are decoded on all
/// threads of the current pool, and only so many wait for `visit`.
///
/// # Errors
/// Those of `visit`. What is wrong with the logs stands in the summary's coverage.
pub fn each_event(
    logs: &[EventLog],
    filter: &EventFilter,
    recover: bool,
    mut visit: impl FnMut(EventBrief) -> io::Result<()>,
) -> io::Result<EventSummary> {
    let walk = Walk { logs, form: Form::Xml, filter, recover };
    let mut summary = EventSummary::default();
    let mut problems = vec![Problems::default(); logs.len()];
    walk.run(walk.all_chunks(), &Briefs, |mut outcome| {
        summary.add(&mut outcome, &mut problems);
        for brief in outcome.batch {
            summary.events += 1;
            summary.recovered += u64::from(brief.recovered);
            visit(brief)?;
        }
        Ok(())
    })?;
    summary.tell(logs, &problems);
    Ok(summary)
}

struct Briefs;

impl Collect for Briefs {
    type Batch = Vec<EventBrief>;

    fn record(&self, row: &Row<'_>, batch: &mut Vec<EventBrief>) {
        batch.push(EventBrief::new(row, &System::of_xml(row.text)));
    }
}
