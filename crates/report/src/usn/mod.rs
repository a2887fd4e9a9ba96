//! Reports of the change journal: of its records, and of the timeline that they and the MFT make.

mod csv;
mod flags;
mod json;
mod mftecmd;
mod table;
mod timeline_csv;
mod timeline_json;
mod timeline_table;

use std::io::{self, Write};

use vminspect_analysis::finding::GuestPath;
use vminspect_analysis::usn::{PathProblem, UsnRow};
use vminspect_artefact::usn::Record;
use vminspect_bytes::ReadError;
use vminspect_guest::Coverage;

/// A format of a report of the records of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsnFormat {
    /// One JSON array.
    Json,
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values.
    Csv,
    /// Comma-separated values with the columns of `MFTECmd`.
    MftECmd,
    /// For people.
    Table {
        /// Whether to colour.
        colour: bool,
    },
}

/// What is known of a record besides what it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsnPlace<'a> {
    /// Full path of the file when the record was written, where a disk was given.
    pub path: Option<&'a GuestPath>,
    /// Why the path is not known entirely.
    pub problem: Option<PathProblem>,
    /// Whether the record was found outside the journal. Its offset is one of the volume then.
    pub carved: bool,
    /// Whether it belongs to an earlier journal of the volume.
    pub stale: bool,
}

/// Prints the records of a journal as they come.
pub trait UsnReport {
    /// Begins with the records of a journal by its name.
    fn begin(&mut self, _journal: &str) {}

    /// Prints a record.
    ///
    /// # Errors
    /// Those of the output.
    fn record(&mut self, record: &Record<'_>, place: &UsnPlace<'_>) -> io::Result<()>;

    /// Prints that there is no record where one should be, after `index` records and errors.
    ///
    /// # Errors
    /// Those of the output.
    fn error(&mut self, index: u64, error: &ReadError) -> io::Result<()>;

    /// Ends the report. Only JSON Lines prints the coverage.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()>;
}

/// Begins a report of the records of journals.
///
/// # Errors
/// Those of the output.
pub fn records<'a, W: Write + 'a>(format: UsnFormat, out: W) -> io::Result<Box<dyn UsnReport + 'a>> {
    Ok(match format {
        UsnFormat::Json => Box::new(json::Records::array(out)?),
        UsnFormat::JsonLines => Box::new(json::Records::lines(out)),
        UsnFormat::Csv => Box::new(csv::Records::new(out)?),
        UsnFormat::MftECmd => Box::new(mftecmd::Records::new(out)?),
        UsnFormat::Table { colour } => Box::new(table::Records::new(out, colour)),
    })
}

/// Prints the rows of a timeline of the journal as they come.
pub trait UsnTimelineReport {
    /// Begins with the rows of a journal by its name.
    fn begin(&mut self, _journal: &str) {}

    /// Prints a row.
    ///
    /// # Errors
    /// Those of the output.
    fn row(&mut self, row: &UsnRow<'_>) -> io::Result<()>;

    /// Ends the report. Only JSON Lines prints the coverage.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()>;
}

/// What the rows of a timeline of the journal have besides the journal's own fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UsnFields {
    /// Hashes of files that are there.
    pub hash: bool,
    /// What files that are there are.
    pub file_type: bool,
    /// What came back of deleted files.
    pub recovered: bool,
}

/// Begins a timeline of the journal.
///
/// # Errors
/// Those of the output.
pub fn timeline<'a, W: Write + 'a>(
    format: UsnFormat,
    out: W,
    fields: UsnFields,
) -> io::Result<Box<dyn UsnTimelineReport + 'a>> {
    Ok(match format {
        UsnFormat::Json => Box::new(timeline_json::Rows::array(out, fields)?),
        UsnFormat::JsonLines => Box::new(timeline_json::Rows::lines(out, fields)),
        UsnFormat::Csv => Box::new(timeline_csv::Rows::new(out)?),
        UsnFormat::MftECmd => Box::new(mftecmd::Records::new(out)?),
        UsnFormat::Table { colour } => Box::new(timeline_table::Rows::new(out, colour)),
    })
}
