//! Records for people.

use std::io::{self, Write};

use vminspect_artefact::usn::{Body, FlagField, Record};
use vminspect_bytes::ReadError;
use vminspect_guest::Coverage;

use super::json::name_text;
use super::{UsnPlace, UsnReport, flags};
use crate::table::{Colour, Paint, pad, shown};
use crate::{escape, time};

/// Prints one line a record: when, which file, its path or name, and what happened.
pub(super) struct Records<W> {
    out: W,
    paint: Paint,
    records: u64,
    errors: u64,
}

impl<W: Write> Records<W> {
    pub(super) fn new(out: W, colour: bool) -> Self {
        Self { out, paint: Paint { on: colour }, records: 0, errors: 0 }
    }
}

impl<W: Write> UsnReport for Records<W> {
    fn record(&mut self, record: &Record<'_>, place: &UsnPlace<'_>) -> io::Result<()> {
        self.records = self.records.saturating_add(1);
        let at = record.change().map_or_else(String::new, |change| time::iso(change.time()));
        let name = match (&record.body, place.path) {
            (Body::Change(_), Some(path)) => shown(path),
            (Body::Change(change), None) => escape::terminal(&name_text(change.name).0).into_owned(),
            (Body::Ranges(ranges), _) => {
                let extents = ranges.extents().map(|extent| format!("{}+{}", extent.offset, extent.length));
                format!("(ranges {})", extents.collect::<Vec<_>>().join(" "))
            }
        };
        let what = flags::short(FlagField::Reason, record.reasons);
        let name = self.paint.paint(Colour::Bold, &name);
        let file = pad(&record.file.to_string(), 12);
        write!(self.out, "{}  {file}  {name}  {what}", pad(&at, 28))?;
        if record.source != 0 {
            write!(self.out, "  by {}", flags::short(FlagField::Source, record.source))?;
        }
        for (note, is) in [("carved", place.carved), ("of an earlier journal", place.stale)] {
            if is {
                write!(self.out, "  {}", self.paint.paint(Colour::Red, &format!("[{note}]")))?;
            }
        }
        writeln!(self.out)
    }

    fn error(&mut self, _: u64, error: &ReadError) -> io::Result<()> {
        self.errors = self.errors.saturating_add(1);
        let text = escape::terminal(&error.to_string()).into_owned();
        writeln!(self.out, "{}  {}", pad("", 28), self.paint.paint(Colour::Red, &text))
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        write!(self.out, "{} records", self.records)?;
        match self.errors {
            0 => writeln!(self.out)?,
            1 => writeln!(self.out, ", and one place without one")?,
            errors => writeln!(self.out, ", and {errors} places without one")?,
        }
        self.out.flush()
    }
}
