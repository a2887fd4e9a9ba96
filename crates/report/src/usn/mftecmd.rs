//! The columns that `MFTECmd` has for the journal. Records without a name (version 4), and places without a record,
//! have no line.

use std::io::{self, Write};

use vminspect_analysis::finding::GuestPath;
use vminspect_analysis::usn::UsnRow;
use vminspect_artefact::usn::{FileReference, FlagField, Record};
use vminspect_bytes::{ReadError, Timestamp};
use vminspect_filesystem::NameEncoding;
use vminspect_guest::Coverage;

use super::json::name_text;
use super::{UsnPlace, UsnReport, UsnTimelineReport, flags};
use crate::csv::Line;
use crate::time;

const HEADER: &str = "Name,Extension,EntryNumber,SequenceNumber,ParentEntryNumber,ParentSequenceNumber,ParentPath,\
UpdateSequenceNumber,UpdateTimestamp,UpdateReasons,FileAttributes,OffsetToData,SourceFile";

/// Prints one line a record.
pub(super) struct Records<W> {
    out: W,
    source: String,
}

impl<W: Write> Records<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out, source: String::new() })
    }

    fn line(&mut self, columns: &Columns<'_>) -> io::Result<()> {
        let mut line = Line::new(&mut self.out);
        line.field(columns.name)?;
        line.field(extension(columns.name))?;
        for file in [columns.file, columns.parent] {
            let (number, sequence) = numbers(file);
            line.field(&number)?;
            line.field(&sequence)?;
        }
        line.field(&columns.parent_path)?;
        line.number(columns.usn)?;
        line.field(&seven_digits(columns.time))?;
        line.field(&flags::mftecmd(FlagField::Reason, columns.reasons))?;
        line.field(&flags::mftecmd(FlagField::Attributes, columns.attributes))?;
        line.field(&columns.offset.to_string())?;
        line.field(&self.source)?;
        line.end()
    }
}

struct Columns<'a> {
    name: &'a str,
    file: FileReference,
    parent: FileReference,
    parent_path: String,
    usn: i64,
    time: Timestamp,
    reasons: u32,
    attributes: u32,
    offset: u64,
}

/// What follows the last dot of a name, with the dot.
fn extension(name: &str) -> &str {
    name.rfind('.').map(|dot| &name[dot..]).filter(|extension| extension.len() > 1).unwrap_or_default()
}

fn numbers(file: FileReference) -> (String, String) {
    match file.parts() {
        Some((number, sequence)) => (number.to_string(), sequence.to_string()),
        None => (file.to_string(), String::new()),
    }
}

/// The directory as `MFTECmd` has it: from the volume's root, which is a dot.
fn parent_path(path: Option<&GuestPath>, name: &[u8]) -> String {
    let Some(path) = path else { return String::new() };
    // A name can hold what separates names.
    let end = path.bytes.len().saturating_sub(name.len().saturating_add(1));
    let start = path.bytes.iter().position(|byte| matches!(byte, b'\\' | b'/')).unwrap_or(0).min(end);
    let inside = GuestPath::new(path.bytes[start..end].to_vec(), NameEncoding::Wtf8);
    format!(".{}", inside.to_text().0.replace('/', "\\"))
}

/// `yyyy-MM-dd HH:mm:ss.fffffff`.
fn seven_digits(at: Timestamp) -> String {
    time::iso(at).replace('T', " ").trim_end_matches('Z').to_owned()
}

impl<W: Write> UsnReport for Records<W> {
    fn begin(&mut self, journal: &str) {
        journal.clone_into(&mut self.source);
    }

    fn record(&mut self, record: &Record<'_>, place: &UsnPlace<'_>) -> io::Result<()> {
        let Some(change) = record.change() else { return Ok(()) };
        self.line(&Columns {
            name: &name_text(change.name).0,
            file: record.file,
            parent: record.parent,
            parent_path: parent_path(place.path, &change.name()),
            usn: record.usn,
            time: change.time(),
            reasons: record.reasons,
            attributes: change.attributes,
            offset: record.offset,
        })
    }

    fn error(&mut self, _: u64, _: &ReadError) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> UsnTimelineReport for Records<W> {
    fn begin(&mut self, journal: &str) {
        journal.clone_into(&mut self.source);
    }

    fn row(&mut self, row: &UsnRow<'_>) -> io::Result<()> {
        self.line(&Columns {
            name: &vminspect_bytes::decode_wtf8(row.name).0,
            file: row.file,
            parent: row.parent,
            parent_path: parent_path(Some(row.path), row.name),
            usn: row.usn,
            time: row.time,
            reasons: row.reasons,
            attributes: row.attributes,
            offset: row.offset,
        })
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
