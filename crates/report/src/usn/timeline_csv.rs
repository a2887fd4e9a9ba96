//! The timeline of the journal as comma-separated values, with Microsoft's full names of flags.

use std::io::{self, Write};

use vminspect_analysis::Digest;
use vminspect_analysis::usn::UsnRow;
use vminspect_artefact::usn::FlagField;
use vminspect_guest::Coverage;

use super::{UsnTimelineReport, flags};
use crate::csv::Line;
use crate::{escape, time};

const HEADER: &str = "time,usn,file,parent,path,path_hex,path_problem,size,allocated,changes,source,attributes,\
created_and_deleted,type,hash,recovered,file_name,problem";

/// Prints one line a row.
pub(super) struct Rows<W> {
    out: W,
}

impl<W: Write> Rows<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out })
    }
}

impl<W: Write> UsnTimelineReport for Rows<W> {
    fn row(&mut self, row: &UsnRow<'_>) -> io::Result<()> {
        let mut line = Line::new(&mut self.out);
        line.field(&time::iso(row.time))?;
        line.number(row.usn)?;
        line.field(&row.file.to_string())?;
        line.field(&row.parent.to_string())?;
        let (path, exact) = row.path.to_text();
        line.field(&path)?;
        line.field(&if exact { String::new() } else { escape::to_hex(&row.path.to_stored()) })?;
        line.field(&row.problem.map_or_else(String::new, |problem| problem.to_string()))?;
        line.field(&row.now.size.map_or_else(String::new, |size| size.to_string()))?;
        line.field(if row.now.allocated { "true" } else { "false" })?;
        line.field(&flags::full(FlagField::Reason, row.reasons))?;
        line.field(&flags::full(FlagField::Source, row.source))?;
        line.field(&flags::full(FlagField::Attributes, row.attributes))?;
        line.field(if row.transient { "true" } else { "" })?;
        let content = row.content;
        line.field(content.file_type.as_deref().unwrap_or_default())?;
        let digest = content.digests.as_ref().and_then(|digests| digests.first());
        line.field(&digest.map(Digest::to_hex).unwrap_or_default())?;
        line.field(content.recovered.as_ref().map_or("", |recovered| recovered.remains.verdict()))?;
        line.field(content.host_name.as_deref().unwrap_or_default())?;
        line.field(content.problem.as_deref().unwrap_or_default())?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
