//! Rows of a timeline of the journal.

use std::io;
use std::ops::ControlFlow;

use vminspect_artefact::usn::{Change, FileReference, Journal, Record};
use vminspect_bytes::{Family, ReadError, Timestamp, push_wtf8, utf16le_units};
use vminspect_filesystem::{FileId, NameEncoding};
use vminspect_guest::{Coverage, Guest};

use super::directories::FileNow;
use super::files::Contents;
use super::path::{PathProblem, Paths};
use super::survey::{JournalSource, Lives};
use super::{JournalFile, UsnTimelineOptions};
use crate::finding::GuestPath;
use crate::usn::files::Content;

/// What became of the file of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowFile {
    /// The file, while its record is not another's.
    pub id: Option<FileId>,
    /// Bytes of its content.
    pub size: Option<u64>,
    /// Whether it is there.
    pub allocated: bool,
}

/// Adjacent records of one file, directory, name and time.
#[derive(Debug)]
pub struct UsnRow<'a> {
    /// Position of the first record in the journal.
    pub offset: u64,
    /// Its update sequence number.
    pub usn: i64,
    /// The file.
    pub file: FileReference,
    /// The directory that held it.
    pub parent: FileReference,
    /// Its name, as WTF-8.
    pub name: &'a [u8],
    /// Where it was at that time.
    pub path: &'a GuestPath,
    /// Why that is not known entirely.
    pub problem: Option<PathProblem>,
    /// What became of it.
    pub now: RowFile,
    /// When, in UTC.
    pub time: Timestamp,
    /// What happened, bits of [`vminspect_artefact::usn::FlagField::Reason`], of all records.
    pub reasons: u32,
    /// Who did it, bits of [`vminspect_artefact::usn::FlagField::Source`], of all records.
    pub source: u32,
    /// The file's attributes, bits of [`vminspect_artefact::usn::FlagField::Attributes`], of all records.
    pub attributes: u32,
    /// Number of its security descriptor.
    pub security_id: u32,
    /// Whether the journal saw both its creation and its deletion.
    pub transient: bool,
    /// What the file holds now, where that was asked for.
    pub content: &'a Content,
}

/// What takes the rows. A failure of it ends the timeline.
pub type UsnRowSink<'a> = &'a mut dyn FnMut(&UsnRow<'_>) -> io::Result<()>;

/// A row that further records may belong to.
struct Open {
    offset: u64,
    usn: i64,
    file: FileReference,
    parent: FileReference,
    filetime: i64,
    name: Vec<u8>,
    reasons: u32,
    source: u32,
    attributes: u32,
    security_id: u32,
}

impl Open {
    fn new(record: &Record<'_>, change: &Change<'_>) -> Self {
        Self {
            offset: record.offset,
            usn: record.usn,
            file: record.file,
            parent: record.parent,
            filetime: change.filetime,
            name: change.name.to_vec(),
            reasons: record.reasons,
            source: record.source,
            attributes: change.attributes,
            security_id: change.security_id,
        }
    }

    /// Takes in another record, if it is of the same file, directory, name and time.
    fn takes(&mut self, record: &Record<'_>, change: &Change<'_>) -> bool {
        // A move gives the same name in another directory, at the same time.
        let same = self.file == record.file
            && self.parent == record.parent
            && self.filetime == change.filetime
            && self.name == change.name;
        if same {
            self.reasons |= record.reasons;
            self.source |= record.source;
            self.attributes |= change.attributes;
        }
        same
    }
}

/// Tells what happened on a volume by its journal, in the order of the journal. Records of version 4, which have neither
/// name nor time, have no rows.
///
/// # Errors
/// Those of `sink`, and when the host cannot write what is extracted. What cannot be read of the guest stands in the
/// coverage.
pub fn usn_timeline(
    guest: &Guest,
    journal: &JournalFile,
    options: &UsnTimelineOptions<'_>,
    sink: UsnRowSink<'_>,
) -> io::Result<Coverage> {
    let mut coverage = Coverage::default();
    let (paths, lives, problems) = JournalSource::of(guest, journal).survey();
    for error in problems {
        coverage.add_error(guest.image(), &journal.path, error.family(), &error);
    }
    let contents = Contents::new(guest, journal.volume, options);
    let mut rows = Rows { paths, lives, contents, options, sink, name: Vec::new() };
    let mut result = Ok(());
    let mut open: Option<Open> = None;
    let mut lost = JournalErrors::default();
    Journal::new(&*journal.bytes).visit(|record| {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                lost.add(&error);
                return ControlFlow::Continue(());
            }
        };
        let Some(change) = record.change() else { return ControlFlow::Continue(()) };
        if open.as_mut().is_some_and(|open| open.takes(&record, change)) {
            return ControlFlow::Continue(());
        }
        match open.replace(Open::new(&record, change)).map_or(Ok(()), |open| rows.tell(&open)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    result?;
    open.map_or(Ok(()), |open| rows.tell(&open))?;
    lost.tell(guest.image(), &journal.path, &mut coverage);
    rows.contents.finish(&mut coverage);
    Ok(coverage)
}

/// Makes rows and hands them on.
struct Rows<'a> {
    paths: Paths,
    lives: Lives,
    contents: Contents<'a>,
    options: &'a UsnTimelineOptions<'a>,
    sink: UsnRowSink<'a>,
    name: Vec<u8>,
}

impl Rows<'_> {
    fn tell(&mut self, open: &Open) -> io::Result<()> {
        let time = Timestamp::from_signed_filetime(open.filetime);
        if !self.options.times.contains(time) {
            return Ok(());
        }
        self.name.clear();
        push_wtf8(utf16le_units(&open.name), &mut self.name);
        let resolved = self.paths.file(open.file, open.parent, &self.name, open.offset);
        let path = GuestPath::new(resolved.path.to_vec(), NameEncoding::Wtf8);
        if !self.options.filter.takes(&path) {
            return Ok(());
        }
        let now = self.paths.state.file(open.file);
        let content = self.contents.of(now, open.reasons, &self.name)?;
        let (id, size, allocated) = match now {
            FileNow::Allocated { id, size, .. } => (Some(id), Some(size), true),
            FileNow::Deleted { id, size } => (Some(id), Some(size), false),
            FileNow::Gone => (None, None, false),
        };
        (self.sink)(&UsnRow {
            offset: open.offset,
            usn: open.usn,
            file: open.file,
            parent: open.parent,
            name: &self.name,
            path: &path,
            problem: resolved.problem,
            now: RowFile { id, size, allocated },
            time,
            reasons: open.reasons,
            source: open.source,
            attributes: open.attributes,
            security_id: open.security_id,
            transient: self.lives.is_transient(open.file),
            content,
        })
    }
}

/// Errors in a journal: the first ones are told one by one, all are counted.
#[derive(Clone, Debug, Default)]
pub struct JournalErrors {
    first: Vec<ReadError>,
    count: u64,
}

/// Errors in one journal that are told one by one.
const MOST_ERRORS: usize = 100;

impl JournalErrors {
    /// Takes one in.
    pub fn add(&mut self, error: &ReadError) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < MOST_ERRORS {
            self.first.push(error.clone());
        }
    }

    /// Adds them to a coverage.
    pub fn tell(self, image: &str, path: &[u8], coverage: &mut Coverage) {
        for error in &self.first {
            coverage.add_read_error(image, path, error);
        }
        let more = self.count.saturating_sub(self.first.len() as u64);
        if more > 0 {
            let error = format!("{more} more places could not be read");
            coverage.add_error(image, path, Family::Corrupt, &error);
        }
    }
}
