//! JSON reports.

use std::borrow::Cow;
use std::io::{self, Write};

use vminspect_analysis::finding::{
    AreaChange, Comparison, Evidence, FileFacts, MetadataChange, Modified, Renamed, TypeChange,
    ZoneIdentifier,
};
use vminspect_filesystem::FileKind;
use vminspect_guest::Coverage;

use crate::report::Changes;
use crate::report::{ExtractionSummary, ListingReport};
use crate::{Fields, JsonWriter, Layout, coverage, event_log, path, registry, remains, value};

/// Which of two files the keys of a hash, size or type speak of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Now,
    Original,
}

impl Side {
    fn key(self, key: &'static str) -> Cow<'static, str> {
        match self {
            Self::Now => Cow::Borrowed(key),
            Self::Original => Cow::Owned(format!("original_{key}")),
        }
    }
}

fn digests<W: Write>(
    out: &mut JsonWriter<W>,
    facts: &FileFacts,
    fields: &Fields,
    side: Side,
) -> io::Result<()> {
    for algorithm in &fields.algorithms {
        match side {
            Side::Now => out.key(algorithm.as_str())?,
            Side::Original => out.key(&side.key(algorithm.as_str()))?,
        }
        match facts.digests.as_ref().and_then(|digests| digests.get(*algorithm)) {
            Some(digest) => out.hex(digest.as_bytes())?,
            None => out.null()?,
        }
    }
    Ok(())
}

fn type_and_size<W: Write>(
    out: &mut JsonWriter<W>,
    facts: &FileFacts,
    fields: &Fields,
    side: Side,
) -> io::Result<()> {
    if fields.file_type {
        out.optional_text_field(&side.key("type"), facts.file_type.as_deref())?;
    }
    if fields.size {
        out.number_field(&side.key("size"), facts.size)?;
    }
    Ok(())
}

fn orphan<W: Write>(out: &mut JsonWriter<W>, facts: &FileFacts) -> io::Result<()> {
    if facts.orphan {
        out.key("orphan")?;
        out.boolean(true)?;
    }
    Ok(())
}

fn target<W: Write>(out: &mut JsonWriter<W>, facts: &FileFacts, side: Side) -> io::Result<()> {
    match &facts.target {
        Some(target) => path::write_bytes(out, &side.key("target"), target),
        None => Ok(()),
    }
}

/// The fields of a file of a listing, or of a created file.
pub(crate) fn file<W: Write>(out: &mut JsonWriter<W>, facts: &FileFacts, fields: &Fields) -> io::Result<()> {
    path::write(out, "path", &facts.path)?;
    digests(out, facts, fields, Side::Now)?;
    type_and_size(out, facts, fields, Side::Now)?;
    orphan(out, facts)?;
    if let Some(deletion) = facts.deleted {
        out.text_field("deleted", deletion.as_str())?;
    }
    if let Some(remains) = &facts.remains {
        remains::json(out, remains)?;
    }
    if let Some(problem) = &facts.problem {
        out.text_field("problem", problem)?;
    }
    facts.zone.as_ref().map_or(Ok(()), |found| zone(out, found))
}

/// Where a file was downloaded from.
fn zone<W: Write>(out: &mut JsonWriter<W>, zone: &ZoneIdentifier) -> io::Result<()> {
    out.key("zone_identifier")?;
    out.begin_object()?;
    out.optional_number_field("zone_id", zone.zone_id.map(u64::from))?;
    out.optional_text_field("referrer_url", zone.referrer_url.as_deref())?;
    out.optional_text_field("host_url", zone.host_url.as_deref())?;
    out.end_object()
}

/// The fields of a deleted file. Its type and size have the plain keys: there is no other side.
pub(crate) fn deleted<W: Write>(
    out: &mut JsonWriter<W>,
    facts: &FileFacts,
    fields: &Fields,
) -> io::Result<()> {
    path::write(out, "path", &facts.path)?;
    digests(out, facts, fields, Side::Original)?;
    type_and_size(out, facts, fields, Side::Now)?;
    orphan(out, facts)
}

/// The fields of a file whose content changed.
pub(crate) fn modified<W: Write>(
    out: &mut JsonWriter<W>,
    change: &Modified,
    fields: &Fields,
) -> io::Result<()> {
    path::write(out, "path", &change.after.path)?;
    digests(out, &change.after, fields, Side::Now)?;
    digests(out, &change.before, fields, Side::Original)?;
    type_and_size(out, &change.after, fields, Side::Now)?;
    type_and_size(out, &change.before, fields, Side::Original)?;
    orphan(out, &change.after)?;
    changes(out, &change.metadata)
}

fn changes<W: Write>(
    out: &mut JsonWriter<W>,
    fields: &[vminspect_analysis::finding::FieldChange],
) -> io::Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    out.key("changes")?;
    value::write_changes(out, fields)
}

/// The fields of a file that is not regular.
pub(crate) fn other<W: Write>(out: &mut JsonWriter<W>, facts: &FileFacts) -> io::Result<()> {
    path::write(out, "path", &facts.path)?;
    out.text_field("kind", facts.kind.as_str())?;
    target(out, facts, Side::Now)?;
    orphan(out, facts)
}

/// The name of a reason to take two paths for one file.
pub(crate) const fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::SameFile => "same_file",
        Evidence::SameContent => "same_content",
    }
}

/// The fields of a file that moved.
pub(crate) fn renamed<W: Write>(
    out: &mut JsonWriter<W>,
    change: &Renamed,
    fields: &Fields,
) -> io::Result<()> {
    path::write(out, "from", &change.before.path)?;
    path::write(out, "to", &change.after.path)?;
    out.text_field("evidence", evidence(change.evidence))?;
    out.text_field("kind", change.after.kind.as_str())?;
    if change.after.kind == FileKind::Regular {
        digests(out, &change.after, fields, Side::Now)?;
        if change.after.digests != change.before.digests {
            digests(out, &change.before, fields, Side::Original)?;
        }
        type_and_size(out, &change.after, fields, Side::Now)?;
    }
    target(out, &change.after, Side::Now)?;
    changes(out, &change.metadata)
}

/// The fields of a file of which only metadata changed.
pub(crate) fn metadata<W: Write>(out: &mut JsonWriter<W>, change: &MetadataChange) -> io::Result<()> {
    path::write(out, "path", &change.path)?;
    out.text_field("kind", change.kind.as_str())?;
    out.key("changes")?;
    value::write_changes(out, &change.changes)
}

/// The fields of a path that is another kind of file than before.
pub(crate) fn type_changed<W: Write>(
    out: &mut JsonWriter<W>,
    change: &TypeChange,
    fields: &Fields,
) -> io::Result<()> {
    path::write(out, "path", &change.after.path)?;
    for (facts, side) in [(&change.after, Side::Now), (&change.before, Side::Original)] {
        out.text_field(&side.key("kind"), facts.kind.as_str())?;
        if facts.kind == FileKind::Regular {
            digests(out, facts, fields, side)?;
            type_and_size(out, facts, fields, side)?;
        }
        target(out, facts, side)?;
    }
    Ok(())
}

/// The fields of a part of the disk that no readable filesystem accounts for.
pub(crate) fn area_changed<W: Write>(out: &mut JsonWriter<W>, change: &AreaChange) -> io::Result<()> {
    out.text_field("place", &change.place)?;
    out.number_field("offset", change.offset)?;
    out.number_field("length", change.length)
}

/// Writes `key: [{…}, …]`, each object's fields by `write`.
fn array<W: Write, T>(
    out: &mut JsonWriter<W>,
    key: &str,
    items: &[T],
    write: impl Fn(&mut JsonWriter<W>, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.key(key)?;
    out.begin_array()?;
    for item in items {
        out.begin_object()?;
        write(out, item)?;
        out.end_object()?;
    }
    out.end_array()
}

fn strings<W: Write>(out: &mut JsonWriter<W>, key: &str, items: &[String]) -> io::Result<()> {
    out.key(key)?;
    out.begin_array()?;
    items.iter().try_for_each(|item| out.string(item))?;
    out.end_array()
}

/// Prints a comparison as one document.
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
    let out = &mut JsonWriter::new(out, Layout::Indented);
    out.begin_object()?;
    array(out, "created_files", &comparison.created, |out, each| file(out, each, fields))?;
    array(out, "deleted_files", &comparison.deleted, |out, each| deleted(out, each, fields))?;
    array(out, "modified_files", &comparison.modified, |out, each| modified(out, each, fields))?;
    if let Some(extraction) = extraction {
        strings(out, "extracted_files", &extraction.extracted)?;
        strings(out, "extraction_errors", &extraction.errors)?;
    }
    array(out, "created_other", &comparison.created_other, other)?;
    array(out, "deleted_other", &comparison.deleted_other, other)?;
    array(out, "renamed_files", &comparison.renamed, |out, each| renamed(out, each, fields))?;
    array(out, "metadata_changed", &comparison.metadata_changed, metadata)?;
    array(out, "type_changed", &comparison.type_changed, |out, each| type_changed(out, each, fields))?;
    array(out, "areas_changed", &comparison.areas_changed, area_changed)?;
    if let Some(found) = changes.registry {
        registry::write_registry_member(out, found)?;
    }
    if let Some(found) = changes.events {
        event_log::write_member(out, found)?;
    }
    out.key("coverage")?;
    coverage::write_array(out, &comparison.coverage)?;
    out.end_object()?;
    out.end_line()?;
    out.flush()
}

/// Prints a listing as one array.
pub struct Listing<W> {
    out: JsonWriter<W>,
    fields: Fields,
}

impl<W: Write> Listing<W> {
    /// Begins the array.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(out: W, fields: Fields) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_array()?;
        Ok(Self { out, fields })
    }
}

impl<W: Write> ListingReport for Listing<W> {
    fn row(&mut self, facts: &FileFacts) -> io::Result<()> {
        self.out.begin_object()?;
        file(&mut self.out, facts, &self.fields)?;
        self.out.end_object()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.end_array()?;
        self.out.end_line()?;
        self.out.flush()
    }
}
