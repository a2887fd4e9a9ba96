//! The timeline of the journal with the keys that the Python program had, and more behind them.

use std::io::{self, Write};

use vminspect_analysis::usn::UsnRow;
use vminspect_artefact::usn::FlagField;
use vminspect_guest::Coverage;

use super::{UsnFields, UsnTimelineReport, flags};
use crate::jsonl::{last_line, line};
use crate::{JsonWriter, Layout, path, remains, time};

/// Prints rows as one array, or as one object a line.
pub(super) struct Rows<W> {
    out: JsonWriter<W>,
    fields: UsnFields,
    as_lines: bool,
}

impl<W: Write> Rows<W> {
    pub(super) fn array(out: W, fields: UsnFields) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_array()?;
        Ok(Self { out, fields, as_lines: false })
    }

    pub(super) fn lines(out: W, fields: UsnFields) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), fields, as_lines: true }
    }
}

impl<W: Write> UsnTimelineReport for Rows<W> {
    fn row(&mut self, row: &UsnRow<'_>) -> io::Result<()> {
        let fields = self.fields;
        if !self.as_lines {
            self.out.begin_object()?;
            kept(&mut self.out, row, fields)?;
            more(&mut self.out, row)?;
            return self.out.end_object();
        }
        line(&mut self.out, "change", |out| {
            kept(out, row, fields)?;
            out.text_field("time", &time::iso(row.time))?;
            out.key("update_sequence_number")?;
            super::json::signed(out, row.usn)?;
            out.number_field("offset", row.offset)?;
            out.text_field("file", &row.file.to_string())?;
            out.text_field("parent", &row.parent.to_string())?;
            if row.source != 0 {
                out.key("source_info")?;
                out.begin_array()?;
                flags::json_names(out, FlagField::Source, row.source)?;
                out.end_array()?;
            }
            more(out, row)
        })
    }

    fn finish(&mut self, coverage: &Coverage) -> io::Result<()> {
        if self.as_lines {
            return last_line(&mut self.out, coverage);
        }
        self.out.end_array()?;
        self.out.end_line()?;
        self.out.flush()
    }
}

/// What the Python program printed.
fn kept<W: Write>(out: &mut JsonWriter<W>, row: &UsnRow<'_>, fields: UsnFields) -> io::Result<()> {
    match row.file.parts() {
        Some((number, _)) => out.number_field("file_reference_number", number)?,
        None => out.text_field("file_reference_number", &row.file.to_string())?,
    }
    path::write(out, "path", row.path)?;
    out.key("size")?;
    match row.now.size {
        Some(size) => out.number(size)?,
        None => out.digits(format_args!("-1"))?,
    }
    out.key("allocated")?;
    out.boolean(row.now.allocated)?;
    out.key("timestamp")?;
    out.string_by(|out| time::push_spaced(out, row.time))?;
    out.key("changes")?;
    flags::json(out, FlagField::Reason, row.reasons)?;
    out.key("attributes")?;
    flags::json(out, FlagField::Attributes, row.attributes)?;
    if fields.file_type && row.now.allocated {
        out.optional_text_field("type", row.content.file_type.as_deref())?;
    }
    let recovered = row.content.recovered.as_ref();
    let is_hashed = fields.hash && row.now.allocated || recovered.is_some();
    if let Some(digests) = row.content.digests.as_ref().filter(|_| is_hashed) {
        for (algorithm, digest) in digests.iter() {
            // The first is the one that was asked for, under the key that it always had.
            let key = if Some(digest) == digests.first() { "hash" } else { algorithm.as_str() };
            out.key(key)?;
            out.hex(digest.as_bytes())?;
        }
    }
    if fields.recovered && row.reasons & vminspect_artefact::usn::reason::FILE_DELETE != 0 {
        out.key("recovered")?;
        out.boolean(recovered.is_some() && row.content.host_name.is_some())?;
    }
    Ok(())
}

/// What it did not print.
fn more<W: Write>(out: &mut JsonWriter<W>, row: &UsnRow<'_>) -> io::Result<()> {
    if let Some(recovered) = &row.content.recovered {
        remains::json(out, &recovered.remains)?;
    }
    if let Some(name) = &row.content.host_name {
        out.text_field("file_name", name)?;
    }
    if let Some(problem) = &row.content.problem {
        out.text_field("problem", problem)?;
    }
    if row.transient {
        out.key("created_and_deleted")?;
        out.boolean(true)?;
    }
    match row.problem {
        Some(problem) => out.text_field("path_problem", &problem.to_string()),
        None => Ok(()),
    }
}
