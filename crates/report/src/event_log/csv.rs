use std::io;

use vminspect_analysis::event_log::{EventRow, EventSink, payload};
use vminspect_artefact::evtx::{Form, System};

use crate::csv::Line;
use crate::time;

pub(super) const HEADER: &str = "log,offset,event_record_id,time,provider,event_id,level,channel,computer,user_id,\
process_id,thread_id,keywords,recovered,data";

/// Comma-separated values.
pub(super) struct Csv;

impl EventSink for Csv {
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
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    let mut line = Line::new(out);
    line.field(row.log.name())?;
    line.field(&row.offset.to_string())?;
    line.field(&row.record.id.to_string())?;
    line.field(&time::iso(row.record.time()))?;
    line.field(&system.provider)?;
    line.field(&number(system.event_id))?;
    line.field(&number(system.level.map(u32::from)))?;
    let texts =
        [&system.channel, &system.computer, &system.user, &system.process, &system.thread, &system.keywords];
    texts.iter().try_for_each(|text| line.field(text))?;
    line.field(if row.record.recovered { "true" } else { "" })?;
    line.field(&payload(row.text))?;
    line.end()
}
