//! Comma-separated values: every field of a record, with Microsoft's full names of flags.

use std::io::{self, Write};

use vminspect_analysis::finding::GuestPath;
use vminspect_artefact::usn::{Body, FlagField, Record};
use vminspect_bytes::ReadError;
use vminspect_guest::Coverage;

use super::json::name_text;
use super::{UsnPlace, UsnReport, flags};
use crate::csv::Line;
use crate::{escape, time};

const HEADER: &str = "usn,offset,time,file,parent,name,name_hex,path,path_hex,path_problem,reasons,source,\
attributes,security_id,version,length,extents,remaining_extents,carved,stale,error";

/// Columns, but for the last.
const COLUMNS: usize = 20;

/// Prints one line a record.
pub(super) struct Records<W> {
    out: W,
}

impl<W: Write> Records<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out })
    }
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "" }
}

impl<W: Write> UsnReport for Records<W> {
    fn record(&mut self, record: &Record<'_>, place: &UsnPlace<'_>) -> io::Result<()> {
        let change = record.change();
        let mut line = Line::new(&mut self.out);
        line.number(record.usn)?;
        line.field(&record.offset.to_string())?;
        line.field(&change.map_or_else(String::new, |change| time::iso(change.time())))?;
        line.field(&record.file.to_string())?;
        line.field(&record.parent.to_string())?;
        let (name, name_hex) = change.map(|change| name_text(change.name)).unwrap_or_default();
        line.field(&name)?;
        line.field(&name_hex)?;
        let (path, exact) = place.path.map_or((String::new(), true), GuestPath::to_text);
        line.field(&path)?;
        line.field(&match place.path {
            Some(path) if !exact => escape::to_hex(&path.to_stored()),
            _ => String::new(),
        })?;
        line.field(&place.problem.map_or_else(String::new, |problem| problem.to_string()))?;
        line.field(&flags::full(FlagField::Reason, record.reasons))?;
        line.field(&flags::full(FlagField::Source, record.source))?;
        let attributes = change.map(|change| flags::full(FlagField::Attributes, change.attributes));
        line.field(&attributes.unwrap_or_default())?;
        line.field(&change.map_or_else(String::new, |change| change.security_id.to_string()))?;
        line.field(&format!("{}.{}", record.major_version, record.minor_version))?;
        line.field(&record.length.to_string())?;
        let (extents, remaining) = match &record.body {
            Body::Ranges(ranges) => {
                let extents = ranges.extents().map(|extent| format!("{}:{}", extent.offset, extent.length));
                (extents.collect::<Vec<_>>().join(" "), ranges.remaining.to_string())
            }
            Body::Change(_) => Default::default(),
        };
        line.field(&extents)?;
        line.field(&remaining)?;
        line.field(truth(place.carved))?;
        line.field(truth(place.stale))?;
        line.field("")?;
        line.end()
    }

    fn error(&mut self, _: u64, error: &ReadError) -> io::Result<()> {
        let mut line = Line::new(&mut self.out);
        line.field("")?;
        line.field(&error.offset().map_or_else(String::new, |offset| offset.to_string()))?;
        (2..COLUMNS).try_for_each(|_| line.field(""))?;
        line.field(&error.to_string())?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
