//! CSV after RFC 4180: one header that never changes, lines ended by CR LF, and no field that a spreadsheet
//! would run.

use std::io::{self, Write};

use vminspect_analysis::finding::{AreaChange, Comparison, Deletion, FieldChange, FileFacts, GuestPath};
use vminspect_analysis::{Algorithm, Digest};
use vminspect_filesystem::{NameEncoding, Remains};
use vminspect_guest::Coverage;

use crate::registry::{self, DiskRow};
use crate::report::{Changes, ListingReport};
use crate::{escape, event_log, json, value};

const LISTING: &str = "path,path_hex,size,type,sha1,sha256,md5,blake3,orphan,stream,deleted,\
recovery,free,shared,reused,unknown,lost,recovered_from,transaction,problem,zone_id,referrer_url,host_url";

const COMPARISON: &str = "finding,path,path_hex,original_path,original_path_hex,evidence,kind,original_kind,\
size,original_size,type,original_type,sha1,original_sha1,sha256,original_sha256,md5,original_md5,blake3,\
original_blake3,target,original_target,orphan,field,before,after";

/// A line that is being written, field by field.
pub(crate) struct Line<'a, W> {
    out: &'a mut W,
    first: bool,
}

impl<'a, W: Write> Line<'a, W> {
    /// A line without fields so far.
    pub(crate) fn new(out: &'a mut W) -> Self {
        Self { out, first: true }
    }

    /// A line of which fields were written already.
    pub(crate) fn going_on(out: &'a mut W) -> Self {
        Self { out, first: false }
    }

    pub(crate) fn field(&mut self, text: &str) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",")?;
        }
        self.out.write_all(escape::csv(text).as_bytes())
    }

    /// A field that is a dash where there is nothing to say, as some formats want it.
    pub(crate) fn plain(&mut self, text: &str) -> io::Result<()> {
        if text != "-" {
            return self.field(text);
        }
        self.field("")?;
        self.out.write_all(b"-")
    }

    /// A number of ours, which no spreadsheet takes for more than that.
    pub(crate) fn number(&mut self, number: impl std::fmt::Display) -> io::Result<()> {
        self.field("")?;
        write!(self.out, "{number}")
    }

    fn path(&mut self, path: Option<&GuestPath>) -> io::Result<()> {
        let (text, exact) = path.map_or((String::new(), true), GuestPath::to_text);
        self.field(&text)?;
        match path {
            Some(path) if !exact => self.field(&escape::to_hex(&path.bytes)),
            _ => self.field(""),
        }
    }

    fn size(&mut self, facts: Option<&FileFacts>) -> io::Result<()> {
        self.field(&facts.map_or_else(String::new, |facts| facts.size.to_string()))
    }

    fn file_type(&mut self, facts: Option<&FileFacts>) -> io::Result<()> {
        self.field(facts.and_then(|facts| facts.file_type.as_deref()).unwrap_or_default())
    }

    fn digest(&mut self, facts: Option<&FileFacts>, algorithm: Algorithm) -> io::Result<()> {
        let digest =
            facts.and_then(|facts| facts.digests.as_ref()).and_then(|digests| digests.get(algorithm));
        self.hex(digest.map_or(&[], Digest::as_bytes))
    }

    /// Bytes as hexadecimal digits, which need no quotes.
    pub(crate) fn hex(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.field("")?;
        escape::hex(self.out, bytes)
    }

    fn target(&mut self, facts: Option<&FileFacts>) -> io::Result<()> {
        let target = facts.and_then(|facts| facts.target.as_deref()).unwrap_or_default();
        self.field(&String::from_utf8_lossy(target))
    }

    fn orphan(&mut self, facts: Option<&FileFacts>) -> io::Result<()> {
        self.field(if facts.is_some_and(|facts| facts.orphan) { "true" } else { "" })
    }

    pub(crate) fn end(self) -> io::Result<()> {
        self.out.write_all(b"\r\n")
    }
}

/// What one line of a comparison tells.
#[derive(Default)]
struct Row<'a> {
    finding: &'static str,
    path: Option<&'a GuestPath>,
    original_path: Option<&'a GuestPath>,
    evidence: &'static str,
    kind: &'static str,
    original_kind: &'static str,
    after: Option<&'a FileFacts>,
    before: Option<&'a FileFacts>,
    change: Option<&'a FieldChange>,
    area: Option<&'a AreaChange>,
}

impl<'a> Row<'a> {
    fn created(finding: &'static str, facts: &'a FileFacts) -> Self {
        Self {
            finding,
            path: Some(&facts.path),
            kind: facts.kind.as_str(),
            after: Some(facts),
            ..Self::default()
        }
    }

    fn deleted(finding: &'static str, facts: &'a FileFacts) -> Self {
        Self {
            finding,
            path: Some(&facts.path),
            original_kind: facts.kind.as_str(),
            before: Some(facts),
            ..Self::default()
        }
    }

    fn changed(finding: &'static str, before: &'a FileFacts, after: &'a FileFacts) -> Self {
        let original_kind = before.kind.as_str();
        Self { before: Some(before), original_kind, ..Self::created(finding, after) }
    }

    fn write<W: Write>(&self, out: &mut W) -> io::Result<()> {
        let mut line = Line::new(out);
        line.field(self.finding)?;
        line.path(self.path)?;
        line.path(self.original_path)?;
        [self.evidence, self.kind, self.original_kind].iter().try_for_each(|text| line.field(text))?;
        match self.area {
            Some(area) => line.field(&area.length.to_string())?,
            None => line.size(self.after)?,
        }
        line.size(self.before)?;
        line.file_type(self.after)?;
        line.file_type(self.before)?;
        for algorithm in Algorithm::ALL {
            line.digest(self.after, algorithm)?;
            line.digest(self.before, algorithm)?;
        }
        line.target(self.after)?;
        line.target(self.before)?;
        line.orphan(self.after.or(self.before))?;
        match (self.change, self.area) {
            (_, Some(area)) => {
                line.field("offset")?;
                line.field(&area.offset.to_string())?;
                line.field(&area.offset.to_string())?;
            }
            (Some(change), None) => {
                line.field(&change.field)?;
                line.field(&value::one_line(&change.field, &change.before))?;
                line.field(&value::one_line(&change.field, &change.after))?;
            }
            (None, None) => ["", "", ""].iter().try_for_each(|text| line.field(text))?,
        }
        line.end()
    }
}

/// One line for each field of metadata that changed.
fn field_lines<W: Write>(
    out: &mut W,
    path: &GuestPath,
    kind: &'static str,
    changes: &[FieldChange],
) -> io::Result<()> {
    for change in changes {
        let row = Row {
            finding: "metadata_changed",
            path: Some(path),
            kind,
            change: Some(change),
            ..Row::default()
        };
        row.write(out)?;
    }
    Ok(())
}

/// Prints a comparison: one line a file, and one for each field of metadata that changed.
///
/// # Errors
/// Those of the output.
pub fn comparison<W: Write>(mut out: W, comparison: &Comparison, changes: Changes<'_>) -> io::Result<()> {
    let out = &mut out;
    write!(out, "{COMPARISON}\r\n")?;
    comparison.created.iter().try_for_each(|each| Row::created("created", each).write(out))?;
    comparison.deleted.iter().try_for_each(|each| Row::deleted("deleted", each).write(out))?;
    for each in &comparison.modified {
        Row::changed("modified", &each.before, &each.after).write(out)?;
        field_lines(out, &each.after.path, each.after.kind.as_str(), &each.metadata)?;
    }
    comparison.created_other.iter().try_for_each(|each| Row::created("created_other", each).write(out))?;
    comparison.deleted_other.iter().try_for_each(|each| Row::deleted("deleted_other", each).write(out))?;
    for each in &comparison.renamed {
        let row = Row::changed("renamed", &each.before, &each.after);
        let evidence = json::evidence(each.evidence);
        Row { original_path: Some(&each.before.path), evidence, ..row }.write(out)?;
        field_lines(out, &each.after.path, each.after.kind.as_str(), &each.metadata)?;
    }
    for each in &comparison.metadata_changed {
        field_lines(out, &each.path, each.kind.as_str(), &each.changes)?;
    }
    for each in &comparison.type_changed {
        Row::changed("type_changed", &each.before, &each.after).write(out)?;
    }
    for area in &comparison.areas_changed {
        let path = GuestPath { bytes: area.place.clone().into_bytes(), encoding: NameEncoding::Bytes };
        Row { finding: "area_changed", path: Some(&path), area: Some(area), ..Row::default() }.write(out)?;
    }
    if let Some(found) = changes.registry {
        registry::csv_rows(found, |row| {
            let &DiskRow { finding, ref path, kind, original_kind, ref change } = row;
            let (path, change) = (Some(path), Some(change));
            Row { finding, path, kind, original_kind, change, ..Row::default() }.write(out)
        })?;
    }
    if let Some(found) = changes.events {
        event_log::csv_rows(found, |finding, path, change| {
            Row { finding, path: Some(path), change: Some(change), ..Row::default() }.write(out)
        })?;
    }
    out.flush()
}

/// How much is left of a deleted file, in eight columns.
fn recovery<W: Write>(line: &mut Line<'_, W>, remains: Option<&Remains>) -> io::Result<()> {
    line.field(remains.map_or("", Remains::verdict))?;
    let number = |part: fn(&Remains) -> u64| remains.map_or_else(String::new, |each| part(each).to_string());
    line.field(&number(|each| each.free))?;
    let shared = remains.and_then(|each| each.shared);
    line.field(&shared.map_or_else(String::new, |shared| shared.to_string()))?;
    line.field(&number(|each| each.reused))?;
    line.field(&number(|each| each.unknown))?;
    line.field(&number(|each| each.lost))?;
    line.field(remains.map_or("", |each| each.whereabouts.as_str()))?;
    let copy = remains.and_then(|each| each.whereabouts.journal());
    line.field(&copy.map_or_else(String::new, |copy| copy.transaction.to_string()))
}

/// Prints a listing.
pub struct Listing<W> {
    out: W,
}

impl<W: Write> Listing<W> {
    /// Begins with the header.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut out: W) -> io::Result<Self> {
        write!(out, "{LISTING}\r\n")?;
        Ok(Self { out })
    }
}

impl<W: Write> ListingReport for Listing<W> {
    fn row(&mut self, facts: &FileFacts) -> io::Result<()> {
        let mut line = Line::new(&mut self.out);
        line.path(Some(&facts.path))?;
        line.size(Some(facts))?;
        line.file_type(Some(facts))?;
        Algorithm::ALL.iter().try_for_each(|algorithm| line.digest(Some(facts), *algorithm))?;
        line.orphan(Some(facts))?;
        line.field(if facts.stream { "true" } else { "" })?;
        line.field(facts.deleted.map_or("", Deletion::as_str))?;
        recovery(&mut line, facts.remains.as_ref())?;
        line.field(facts.problem.as_deref().unwrap_or_default())?;
        let zone = facts.zone.as_ref();
        let id = zone.and_then(|zone| zone.zone_id).map(|id| id.to_string());
        line.field(&id.unwrap_or_default())?;
        line.field(zone.and_then(|zone| zone.referrer_url.as_deref()).unwrap_or_default())?;
        line.field(zone.and_then(|zone| zone.host_url.as_deref()).unwrap_or_default())?;
        line.end()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.flush()
    }
}
