//! When the keys of a hive were written.

use std::io::{self, Write};

use vminspect_analysis::registry::{DeletedRow, KeyRow, KeySink, ValueRow};
use vminspect_artefact::registry::Key;
use vminspect_artefact::registry::Place;
use vminspect_bytes::Timestamp;
use vminspect_filesystem::NameEncoding;
use vminspect_guest::Coverage;

use super::csv::name;
use super::{HiveReport, data};
use crate::csv::Line;
use crate::jsonl::{last_line, line};
use crate::table::pad;
use crate::timeline::push_bodyfile_name;
use crate::{JsonWriter, Layout, escape, time};

/// What happened to a key at the only time that it has.
const REASON: &str = "key_written";

/// The time of a row: of keys, and only where there is one.
fn event<'r>(row: &KeyRow<'r>) -> Option<(&'r Key<'r>, Timestamp)> {
    let key = row.key.filter(|key| key.last_written_ticks() > 0)?;
    Some((key, key.last_written()))
}

fn fields<W: Write>(
    out: &mut JsonWriter<W>,
    at: Timestamp,
    path: &[u8],
    deleted: Option<DeletedRow>,
) -> io::Result<()> {
    // Seconds as a number, as in other timelines; there are seven digits in a FILETIME's.
    let ticks = i128::from(at.seconds()) * 10_000_000 + i128::from(at.nanoseconds() / 100);
    let (sign, ticks) = (if ticks < 0 { "-" } else { "" }, ticks.unsigned_abs());
    out.key("timestamp")?;
    out.digits(format_args!("{sign}{}.{:07}", ticks / 10_000_000, ticks % 10_000_000))?;
    out.text_field("time", &time::iso(at))?;
    data::name_field(out, "path", path)?;
    out.text_field("reason", REASON)?;
    if let Some(deleted) = deleted {
        out.key("deleted")?;
        out.boolean(true)?;
        out.text_field("confidence", deleted.confidence.as_str())?;
    }
    Ok(())
}

/// A report that has nothing to say of values.
macro_rules! without_values {
    () => {
        fn value(&mut self, _: &ValueRow<'_>) -> io::Result<()> {
            Ok(())
        }

        fn end_key(&mut self) -> io::Result<()> {
            Ok(())
        }
    };
}

/// One JSON array.
pub(super) struct Json<W> {
    out: JsonWriter<W>,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_array()?;
        Ok(Self { out })
    }
}

impl<W: Write> KeySink for Json<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some((_, at)) = event(row) else { return Ok(()) };
        self.out.begin_object()?;
        fields(&mut self.out, at, row.path, row.deleted)?;
        self.out.end_object()
    }

    without_values!();
}

impl<W: Write> HiveReport for Json<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.end_array()?;
        self.out.end_line()?;
        self.out.flush()
    }
}

/// A JSON object a line.
pub(super) struct JsonLines<W> {
    out: JsonWriter<W>,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line) }
    }
}

impl<W: Write> KeySink for JsonLines<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some((_, at)) = event(row) else { return Ok(()) };
        line(&mut self.out, "event", |out| fields(out, at, row.path, row.deleted))
    }

    without_values!();
}

impl<W: Write> HiveReport for JsonLines<W> {
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()> {
        last_line(&mut self.out, coverage)
    }
}

/// Comma-separated values.
pub(super) struct Csv<W> {
    out: W,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        write!(out, "time,path,path_hex,reason,deleted,confidence\r\n")?;
        Ok(Self { out })
    }
}

impl<W: Write> KeySink for Csv<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some((_, at)) = event(row) else { return Ok(()) };
        let mut line = Line::new(&mut self.out);
        line.field(&time::iso(at))?;
        name(&mut line, row.path)?;
        line.field(REASON)?;
        line.field(if row.deleted.is_some() { "true" } else { "" })?;
        line.field(row.deleted.map_or("", |deleted| deleted.confidence.as_str()))?;
        line.end()
    }

    without_values!();
}

impl<W: Write> HiveReport for Csv<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}

/// Lines of version 3 of the body file, which `mactime` reads. A key's place in the hive stands for its inode.
pub(super) struct Bodyfile<W> {
    out: W,
}

impl<W: Write> Bodyfile<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> KeySink for Bodyfile<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some((key, at)) = event(row) else { return Ok(()) };
        let (mut name, offset) = (Vec::new(), key.offset().in_file());
        push_bodyfile_name(row.path, NameEncoding::Wtf8, &mut name);
        let deleted = match row.deleted {
            Some(row) if row.place == Place::Unreferenced => " (unreferenced)",
            Some(_) => " (deleted)",
            None => "",
        };
        self.out.write_all(b"0|")?;
        self.out.write_all(&name)?;
        writeln!(self.out, "{deleted}|{offset}|0|0|0|0|0|{}|0|0", at.seconds())
    }

    without_values!();
}

impl<W: Write> HiveReport for Bodyfile<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}

/// A line for each key, for people.
pub(super) struct Table<W> {
    out: W,
}

impl<W: Write> Table<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> KeySink for Table<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some((_, at)) = event(row) else { return Ok(()) };
        let deleted = if row.deleted.is_some() { "  [deleted]" } else { "" };
        let path = data::text(row.path);
        writeln!(self.out, "{}  {}{deleted}", pad(&time::iso(at), 28), escape::terminal(&path))
    }

    without_values!();
}

impl<W: Write> HiveReport for Table<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
