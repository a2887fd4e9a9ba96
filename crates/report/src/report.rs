use std::io::{self, Write};

use vminspect_analysis::event_log::EventComparison;
use vminspect_analysis::finding::{Comparison, FileFacts};
use vminspect_analysis::registry::RegistryComparison;
use vminspect_guest::Coverage;

use crate::{Fields, csv, json, jsonl, table};

/// A format of reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// One indented JSON document.
    #[default]
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a header line.
    Csv,
    /// For people. `colour` says whether the output is a terminal that shows colours.
    Table {
        /// Whether to colour.
        colour: bool,
    },
}

/// What was compared besides files, where that was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes<'c> {
    /// What changed in the registry.
    pub registry: Option<&'c RegistryComparison>,
    /// What was logged.
    pub events: Option<&'c EventComparison>,
}

/// Which files `compare --extract` wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtractionSummary {
    /// Names of the files that were written: the first hash of their content.
    pub extracted: Vec<String>,
    /// Hashes of the files that could not be.
    pub errors: Vec<String>,
}

/// Prints the rows of a listing as they come.
pub trait ListingReport {
    /// Prints one file.
    ///
    /// # Errors
    /// Those of the output.
    fn row(&mut self, facts: &FileFacts) -> io::Result<()>;

    /// Ends the report. Only JSON Lines prints the coverage.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()>;
}

/// Begins the report of a listing.
///
/// # Errors
/// Those of the output.
pub fn listing<'a, W: Write + 'a>(
    format: Format,
    out: W,
    fields: &Fields,
) -> io::Result<Box<dyn ListingReport + 'a>> {
    Ok(match format {
        Format::Json => Box::new(json::Listing::new(out, fields.clone())?),
        Format::JsonLines => Box::new(jsonl::Listing::new(out, fields.clone())),
        Format::Csv => Box::new(csv::Listing::new(out)?),
        Format::Table { .. } => Box::new(table::Listing::new(out, fields.clone())?),
    })
}

/// Prints a comparison, with what else was compared.
///
/// # Errors
/// Those of the output.
pub fn comparison<W: Write>(
    format: Format,
    out: W,
    comparison: &Comparison,
    extraction: Option<&ExtractionSummary>,
    changes: Changes<'_>,
    fields: &Fields,
) -> io::Result<()> {
    match format {
        Format::Json => json::comparison(out, comparison, extraction, changes, fields),
        Format::JsonLines => jsonl::comparison(out, comparison, extraction, changes, fields),
        Format::Csv => csv::comparison(out, comparison, changes),
        Format::Table { colour } => table::comparison(out, comparison, extraction, changes, colour),
    }
}
