//! JSON Lines: an object for each key, one for each of its values behind it, and the coverage in the last line.

use std::io::{self, Write};

use vminspect_analysis::registry::{DeletedRow, KeyRow, KeySink, ValueRow};
use vminspect_artefact::registry::{CellOffset, Layer};
use vminspect_guest::Coverage;

use super::{HiveReport, data};
use crate::jsonl::{last_line, line};
use crate::{JsonWriter, Layout, time};

/// Prints the keys and values of a hive.
pub(super) struct Dump<W> {
    out: JsonWriter<W>,
    hive: String,
    /// Path of the key whose values come.
    path: Vec<u8>,
}

impl<W: Write> Dump<W> {
    pub(super) fn new(out: W, hive: &str) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), hive: hive.to_owned(), path: Vec::new() }
    }
}

const fn layer(layer: Layer) -> Option<&'static str> {
    match layer {
        Layer::Merged => None,
        Layer::Tombstone => Some("tombstone"),
        Layer::SupersedeLocal => Some("supersede_local"),
        Layer::SupersedeTree => Some("supersede_tree"),
    }
}

/// Where a record lies in the hive's file, and what is known of a deleted one.
fn place<W: Write>(
    out: &mut JsonWriter<W>,
    offset: CellOffset,
    deleted: Option<DeletedRow>,
) -> io::Result<()> {
    out.number_field("offset", offset.in_file())?;
    let Some(deleted) = deleted else { return Ok(()) };
    out.key("deleted")?;
    out.boolean(true)?;
    out.text_field("place", deleted.place.as_str())?;
    out.text_field("confidence", deleted.confidence.as_str())
}

impl<W: Write> KeySink for Dump<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        self.path.clear();
        self.path.extend_from_slice(row.path);
        // Values of a key that stands elsewhere, or nowhere, name it by its path.
        let Some(key) = row.key else { return Ok(()) };
        line(&mut self.out, "key", |out| {
            out.text_field("hive", &self.hive)?;
            data::name_field(out, "path", row.path)?;
            out.text_field("time", &time::iso(key.last_written()))?;
            if let Some(class) = row.class {
                data::name_field(out, "class", class)?;
            }
            out.key("flags")?;
            out.begin_array()?;
            key.flag_names().iter().try_for_each(|name| out.string(name))?;
            out.end_array()?;
            if let Some(layer) = key.layer().and_then(layer) {
                out.text_field("layer", layer)?;
            }
            place(out, key.offset(), row.deleted)?;
            if row.lost_values > 0 {
                out.number_field("lost_values", u64::from(row.lost_values))?;
            }
            Ok(())
        })
    }

    fn value(&mut self, row: &ValueRow<'_>) -> io::Result<()> {
        line(&mut self.out, "value", |out| {
            let kind = row.value.kind();
            out.text_field("hive", &self.hive)?;
            data::name_field(out, "path", &self.path)?;
            data::name_field(out, "name", row.name)?;
            match row.data {
                Some(bytes) => data::Shown::of(kind, bytes).write(out, kind, "")?,
                None => {
                    data::write_type(out, kind, "")?;
                    out.key("data")?;
                    out.null()?;
                    out.key("overwritten")?;
                    out.boolean(true)?;
                }
            }
            out.number_field("size", u64::from(row.value.size()))?;
            if row.value.is_tombstone() {
                out.text_field("layer", "tombstone")?;
            }
            place(out, row.value.offset(), row.deleted)
        })
    }

    fn end_key(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> HiveReport for Dump<W> {
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()> {
        last_line(&mut self.out, coverage)
    }
}
