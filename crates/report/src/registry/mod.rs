//! Reports of one registry hive, and of what changed between registries.
//!
//! A report of a hive is written while the hive is walked. Names are decoded straight into the output, and so is text
//! in the format that has most of it to write, JSON.

mod base64;
mod comparison;
mod csv;
mod data;
mod json;
mod jsonl;
mod reg;
mod table;
#[cfg(test)]
mod tests;
mod timeline;
mod unique;

use std::io::{self, Write};

use vminspect_analysis::registry::KeySink;
use vminspect_guest::Coverage;

pub(crate) use comparison::{DiskRow, csv_rows, json_lines, summary, table_rows};
pub use comparison::{report as comparison, write_member as write_registry_member};

/// A format of a report of one hive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HiveFormat {
    /// One JSON object: a path and what its key holds.
    Json,
    /// A JSON object for each key and for each value.
    JsonLines,
    /// Comma-separated values: a line for each value, and for each key without values.
    Csv,
    /// Text that Windows' registry editor imports.
    Reg,
    /// For people.
    Table {
        /// Whether to colour.
        colour: bool,
    },
}

/// A format of a report of when keys were written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimelineFormat {
    /// One JSON array.
    Json,
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values.
    Csv,
    /// Lines for `mactime`.
    Bodyfile,
    /// For people.
    Table,
}

/// Prints the keys of a hive as they come.
pub trait HiveReport: KeySink {
    /// Ends the report. Only JSON Lines prints the coverage.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()>;

    /// Keys and values that the format cannot hold. They stand in the report as comments.
    fn left_out(&self) -> u64 {
        0
    }
}

/// Begins the report of a hive, which is called `name`.
///
/// # Errors
/// Those of the output.
pub fn hive<'a, W: Write + 'a>(
    format: HiveFormat,
    out: W,
    name: &str,
) -> io::Result<Box<dyn HiveReport + 'a>> {
    Ok(match format {
        HiveFormat::Json => Box::new(json::Dump::new(out)?),
        HiveFormat::JsonLines => Box::new(jsonl::Dump::new(out, name)),
        HiveFormat::Csv => Box::new(csv::Dump::new(out, name)?),
        HiveFormat::Reg => Box::new(reg::Dump::new(out)?),
        HiveFormat::Table { colour } => Box::new(table::Dump::new(out, colour)),
    })
}

/// Begins a report of when the keys of a hive were written. They have to come sorted by time.
///
/// # Errors
/// Those of the output.
pub fn timeline<'a, W: Write + 'a>(format: TimelineFormat, out: W) -> io::Result<Box<dyn HiveReport + 'a>> {
    Ok(match format {
        TimelineFormat::Json => Box::new(timeline::Json::new(out)?),
        TimelineFormat::JsonLines => Box::new(timeline::JsonLines::new(out)),
        TimelineFormat::Csv => Box::new(timeline::Csv::new(out)?),
        TimelineFormat::Bodyfile => Box::new(timeline::Bodyfile::new(out)),
        TimelineFormat::Table => Box::new(timeline::Table::new(out)),
    })
}
