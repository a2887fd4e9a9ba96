//! What Timesketch imports: `message`, `datetime` and `timestamp_desc` are mandatory, `timestamp` is a whole number of
//! microseconds, and other fields are taken as they are.

use std::io::{self, Write};

use vminspect_analysis::timeline::{Event, Told};
use vminspect_guest::Coverage;

use super::events::signs;
use super::{EventFields, EventReport, words};
use crate::csv::Line;
use crate::{JsonWriter, Layout};

const HEADER: &str = "message,datetime,timestamp_desc,timestamp,source,source_long,path,inode,size,is_allocated,\
volume,local_time,signs,file_type,hash";

/// Comma-separated values.
pub(super) struct Csv<W> {
    out: W,
    fields: EventFields,
    left_out: u64,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(mut out: W, fields: EventFields) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out, fields, left_out: 0 })
    }
}

/// The column that has to be a whole number, also before 1970.
const TIMESTAMP: usize = 3;

/// The text of each column, in the order of the header. `None` of a time that the format cannot hold.
fn columns(fields: &EventFields, event: &Event<'_>, told: &Told) -> Option<[String; 15]> {
    let (source, source_long) = words::source(event, fields.format(event));
    Some([
        words::message(event),
        words::iso_offset(event.time, false)?,
        words::description(event).to_owned(),
        words::microseconds(event.time).to_string(),
        source.to_owned(),
        source_long,
        words::path(event).0,
        fields.id(event),
        event.size.to_string(),
        event.allocated.to_string(),
        event.volume.to_string(),
        event.local.to_string(),
        signs(event),
        told.file_type.clone().unwrap_or_default(),
        fields.hash(told).unwrap_or_default(),
    ])
}

impl<W: Write> EventReport for Csv<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let Some(columns) = columns(&self.fields, event, told) else {
            self.left_out += 1;
            return Ok(());
        };
        let mut line = Line::new(&mut self.out);
        for (at, column) in columns.iter().enumerate() {
            if at == TIMESTAMP { line.number(column)? } else { line.field(column)? }
        }
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// JSON Lines. There is no line for the coverage: Timesketch would take it for an event.
pub(super) struct JsonLines<W> {
    out: JsonWriter<W>,
    fields: EventFields,
    left_out: u64,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W, fields: EventFields) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), fields, left_out: 0 }
    }
}

impl<W: Write> EventReport for JsonLines<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let Some(columns) = columns(&self.fields, event, told) else {
            self.left_out += 1;
            return Ok(());
        };
        self.out.begin_object()?;
        for (name, text) in HEADER.split(',').zip(columns) {
            match name {
                "timestamp" | "size" | "volume" | "is_allocated" | "local_time" => {
                    self.out.key(name)?;
                    self.out.digits(format_args!("{text}"))?;
                }
                "signs" if !text.is_empty() => {
                    self.out.key(name)?;
                    self.out.begin_array()?;
                    text.split(' ').try_for_each(|sign| self.out.string(sign))?;
                    self.out.end_array()?;
                }
                _ if text.is_empty() => {}
                _ => self.out.text_field(name, &text)?,
            }
        }
        self.out.end_object()?;
        self.out.end_line()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}
