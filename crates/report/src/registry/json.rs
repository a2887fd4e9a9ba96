//! JSON as the Python program printed it: `{key: [time, [[name, type, data], …]]}`.

use std::io::{self, Write};

use vminspect_analysis::registry::{KeyRow, KeySink, ValueRow};
use vminspect_artefact::registry::Place;
use vminspect_guest::Coverage;

use super::unique::Unique;
use super::{HiveReport, data};
use crate::{JsonWriter, Layout, time};

/// Prints the keys of a hive as one object.
pub(super) struct Dump<W> {
    out: JsonWriter<W>,
    paths: Unique,
}

impl<W: Write> Dump<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_object()?;
        Ok(Self { out, paths: Unique::default() })
    }
}

impl<W: Write> KeySink for Dump<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let path = data::text(row.path);
        let path = match (row.deleted, row.key) {
            (None, Some(_)) => path,
            // As with numbers: no key that is there is printed like that.
            (Some(row), _) if row.place == Place::Unreferenced => format!(r"{path}\\(unreferenced)").into(),
            (Some(_), _) => format!(r"{path}\\(deleted)").into(),
            (None, None) => format!(r"{path}\\(deleted values)").into(),
        };
        self.out.key(&self.paths.claim(&path))?;
        self.out.begin_array()?;
        match row.time() {
            Some(at) => self.out.string_by(|out| time::push_spaced(out, at))?,
            None => self.out.null()?,
        }
        self.out.begin_array()
    }

    fn value(&mut self, row: &ValueRow<'_>) -> io::Result<()> {
        data::triple(&mut self.out, row.name, row.value.kind(), row.data)
    }

    fn end_key(&mut self) -> io::Result<()> {
        self.out.end_array()?;
        self.out.end_array()
    }
}

impl<W: Write> HiveReport for Dump<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.end_object()?;
        self.out.end_line()?;
        self.out.flush()
    }
}
