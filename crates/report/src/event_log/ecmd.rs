//! The columns of `EvtxECmd`, for programs that read its CSV. What it fills by its maps of known events, which are
//! not ours, stays empty.

use std::io;

use vminspect_analysis::event_log::{EventRow, EventSink, payload};
use vminspect_artefact::evtx::{Form, System};
use vminspect_bytes::Timestamp;

use crate::csv::Line;
use crate::time;

pub(super) const HEADER: &str = "RecordNumber,EventRecordId,TimeCreated,EventId,Level,Provider,Channel,ProcessId,\
ThreadId,Computer,UserId,MapDescription,UserName,RemoteHost,PayloadData1,PayloadData2,PayloadData3,PayloadData4,\
PayloadData5,PayloadData6,ExecutableInfo,HiddenRecord,SourceFile,Keywords,Payload";

/// Columns from `MapDescription` to `ExecutableInfo`.
const BY_MAP: usize = 10;

/// `EvtxECmd`'s CSV.
pub(super) struct EvtxECmd;

impl EventSink for EvtxECmd {
    fn form(&self) -> Form {
        Form::Xml
    }

    fn write(&self, row: &EventRow<'_>, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = line(row, out);
    }
}

fn line(row: &EventRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let system = System::of_xml(row.text);
    let mut line = Line::new(out);
    line.field(&row.record.id.to_string())?;
    line.field(&system.record_id.unwrap_or(row.record.id).to_string())?;
    line.field(&spaced(row.record.time()))?;
    line.field(&system.event_id.map_or_else(String::new, |id| id.to_string()))?;
    line.field(&level(system.level))?;
    let texts =
        [&system.provider, &system.channel, &system.process, &system.thread, &system.computer, &system.user];
    texts.iter().try_for_each(|text| line.field(text))?;
    [""; BY_MAP].iter().try_for_each(|text| line.field(text))?;
    line.field(if row.record.recovered { "True" } else { "False" })?;
    line.field(row.log.name())?;
    line.field(keywords(&system.keywords))?;
    line.field(&payload(row.text))?;
    line.end()
}

/// A time with a blank between date and time of day, and seven digits of the second's fraction.
fn spaced(at: Timestamp) -> String {
    time::iso(at).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn level(level: Option<u8>) -> String {
    match level {
        Some(0) => "LogAlways".to_owned(),
        Some(1) => "Critical".to_owned(),
        Some(2) => "Error".to_owned(),
        Some(3) => "Warning".to_owned(),
        Some(4) => "Info".to_owned(),
        Some(5) => "Verbose".to_owned(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The names that `EvtxECmd` has for common keywords.
fn keywords(keywords: &str) -> &str {
    match keywords {
        "0x8020000000000000" => "Audit success",
        "0x8010000000000000" => "Audit failure",
        "0x80000000000000" => "Classic",
        other => other,
    }
}
