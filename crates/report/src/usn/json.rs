//! Records with the keys that the Python program had, and more behind them.

use std::io::{self, Write};

use vminspect_artefact::usn::{Body, Change, FileReference, FlagField, Record};
use vminspect_bytes::{ReadError, push_wtf8, utf16le_units};
use vminspect_guest::Coverage;

use super::{UsnPlace, UsnReport, flags};
use crate::jsonl::last_line;
use crate::{JsonWriter, Layout, escape, path, time};

/// Prints records as one array, or as one object a line.
pub(super) struct Records<W> {
    out: JsonWriter<W>,
    as_lines: bool,
}

impl<W: Write> Records<W> {
    pub(super) fn array(out: W) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_array()?;
        Ok(Self { out, as_lines: false })
    }

    pub(super) fn lines(out: W) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), as_lines: true }
    }

    fn object(&mut self, write: impl FnOnce(&mut JsonWriter<W>) -> io::Result<()>) -> io::Result<()> {
        self.out.begin_object()?;
        write(&mut self.out)?;
        self.out.end_object()?;
        if self.as_lines { self.out.end_line() } else { Ok(()) }
    }
}

impl<W: Write> UsnReport for Records<W> {
    fn record(&mut self, record: &Record<'_>, place: &UsnPlace<'_>) -> io::Result<()> {
        let with_offset = self.as_lines;
        self.object(|out| {
            fields(out, record)?;
            if with_offset || place.carved {
                out.quoted_key("\"offset\":")?;
                out.number(record.offset)?;
            }
            place_fields(out, place)
        })
    }

    fn error(&mut self, index: u64, error: &ReadError) -> io::Result<()> {
        self.object(|out| {
            out.quoted_key("\"index\":")?;
            out.number(index)?;
            out.optional_number_field("offset", error.offset())?;
            out.text_field("error", &error.to_string())
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

/// A file as two numbers, or as all digits of its 128 bits.
pub(super) fn reference<W: Write>(
    out: &mut JsonWriter<W>,
    (number_key, sequence_key): (&'static str, &'static str),
    file: FileReference,
) -> io::Result<()> {
    match file.parts() {
        Some((number, sequence)) => {
            out.quoted_key(number_key)?;
            out.number(number)?;
            out.quoted_key(sequence_key)?;
            out.number(sequence.into())
        }
        None => {
            out.quoted_key(number_key)?;
            out.string(&file.to_string())?;
            out.quoted_key(sequence_key)?;
            out.null()
        }
    }
}

const FILE: (&str, &str) = ("\"file_reference_number\":", "\"file_reference_number_sequence\":");
const PARENT: (&str, &str) =
    ("\"parent_file_reference_number\":", "\"parent_file_reference_number_sequence\":");

fn fields<W: Write>(out: &mut JsonWriter<W>, record: &Record<'_>) -> io::Result<()> {
    out.quoted_key("\"length\":")?;
    out.number(record.length.into())?;
    out.quoted_key("\"version\":")?;
    out.digits(format_args!("{}.{}", record.major_version, record.minor_version))?;
    reference(out, FILE, record.file)?;
    reference(out, PARENT, record.parent)?;
    out.quoted_key("\"update_sequence_number\":")?;
    signed(out, record.usn)?;
    let change = record.change();
    out.quoted_key("\"timestamp\":")?;
    match change {
        Some(change) => out.string_by(|out| time::push_spaced(out, change.time()))?,
        None => out.null()?,
    }
    out.quoted_key("\"reasons\":")?;
    flags::json(out, FlagField::Reason, record.reasons)?;
    out.quoted_key("\"source_info\":")?;
    flags::json(out, FlagField::Source, record.source)?;
    match change {
        Some(change) => change_fields(out, change),
        None => range_fields(out, record),
    }
}

fn change_fields<W: Write>(out: &mut JsonWriter<W>, change: &Change<'_>) -> io::Result<()> {
    out.quoted_key("\"security_id\":")?;
    out.number(change.security_id.into())?;
    out.quoted_key("\"file_attributes\":")?;
    flags::json(out, FlagField::Attributes, change.attributes)?;
    out.quoted_key("\"file_name\":")?;
    let mut exact = true;
    out.string_by(|buffer| {
        exact = escape::json_utf16(buffer, change.name);
        if !exact {
            escape::json_inside(buffer, &name_text(change.name).0);
        }
    })?;
    if exact {
        return Ok(());
    }
    out.quoted_key("\"file_name_hex\":")?;
    out.hex(change.name)
}

fn range_fields<W: Write>(out: &mut JsonWriter<W>, record: &Record<'_>) -> io::Result<()> {
    for key in ["security_id", "file_attributes", "file_name"] {
        out.key(key)?;
        out.null()?;
    }
    let Body::Ranges(ranges) = &record.body else { return Ok(()) };
    out.quoted_key("\"remaining_extents\":")?;
    out.number(ranges.remaining.into())?;
    out.quoted_key("\"extents\":")?;
    out.begin_array()?;
    for extent in ranges.extents() {
        out.begin_object()?;
        out.quoted_key("\"offset\":")?;
        signed(out, extent.offset)?;
        out.quoted_key("\"length\":")?;
        signed(out, extent.length)?;
        out.end_object()?;
    }
    out.end_array()
}

pub(super) fn signed<W: Write>(out: &mut JsonWriter<W>, number: i64) -> io::Result<()> {
    match u64::try_from(number) {
        Ok(number) => out.number(number),
        Err(_) => out.digits(format_args!("{number}")),
    }
}

fn place_fields<W: Write>(out: &mut JsonWriter<W>, place: &UsnPlace<'_>) -> io::Result<()> {
    if let Some(found) = place.path {
        path::write(out, "path", found)?;
    }
    if let Some(problem) = place.problem {
        out.text_field("path_problem", &problem.to_string())?;
    }
    for (key, value) in [("carved", place.carved), ("stale", place.stale)] {
        if value {
            out.key(key)?;
            out.boolean(true)?;
        }
    }
    Ok(())
}

/// A name of UTF-16 as text, and its bytes as digits where the text does not say all.
pub(super) fn name_text(name: &[u8]) -> (String, String) {
    let mut bytes = Vec::with_capacity(name.len());
    push_wtf8(utf16le_units(name), &mut bytes);
    let (text, exact) = vminspect_bytes::decode_wtf8(&bytes);
    let hex = if exact { String::new() } else { escape::to_hex(name) };
    (text, hex)
}
