//! The CSV formats of log2timeline (`l2tcsv`) and of Plaso (`dynamic`).

use std::io::{self, Write};

use vminspect_analysis::timeline::{Event, Told};
use vminspect_guest::Coverage;

use super::events::signs;
use super::{EventFields, EventReport, words};
use crate::csv::Line;

const L2T: &str = "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,\
notes,format,extra";
const DYNAMIC: &str = "datetime,timestamp_desc,source,source_long,message,parser,display_name,tag";

/// The format of log2timeline.
pub(super) struct L2tCsv<W> {
    out: W,
    fields: EventFields,
    left_out: u64,
}

impl<W: Write> L2tCsv<W> {
    pub(super) fn new(mut out: W, fields: EventFields) -> io::Result<Self> {
        write!(out, "{L2T}\r\n")?;
        Ok(Self { out, fields, left_out: 0 })
    }
}

impl<W: Write> EventReport for L2tCsv<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let Some((year, month, day, hour, minute, second)) = words::civil(event.time) else {
            self.left_out += 1;
            return Ok(());
        };
        let (source, source_long) = words::source(event, self.fields.format(event));
        let (message, extra) = (words::message(event), self.extra(event, told));
        let mut line = Line::new(&mut self.out);
        line.field(&format!("{month:02}/{day:02}/{year:04}"))?;
        line.field(&format!("{hour:02}:{minute:02}:{second:02}"))?;
        // Local times are of no zone that is known.
        line.field("UTC")?;
        line.field(words::macb(event.reason))?;
        line.field(source)?;
        line.field(&source_long)?;
        line.field(words::description(event))?;
        line.plain("-")?;
        line.plain(self.fields.host.as_deref().unwrap_or("-"))?;
        line.field(&message)?;
        line.field(&message)?;
        line.field("2")?;
        line.field(&words::path(event).0)?;
        line.field(&self.fields.number(event).to_string())?;
        line.plain(if event.local { "local time" } else { "-" })?;
        line.field(words::parser(event.source))?;
        line.plain(&extra)?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl<W> L2tCsv<W> {
    /// What no column has: `name: value` with `; ` between.
    fn extra(&self, event: &Event<'_>, told: &Told) -> String {
        let pairs = [
            ("allocated", event.allocated.to_string()),
            ("nanoseconds", event.time.nanoseconds().to_string()),
            ("size", event.size.to_string()),
            ("volume", event.volume.to_string()),
            ("signs", signs(event)),
            ("hash", self.fields.hash(told).unwrap_or_default()),
        ];
        let said = pairs.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(name, text)| format!("{name}: {text}")).collect::<Vec<_>>().join("; ")
    }
}

/// The format of Plaso.
pub(super) struct Plaso<W> {
    out: W,
    fields: EventFields,
    left_out: u64,
}

impl<W: Write> Plaso<W> {
    pub(super) fn new(mut out: W, fields: EventFields) -> io::Result<Self> {
        write!(out, "{DYNAMIC}\r\n")?;
        Ok(Self { out, fields, left_out: 0 })
    }
}

impl<W: Write> EventReport for Plaso<W> {
    fn event(&mut self, event: &Event<'_>, _: &Told) -> io::Result<()> {
        let Some(time) = words::iso_offset(event.time, true) else {
            self.left_out += 1;
            return Ok(());
        };
        let (source, source_long) = words::source(event, self.fields.format(event));
        let mut line = Line::new(&mut self.out);
        line.field(&time)?;
        line.field(words::description(event))?;
        line.field(source)?;
        line.field(&source_long)?;
        line.field(&words::message(event))?;
        line.field(words::parser(event.source))?;
        line.field(&words::path(event).0)?;
        line.plain(&tag(event))?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// The labels of an event: `-` where there are none.
fn tag(event: &Event<'_>) -> String {
    let signs = signs(event);
    if signs.is_empty() { "-".to_owned() } else { signs }
}
