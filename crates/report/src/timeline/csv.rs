//! Comma-separated values with all that there is to tell.

use std::io::{self, Write};

use vminspect_analysis::timeline::{Event, Told};
use vminspect_filesystem::FileKind;
use vminspect_guest::Coverage;

use super::events::signs;
use super::{EventFields, EventReport, words};
use crate::csv::Line;
use crate::{escape, time};

const HEADER: &str =
    "time,local_time,source,reason,volume,id,path,path_hex,kind,size,allocated,signs,type,hash,detail";

pub(super) struct Csv<W> {
    out: W,
    fields: EventFields,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(mut out: W, fields: EventFields) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out, fields })
    }
}

impl<W: Write> EventReport for Csv<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let (path, stored) = words::path(event);
        let mut line = Line::new(&mut self.out);
        line.field(&time::iso(event.time))?;
        line.field(if event.local { "true" } else { "" })?;
        line.field(event.source.as_str())?;
        line.field(event.reason.as_str())?;
        line.field(&event.volume.to_string())?;
        line.field(&self.fields.id(event))?;
        line.field(&path)?;
        line.field(&stored.map_or_else(String::new, |stored| escape::to_hex(&stored)))?;
        line.field(event.kind.map_or("", FileKind::as_str))?;
        line.field(&event.size.to_string())?;
        line.field(if event.allocated { "true" } else { "false" })?;
        line.field(&signs(event))?;
        line.field(told.file_type.as_deref().unwrap_or_default())?;
        line.field(&self.fields.hash(told).unwrap_or_default())?;
        line.field(event.detail)?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
