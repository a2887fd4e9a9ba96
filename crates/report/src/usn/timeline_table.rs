//! The timeline of the journal for people.

use std::io::{self, Write};

use vminspect_analysis::usn::UsnRow;
use vminspect_artefact::usn::FlagField;
use vminspect_guest::Coverage;

use super::{UsnTimelineReport, flags};
use crate::table::{Colour, Paint, pad, shown};
use crate::{escape, time};

/// Prints one line a row: when, the path, what happened, and what became of the file.
pub(super) struct Rows<W> {
    out: W,
    paint: Paint,
    rows: u64,
    unknown: u64,
    transient: u64,
}

impl<W: Write> Rows<W> {
    pub(super) fn new(out: W, colour: bool) -> Self {
        Self { out, paint: Paint { on: colour }, rows: 0, unknown: 0, transient: 0 }
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        let text = format!("[{}]", escape::terminal(text));
        write!(self.out, "  {}", self.paint.paint(Colour::Red, &text))
    }
}

impl<W: Write> UsnTimelineReport for Rows<W> {
    fn row(&mut self, row: &UsnRow<'_>) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        let path = self.paint.paint(Colour::Bold, &shown(row.path));
        let what = flags::short(FlagField::Reason, row.reasons);
        write!(self.out, "{}  {path}  {what}", pad(&time::iso(row.time), 28))?;
        if row.transient {
            self.transient = self.transient.saturating_add(1);
            self.note("created and deleted within the journal")?;
        } else if !row.now.allocated {
            self.note("deleted")?;
        }
        if let Some(recovered) = &row.content.recovered {
            self.note(&format!("recovered: {}", recovered.remains.verdict()))?;
        }
        if let Some(problem) = row.problem {
            self.unknown = self.unknown.saturating_add(1);
            self.note(&problem.to_string())?;
        }
        writeln!(self.out)
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        writeln!(
            self.out,
            "{} changes; {} of files that were created and deleted again; {} with a path that is not known entirely",
            self.rows, self.transient, self.unknown
        )?;
        self.out.flush()
    }
}
