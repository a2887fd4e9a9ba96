//! Tables for people, in a terminal or a text file.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;
use vminspect_analysis::finding::{
    Comparison, Deletion, Evidence, FieldChange, FileFacts, GuestPath, MetadataChange, Modified, Renamed,
    TypeChange,
};
use vminspect_guest::Coverage;

use crate::report::{Changes, ExtractionSummary, ListingReport};
use crate::{Fields, coverage, escape, event_log, registry, remains, value};

/// A colour, as its ANSI code.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Cyan,
    Bold,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Cyan => "\x1b[36m",
            Self::Bold => "\x1b[1m",
        }
    }
}

/// Whether to colour, and how.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) on: bool,
}

impl Paint {
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if self.on { format!("{}{text}\x1b[0m", colour.code()) } else { text.to_owned() }
    }
}

/// A number of bytes for a person: `58.6 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut unit, mut scale) = (0, 1024_u64);
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        unit += 1;
        scale *= 1024;
    }
    let tenths = u128::from(bytes) * 10 / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Text filled with spaces to a width in terminal columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let used = text.width();
    format!("{text}{:1$}", "", width.saturating_sub(used))
}

pub(crate) fn shown(path: &GuestPath) -> String {
    escape::terminal(&path.to_text().0).into_owned()
}

fn shown_bytes(bytes: &[u8]) -> String {
    escape::terminal(&String::from_utf8_lossy(bytes)).into_owned()
}

/// Rows under a heading.
pub(crate) struct Sections<'a, W> {
    out: &'a mut W,
    paint: Paint,
    any: bool,
}

impl<'a, W: Write> Sections<'a, W> {
    pub(crate) fn new(out: &'a mut W, paint: Paint) -> Self {
        Self { out, paint, any: false }
    }

    /// Writes what it comes to below the sections.
    pub(crate) fn end(self, summary: &str) -> io::Result<()> {
        if self.any {
            writeln!(self.out)?;
        }
        writeln!(self.out, "{summary}")
    }

    pub(crate) fn section<T>(
        &mut self,
        heading: &str,
        items: &[T],
        write: impl Fn(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        if std::mem::replace(&mut self.any, true) {
            writeln!(self.out)?;
        }
        let heading = self.paint.paint(Colour::Bold, heading);
        writeln!(self.out, "{heading} ({})", items.len())?;
        items.iter().try_for_each(|item| write(self, item))
    }

    pub(crate) fn row(&mut self, mark: &str, colour: Colour, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {} {text}", self.paint.paint(colour, mark))
    }

    /// A row that belongs to the one above it.
    pub(crate) fn inner_row(&mut self, mark: &str, colour: Colour, text: &str) -> io::Result<()> {
        writeln!(self.out, "      {} {text}", self.paint.paint(colour, mark))
    }

    fn file(&mut self, mark: &str, colour: Colour, facts: &FileFacts) -> io::Result<()> {
        let orphan = if facts.orphan { "  (deleted, but open when the machine stopped)" } else { "" };
        let text = format!("{:>10}  {}{orphan}", size(facts.size), shown(&facts.path));
        self.row(mark, colour, &text)?;
        self.file_type(facts.file_type.as_deref())
    }

    fn file_type(&mut self, text: Option<&str>) -> io::Result<()> {
        match text {
            Some(text) => writeln!(self.out, "{:16}{}", "", escape::terminal(text)),
            None => Ok(()),
        }
    }

    fn other(&mut self, mark: &str, colour: Colour, facts: &FileFacts) -> io::Result<()> {
        let target = facts.target.as_deref().map(|target| format!(" -> {}", shown_bytes(target)));
        let path = shown(&facts.path);
        self.row(
            mark,
            colour,
            &format!("{}  {path}{}", pad(facts.kind.as_str(), 16), target.unwrap_or_default()),
        )
    }

    fn modified(&mut self, change: &Modified) -> io::Result<()> {
        let (before, after) = (size(change.before.size), size(change.after.size));
        let sizes = if change.before.size == change.after.size {
            format!("{after:>10}  {}", shown(&change.after.path))
        } else {
            format!("{after:>10}  {}  (was {before})", shown(&change.after.path))
        };
        self.row("~", Colour::Yellow, &sizes)?;
        self.file_type(change.after.file_type.as_deref())?;
        self.changes(&change.metadata)
    }

    fn renamed(&mut self, change: &Renamed) -> io::Result<()> {
        let how = match change.evidence {
            Evidence::SameFile => "same file",
            Evidence::SameContent => "same content",
        };
        let text = format!("{} -> {}  ({how})", shown(&change.before.path), shown(&change.after.path));
        self.row(">", Colour::Cyan, &text)?;
        self.changes(&change.metadata)
    }

    fn metadata(&mut self, change: &MetadataChange) -> io::Result<()> {
        self.row("*", Colour::Cyan, &shown(&change.path))?;
        self.changes(&change.changes)
    }

    pub(crate) fn changes(&mut self, changes: &[FieldChange]) -> io::Result<()> {
        let width = changes.iter().map(|change| change.field.width()).max().unwrap_or(0).clamp(10, 24);
        for change in changes {
            let before = value::one_line(&change.field, &change.before);
            let after = value::one_line(&change.field, &change.after);
            let text = |value: &str| {
                if value.is_empty() { "(none)".to_owned() } else { escape::terminal(value).into_owned() }
            };
            let field = escape::terminal(&change.field);
            writeln!(self.out, "      {} {} -> {}", pad(&field, width), text(&before), text(&after))?;
        }
        Ok(())
    }

    fn type_changed(&mut self, change: &TypeChange) -> io::Result<()> {
        let (before, after) = (change.before.kind.as_str(), change.after.kind.as_str());
        self.row("!", Colour::Yellow, &format!("{}  {before} -> {after}", shown(&change.after.path)))
    }
}

/// Prints a comparison.
///
/// # Errors
/// Those of the output.
pub fn comparison<W: Write>(
    mut out: W,
    comparison: &Comparison,
    extraction: Option<&ExtractionSummary>,
    changes: Changes<'_>,
    colour: bool,
) -> io::Result<()> {
    let mut to = Sections::new(&mut out, Paint { on: colour });
    to.section("Created files", &comparison.created, |to, each| to.file("+", Colour::Green, each))?;
    to.section("Deleted files", &comparison.deleted, |to, each| to.file("-", Colour::Red, each))?;
    to.section("Modified files", &comparison.modified, Sections::modified)?;
    to.section("Created, not regular files", &comparison.created_other, |to, each| {
        to.other("+", Colour::Green, each)
    })?;
    to.section("Deleted, not regular files", &comparison.deleted_other, |to, each| {
        to.other("-", Colour::Red, each)
    })?;
    to.section("Renamed or moved", &comparison.renamed, Sections::renamed)?;
    to.section("Metadata changed", &comparison.metadata_changed, Sections::metadata)?;
    to.section("Another kind of file", &comparison.type_changed, Sections::type_changed)?;
    to.section("Changed outside readable filesystems", &comparison.areas_changed, |to, each| {
        let text = format!("{:>10}  {} from byte {}", size(each.length), each.place, each.offset);
        to.row("~", Colour::Yellow, &text)
    })?;
    if let Some(found) = changes.registry {
        registry::table_rows(&mut to, found)?;
    }
    if let Some(found) = changes.events {
        event_log::table_rows(&mut to, found)?;
    }
    to.section("Could not be read", &comparison.coverage.sorted(), |to, each| {
        to.row("?", Colour::Red, &coverage::line(each))
    })?;
    to.end(&summary(comparison, extraction, changes))?;
    out.flush()
}

fn summary(comparison: &Comparison, extraction: Option<&ExtractionSummary>, changes: Changes<'_>) -> String {
    let counts = [
        (comparison.created.len() + comparison.created_other.len(), "created"),
        (comparison.deleted.len() + comparison.deleted_other.len(), "deleted"),
        (comparison.modified.len(), "modified"),
        (comparison.renamed.len(), "of these renamed or moved"),
        (comparison.metadata_changed.len(), "with other metadata"),
        (comparison.type_changed.len(), "of another kind"),
        (comparison.areas_changed.len(), "areas changed outside filesystems"),
        (extraction.map_or(0, |extraction| extraction.extracted.len()), "extracted"),
        (extraction.map_or(0, |extraction| extraction.errors.len()), "not extracted"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let changed_registry = changes.registry.filter(|found| !found.is_empty()).map(registry::summary);
    let logged = changes.events.filter(|found| !found.is_empty()).map(event_log::summary);
    let parts: Vec<String> = parts.chain(changed_registry).chain(logged).collect();
    if parts.is_empty() { "No differences".to_owned() } else { parts.join(", ") }
}

/// Prints a listing: hashes, size, path, and the file type behind it.
pub struct Listing<W> {
    out: W,
    fields: Fields,
    files: u64,
    bytes: u64,
}

impl<W: Write> Listing<W> {
    /// Begins with the headings.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut out: W, fields: Fields) -> io::Result<Self> {
        for algorithm in &fields.algorithms {
            write!(out, "{}  ", pad(&algorithm.as_str().to_uppercase(), algorithm.length() * 2))?;
        }
        writeln!(out, "{:>10}  PATH", "SIZE")?;
        Ok(Self { out, fields, files: 0, bytes: 0 })
    }
}

impl<W: Write> ListingReport for Listing<W> {
    fn row(&mut self, facts: &FileFacts) -> io::Result<()> {
        for algorithm in &self.fields.algorithms {
            let digest = facts.digests.as_ref().and_then(|digests| digests.get(*algorithm));
            let text =
                digest.map_or_else(|| "(could not be read)".to_owned(), vminspect_analysis::Digest::to_hex);
            write!(self.out, "{}  ", pad(&text, algorithm.length() * 2))?;
        }
        write!(self.out, "{:>10}  {}", size(facts.size), shown(&facts.path))?;
        if let Some(file_type) = &facts.file_type {
            write!(self.out, "  ({})", escape::terminal(file_type))?;
        }
        for note in notes(facts) {
            write!(self.out, "  [{}]", escape::terminal(&note))?;
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(facts.size);
        writeln!(self.out)
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        writeln!(self.out, "{} files, {}", self.files, size(self.bytes))?;
        self.out.flush()
    }
}

/// What is said behind the path of a file: what is left of a deleted one, and where one was downloaded from.
fn notes(facts: &FileFacts) -> Vec<String> {
    let deleted = facts.deleted.map(|deletion| match deletion {
        Deletion::InPlace => "deleted".to_owned(),
        Deletion::Displaced => "deleted with its directory".to_owned(),
    });
    let zone = facts.zone.as_ref().map(|zone| {
        let name = zone.zone_name().map(str::to_owned).or_else(|| Some(format!("zone {}", zone.zone_id?)));
        let name = name.unwrap_or_else(|| "no zone".to_owned());
        let from = zone.host_url.as_ref().or(zone.referrer_url.as_ref());
        from.map_or_else(|| format!("from {name}"), |url| format!("from {name}: {url}"))
    });
    let remains = facts.remains.as_ref().and_then(remains::text);
    deleted.into_iter().chain(remains).chain(facts.problem.clone()).chain(zone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(60_000), "58.5 KiB");
        assert_eq!(size(1 << 30), "1.0 GiB");
        assert_eq!(size(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(pad("ab", 6), "ab    ");
        assert_eq!(pad("longer", 3), "longer");
    }
}
