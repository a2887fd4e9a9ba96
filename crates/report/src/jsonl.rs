//! JSON Lines: one finding a line, named by its `finding`, and the coverage in the last.

use std::io::{self, Write};

use vminspect_analysis::finding::{Comparison, FileFacts};
use vminspect_guest::Coverage;

use crate::report::{Changes, ExtractionSummary, ListingReport};
use crate::{Fields, JsonWriter, Layout, coverage, event_log, json, registry};

pub(crate) fn line<W: Write>(
    out: &mut JsonWriter<W>,
    finding: &str,
    write: impl FnOnce(&mut JsonWriter<W>) -> io::Result<()>,
) -> io::Result<()> {
    out.begin_object()?;
    out.text_field("finding", finding)?;
    write(out)?;
    out.end_object()?;
    out.end_line()
}

pub(crate) fn last_line<W: Write>(out: &mut JsonWriter<W>, problems: &Coverage) -> io::Result<()> {
    line(out, "coverage", |out| {
        out.key("complete")?;
        out.boolean(problems.is_complete())?;
        out.key("coverage")?;
        coverage::write_array(out, problems)
    })?;
    out.flush()
}

/// Prints a comparison.
///
/// # Errors
/// Those of the output.
pub fn comparison<W: Write>(
    out: W,
    comparison: &Comparison,
    extraction: Option<&ExtractionSummary>,
    changes: Changes<'_>,
    fields: &Fields,
) -> io::Result<()> {
    let out = &mut JsonWriter::new(out, Layout::Line);
    for each in &comparison.created {
        line(out, "created", |out| json::file(out, each, fields))?;
    }
    for each in &comparison.deleted {
        line(out, "deleted", |out| json::deleted(out, each, fields))?;
    }
    for each in &comparison.modified {
        line(out, "modified", |out| json::modified(out, each, fields))?;
    }
    for each in &comparison.created_other {
        line(out, "created_other", |out| json::other(out, each))?;
    }
    for each in &comparison.deleted_other {
        line(out, "deleted_other", |out| json::other(out, each))?;
    }
    for each in &comparison.renamed {
        line(out, "renamed", |out| json::renamed(out, each, fields))?;
    }
    for each in &comparison.metadata_changed {
        line(out, "metadata_changed", |out| json::metadata(out, each))?;
    }
    for each in &comparison.type_changed {
        line(out, "type_changed", |out| json::type_changed(out, each, fields))?;
    }
    for each in &comparison.areas_changed {
        line(out, "area_changed", |out| json::area_changed(out, each))?;
    }
    if let Some(found) = changes.registry {
        registry::json_lines(out, found)?;
    }
    if let Some(found) = changes.events {
        event_log::json_lines(out, found)?;
    }
    if let Some(extraction) = extraction {
        for name in &extraction.extracted {
            line(out, "extracted", |out| out.text_field("file", name))?;
        }
        for name in &extraction.errors {
            line(out, "extraction_error", |out| out.text_field("file", name))?;
        }
    }
    last_line(out, &comparison.coverage)
}

/// Prints a listing.
pub struct Listing<W> {
    out: JsonWriter<W>,
    fields: Fields,
}

impl<W: Write> Listing<W> {
    /// Begins.
    pub fn new(out: W, fields: Fields) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), fields }
    }
}

impl<W: Write> ListingReport for Listing<W> {
    fn row(&mut self, facts: &FileFacts) -> io::Result<()> {
        line(&mut self.out, "file", |out| json::file(out, facts, &self.fields))
    }

    fn finish(&mut self, problems: &Coverage) -> io::Result<()> {
        last_line(&mut self.out, problems)
    }
}
