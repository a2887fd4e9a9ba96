//! Reports of event logs: their events, the gaps in them, and what was logged between two disks.

mod comparison;
mod csv;
mod ecmd;
mod gaps;
mod json;
mod safe;
mod xml;

use std::io::{self, Write};

use vminspect_analysis::event_log::{EventSink, EventSummary};

use crate::{JsonWriter, Layout, jsonl};

pub(crate) use comparison::{csv_rows, json_lines, summary, table_rows, write_member};
pub use gaps::gaps;

/// A format of a report of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventFormat {
    /// XML as Windows has it: an `Event` element for each event, without a declaration or a root. Strings may hold line
    /// breaks: an event ends with `</Event>`.
    Xml,
    /// One JSON array.
    Json,
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values, with what the event holds as JSON.
    Csv,
    /// The columns of `EvtxECmd`.
    EvtxECmd,
}

impl EventFormat {
    /// What prints the events.
    #[must_use]
    pub fn sink(self) -> Box<dyn EventSink> {
        match self {
            Self::Xml => Box::new(xml::Xml),
            Self::Json => Box::new(json::Json { is_array: true }),
            Self::JsonLines => Box::new(json::Json { is_array: false }),
            Self::Csv => Box::new(csv::Csv),
            Self::EvtxECmd => Box::new(ecmd::EvtxECmd),
        }
    }

    /// Writes what stands before the events.
    ///
    /// # Errors
    /// Those of the output.
    pub fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Xml | Self::JsonLines => Ok(()),
            Self::Json => out.write_all(b"[\n"),
            Self::Csv => write!(out, "{}\r\n", csv::HEADER),
            Self::EvtxECmd => write!(out, "{}\r\n", ecmd::HEADER),
        }
    }

    /// Writes what stands behind them. Only JSON Lines has the coverage.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(self, out: &mut dyn Write, summary: &EventSummary) -> io::Result<()> {
        match self {
            Self::Xml | Self::Csv | Self::EvtxECmd => {}
            Self::Json if summary.events == 0 => out.write_all(b"]\n")?,
            Self::Json => out.write_all(b"\n]\n")?,
            Self::JsonLines => {
                jsonl::last_line(&mut JsonWriter::new(&mut *out, Layout::Line), &summary.coverage)?;
            }
        }
        out.flush()
    }
}
