//! CSV: a line for each value, and one for each key that has none.

use std::io::{self, Write};

use vminspect_analysis::registry::{DeletedRow, KeyRow, KeySink, ValueRow};
use vminspect_guest::Coverage;

use super::{HiveReport, data};
use crate::csv::Line;
use crate::{escape, time};

const HEADER: &str = "hive,path,path_hex,time,class,flags,name,name_hex,type,type_number,size,data,data_hex,\
offset,deleted,place,confidence";

/// Prints the keys and values of a hive.
pub(super) struct Dump<W> {
    out: W,
    hive: String,
    /// The fields of the key, up to its flags.
    key: Vec<u8>,
    /// What the line of the key would end with, until a value comes.
    pending: Option<(String, Option<DeletedRow>)>,
}

impl<W: Write> Dump<W> {
    pub(super) fn new(mut out: W, hive: &str) -> io::Result<Self> {
        write!(out, "{HEADER}\r\n")?;
        Ok(Self { out, hive: hive.to_owned(), key: Vec::new(), pending: None })
    }
}

/// A name, and its UTF-16LE bytes in the next field when it is no Unicode.
pub(super) fn name<W: Write>(line: &mut Line<'_, W>, name: &[u8]) -> io::Result<()> {
    line.field(&data::text(name))?;
    line.field(&data::stored_if_inexact(name).map_or_else(String::new, |stored| escape::to_hex(&stored)))
}

fn end<W: Write>(mut line: Line<'_, W>, offset: &str, deleted: Option<DeletedRow>) -> io::Result<()> {
    line.field(offset)?;
    line.field(if deleted.is_some() { "true" } else { "" })?;
    line.field(deleted.map_or("", |deleted| deleted.place.as_str()))?;
    line.field(deleted.map_or("", |deleted| deleted.confidence.as_str()))?;
    line.end()
}

impl<W: Write> KeySink for Dump<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        self.key.clear();
        let mut line = Line::new(&mut self.key);
        line.field(&self.hive)?;
        name(&mut line, row.path)?;
        line.field(&row.time().map_or_else(String::new, time::iso))?;
        line.field(&data::text(row.class.unwrap_or_default()))?;
        line.field(&row.key.map_or_else(String::new, |key| key.flag_names().join(" ")))?;
        self.pending = row.key.map(|key| (key.offset().in_file().to_string(), row.deleted));
        Ok(())
    }

    fn value(&mut self, row: &ValueRow<'_>) -> io::Result<()> {
        self.pending = None;
        self.out.write_all(&self.key)?;
        let mut line = Line::going_on(&mut self.out);
        let kind = row.value.kind();
        name(&mut line, row.name)?;
        line.field(kind.name().unwrap_or_default())?;
        line.field(&kind.0.to_string())?;
        line.field(&row.value.size().to_string())?;
        match row.data.map(|bytes| data::Shown::of(kind, bytes)) {
            Some(shown) => shown_fields(&mut line, &shown)?,
            None => ["", ""].iter().try_for_each(|text| line.field(text))?,
        }
        end(line, &row.value.offset().in_file().to_string(), row.deleted)
    }

    fn end_key(&mut self) -> io::Result<()> {
        let Some((offset, deleted)) = self.pending.take() else { return Ok(()) };
        self.out.write_all(&self.key)?;
        let mut line = Line::going_on(&mut self.out);
        [""; 7].iter().try_for_each(|text| line.field(text))?;
        end(line, &offset, deleted)
    }
}

/// Data as text, and as hexadecimal digits where that does not say all of it.
pub(super) fn shown_fields<W: Write>(line: &mut Line<'_, W>, shown: &data::Shown<'_>) -> io::Result<()> {
    line.field(&shown.field())?;
    if shown.field_is_exact() { line.field("") } else { line.hex(shown.bytes) }
}

impl<W: Write> HiveReport for Dump<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
