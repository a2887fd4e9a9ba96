//! A line for each event, for people.

use std::io::{self, Write};

use vminspect_analysis::timeline::{Event, Source, Told};
use vminspect_guest::Coverage;

use super::events::signs;
use super::{EventFields, EventReport, words};
use crate::table::pad;
use crate::{escape, time};

pub(super) struct Table<W> {
    out: W,
    fields: EventFields,
    colour: bool,
}

impl<W: Write> Table<W> {
    pub(super) fn new(out: W, fields: EventFields, colour: bool) -> Self {
        Self { out, fields, colour }
    }
}

impl<W: Write> EventReport for Table<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let mut notes = String::new();
        let mut note = |text: &str| {
            if !text.is_empty() {
                notes.push_str(&format!("  [{}]", escape::terminal(text)));
            }
        };
        note(if event.allocated || event.source == Source::EventLog { "" } else { "deleted" });
        note(if event.local { "local time" } else { "" });
        note(&signs(event));
        note(told.file_type.as_deref().unwrap_or_default());
        note(&self.fields.hash(told).unwrap_or_default());
        note(event.detail);
        let (from, to) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let path = words::path(event).0;
        writeln!(
            self.out,
            "{}  {}  {}  {}{from}{notes}{to}",
            pad(&time::iso(event.time), 30),
            pad(event.source.as_str(), 9),
            pad(event.reason.as_str(), 16),
            escape::terminal(&path)
        )
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
