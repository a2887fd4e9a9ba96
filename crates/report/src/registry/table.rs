//! Keys and their values for people.

use std::io::{self, Write};

use vminspect_analysis::registry::{DeletedRow, KeyRow, KeySink, ValueRow};
use vminspect_artefact::registry::ValueType;
use vminspect_guest::Coverage;

use super::{HiveReport, data};
use crate::table::{Colour, Paint, pad};
use crate::{escape, time};

/// Prints the keys of a hive, each with its values below it.
pub(super) struct Dump<W> {
    out: W,
    paint: Paint,
    keys: u64,
    values: u64,
    deleted: u64,
}

impl<W: Write> Dump<W> {
    pub(super) fn new(out: W, colour: bool) -> Self {
        Self { out, paint: Paint { on: colour }, keys: 0, values: 0, deleted: 0 }
    }

    fn note(&mut self, deleted: Option<DeletedRow>) -> String {
        let Some(deleted) = deleted else { return String::new() };
        self.deleted = self.deleted.saturating_add(1);
        let place = deleted.place.as_str().replace('_', " ");
        let note = format!("[deleted: {place}, {} confidence]", deleted.confidence.as_str());
        format!("  {}", self.paint.paint(Colour::Red, &note))
    }
}

/// A value on one line: its name, type and data, made harmless.
pub(super) fn value_line(name: &[u8], kind: ValueType, bytes: Option<&[u8]>) -> String {
    let name = match name {
        b"" => "(default)".into(),
        name => escape::terminal(&data::text(name)).into_owned(),
    };
    let shown = bytes.map(|bytes| data::Shown::of(kind, bytes));
    let shown = shown.as_ref().map_or("(overwritten)".into(), data::Shown::line);
    format!("{}  {}  {}", pad(&name, 24), pad(&kind.to_string(), 13), escape::terminal(&shown))
}

impl<W: Write> KeySink for Dump<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let at = row.time().map_or_else(String::new, time::iso);
        let note = self.note(row.deleted);
        self.keys = self.keys.saturating_add(u64::from(row.key.is_some() && row.deleted.is_none()));
        let path = escape::terminal(&data::text(row.path)).into_owned();
        let path = self.paint.paint(Colour::Bold, &path);
        writeln!(self.out, "{}  {path}{note}", pad(&at, 28))
    }

    fn value(&mut self, row: &ValueRow<'_>) -> io::Result<()> {
        let note = self.note(row.deleted);
        self.values = self.values.saturating_add(u64::from(row.deleted.is_none()));
        let line = value_line(row.name, row.value.kind(), row.data);
        writeln!(self.out, "    {line}{note}")
    }

    fn end_key(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> HiveReport for Dump<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        write!(self.out, "{} keys, {} values", self.keys, self.values)?;
        match self.deleted {
            0 => writeln!(self.out)?,
            deleted => writeln!(self.out, ", and {deleted} that are deleted")?,
        }
        self.out.flush()
    }
}
