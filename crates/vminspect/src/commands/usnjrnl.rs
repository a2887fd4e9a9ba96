use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use vminspect::{
    Coverage, FlagField, Guest, GuestPath, HostFile, Journal, JournalErrors, JournalFile, JournalSource,
    NameEncoding, PathFilter, Paths, Period, ReadAt, ReadAtExt, UsnFormat, UsnPlace, UsnRecord, UsnReport,
    for_terminal,
};

use crate::arguments::{CoverageArguments, Evidence, check_two_files};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::times::Times;

const AFTER_HELP: &str = r"Examples:
  vminspect usnjrnl -d disk.qcow2 --format table
  vminspect usnjrnl -d disk.qcow2 --reason FILE_DELETE,FILE_CREATE --match '*.exe'
  vminspect usnjrnl -u '$J' --mft '$MFT' --format jsonl
  vminspect usnjrnl -d disk.qcow2 --carve --format csv -o journal.csv

A record whose bytes are damaged is printed as {index, offset, error}, and the next one follows. With a disk, or with
--mft, each record has the full path that its file had when it was written; where that cannot be known, a part of it
is ? and path_problem says why.";

/// Prints the records of a change journal of NTFS ($UsnJrnl).
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The journal: a file with the bytes of the stream $J, or with --disk the path of $UsnJrnl inside it [default with
    /// --disk: the journals of all volumes, such as C:\$Extend\$UsnJrnl].
    #[arg(short, long, value_name = "PATH")]
    usnjrnl: Option<PathBuf>,
    /// Read the journal from this disk: an image, a block device, or IMAGE#SNAPSHOT.
    #[arg(short, long, value_name = "DISK")]
    disk: Option<PathBuf>,
    /// Make paths with this MFT, a file of the host, for a journal that is a file of the host.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["disk", "carve"])]
    mft: Option<PathBuf>,
    /// Look also for records in the space of the volume that no file uses, and behind the ends of files. Of a file of
    /// the host, look for records anywhere in it instead of reading it as a journal.
    #[arg(long)]
    carve: bool,
    /// Print only records with one of these reasons, such as FILE_CREATE,FILE_DELETE.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = reason)]
    reason: Vec<u32>,
    #[command(flatten)]
    times: Times,
    /// Print only records of files whose paths match, or whose names do where there are no paths. May be given more
    /// than once.
    #[arg(long = "match", value_name = "GLOB")]
    matched: Vec<String>,
    /// Leave out records of files whose paths match. May be given more than once.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report: `table` is for people, `mftecmd` has the columns of that program.
    #[arg(long, value_name = "NAME", default_value = "json", help_heading = "Report")]
    format: FormatName,
    #[command(flatten)]
    coverage: CoverageArguments,
    #[command(flatten)]
    evidence: Evidence,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FormatName {
    Json,
    Jsonl,
    Csv,
    #[value(name = "mftecmd")]
    MftECmd,
    Table,
}

impl FormatName {
    pub(crate) fn with_colour(self, colour: bool) -> UsnFormat {
        match self {
            Self::Json => UsnFormat::Json,
            Self::Jsonl => UsnFormat::JsonLines,
            Self::Csv => UsnFormat::Csv,
            Self::MftECmd => UsnFormat::MftECmd,
            Self::Table => UsnFormat::Table { colour },
        }
    }
}

/// The bit of a reason.
fn reason(text: &str) -> Result<u32, String> {
    let name = text.trim().to_ascii_uppercase().replace('-', "_");
    let name = name.strip_prefix("USN_REASON_").unwrap_or(&name);
    let name = if name == "CLOSED" { "CLOSE" } else { name };
    let table = FlagField::Reason.table();
    let found = table.iter().find(|(_, known)| *known == name).map(|(bit, _)| *bit);
    found.ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(_, name)| *name).collect();
        format!("no reason is called that; there are {}", names.join(", "))
    })
}

/// Which records are printed.
struct Choice {
    reasons: u32,
    times: Period,
    filter: Option<PathFilter>,
}

impl Choice {
    fn of(session: &Session, arguments: &Arguments) -> Result<Self, Failure> {
        let has_filter = !arguments.matched.is_empty() || !arguments.exclude.is_empty();
        let filter = session.paths(&arguments.matched, &arguments.exclude)?.filter;
        Ok(Self {
            reasons: arguments.reason.iter().fold(0, |bits, bit| bits | bit),
            times: arguments.times.range()?,
            filter: has_filter.then_some(filter),
        })
    }

    /// Whether a record is printed, by all but its path.
    fn takes(&self, record: &UsnRecord<'_>) -> bool {
        let is_limited = self.times != Period::default();
        (self.reasons == 0 || self.reasons & record.reasons != 0)
            && (!is_limited || record.change().is_some_and(|change| self.times.contains(change.time())))
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = arguments.output.as_deref();
    check_two_files(path, arguments.coverage.coverage.as_deref())?;
    let choice = Choice::of(session, arguments)?;
    match (&arguments.disk, &arguments.usnjrnl) {
        (Some(disk), _) => of_disk(session, arguments, &choice, disk),
        (None, Some(journal)) => of_host(session, arguments, &choice, journal),
        (None, None) => Err(Failure::new(
            "give a disk with --disk, or a file with the bytes of a journal with --usnjrnl; see --help",
        )),
    }
}

fn of_disk(
    session: &Session,
    arguments: &Arguments,
    choice: &Choice,
    disk: &Path,
) -> Result<Outcome, Failure> {
    let guest = session.open(disk, &arguments.evidence)?;
    let (journals, found) = journals(&guest, arguments.usnjrnl.as_deref())?;
    let mut coverage = guest.coverage().clone();
    coverage.extend(found);
    let path = arguments.output.as_deref();
    let mut out = Output::open(path, &[&guest])?;
    let format = arguments.format.with_colour(session.colour(path));
    session.in_pool(|| {
        let mut report = vminspect::usn_report(format, &mut out)?;
        for journal in &journals {
            report.begin(&String::from_utf8_lossy(&journal.path));
            let source = JournalSource::of(&guest, journal);
            let mut printer = Printer::new(choice, &mut *report, &source, guest.image(), &journal.path);
            printer.print_journal()?;
            if arguments.carve {
                let found = vminspect::carve_volume(&guest, journal.volume, &mut |record| {
                    printer.print(record, true)
                })?;
                printer.coverage.extend(found);
            }
            coverage.extend(printer.coverage);
        }
        coverage.extend(guest.check_unchanged());
        report.finish(&coverage)
    })??;
    out.finish()?;
    let shown = arguments.format == FormatName::Jsonl;
    session.conclude(&coverage, shown, &arguments.coverage, &[&guest])
}

/// The journals of a disk, or the one that the user names.
pub(crate) fn journals(guest: &Guest, path: Option<&Path>) -> Result<(Vec<JournalFile>, Coverage), Failure> {
    let (journals, coverage) = match path {
        Some(path) => {
            let (journal, coverage) = vminspect::open_journal(guest, path.as_os_str().as_encoded_bytes())?;
            (vec![journal], coverage)
        }
        None => vminspect::change_journals(guest),
    };
    if journals.is_empty() && coverage.is_complete() {
        let image = guest.image();
        return Err(Failure::new(format!(
            "{image}: no volume has a change journal ($Extend\\$UsnJrnl); vminspect info tells what is on the disk"
        )));
    }
    for journal in &journals {
        let path = String::from_utf8_lossy(&journal.path).into_owned();
        match journal.max {
            Some(max) => tracing::info!(
                journal = %for_terminal(&path),
                id = format!("{:016x}", max.journal_id),
                lowest_valid_usn = max.lowest_valid_usn,
                maximum_size = max.maximum_size,
                "found a change journal"
            ),
            None => tracing::info!(journal = %for_terminal(&path), "found a change journal without $Max"),
        }
    }
    Ok((journals, coverage))
}

fn of_host(
    session: &Session,
    arguments: &Arguments,
    choice: &Choice,
    location: &Path,
) -> Result<Outcome, Failure> {
    let open = |path: &Path| HostFile::open(path).map_err(|error| Failure::new(error.to_string()));
    let journal = Arc::new(open(location)?);
    let mft = arguments.mft.as_deref().map(open).transpose()?.map(Arc::new);
    let evidence: Vec<&HostFile> = std::iter::once(&*journal).chain(mft.as_deref()).collect();
    let path = arguments.output.as_deref();
    let mut out = Output::open_beside(path, &evidence)?;
    let source = JournalSource {
        bytes: Arc::<HostFile>::clone(&journal),
        lowest_valid_usn: None,
        mft: mft.clone().map(|mft| mft as Arc<dyn ReadAt>),
        root: Vec::new(),
        separator: b'\\',
    };
    let image = location.display().to_string();
    let format = arguments.format.with_colour(session.colour(path));
    let coverage = session.in_pool(|| {
        let mut report = vminspect::usn_report(format, &mut out)?;
        report.begin(&image);
        let mut printer = Printer::new(choice, &mut *report, &source, &image, b"");
        if arguments.carve {
            printer.carve_file(&journal)?;
        } else {
            printer.print_journal()?;
        }
        let mut coverage = printer.coverage;
        for file in &evidence {
            if let Err(error) = file.check_unchanged() {
                coverage.add_read_error(&image, b"", &error);
            }
        }
        report.finish(&coverage).map(|()| coverage)
    })??;
    out.finish()?;
    let shown = arguments.format == FormatName::Jsonl;
    session.conclude_beside(&coverage, shown, &arguments.coverage, &evidence)
}

/// Prints the records of one journal that the user wants.
struct Printer<'a> {
    choice: &'a Choice,
    report: &'a mut dyn UsnReport,
    source: &'a JournalSource,
    paths: Option<Paths>,
    image: &'a str,
    place: &'a [u8],
    coverage: Coverage,
}

impl<'a> Printer<'a> {
    fn new(
        choice: &'a Choice,
        report: &'a mut dyn UsnReport,
        source: &'a JournalSource,
        image: &'a str,
        place: &'a [u8],
    ) -> Self {
        let mut coverage = Coverage::default();
        let paths = source.mft.is_some().then(|| source.paths());
        let paths = paths.map(|(paths, problems)| {
            for error in problems {
                coverage.add_error(image, place, error.family(), &error);
            }
            paths
        });
        Self { choice, report, source, paths, image, place, coverage }
    }

    fn print_journal(&mut self) -> io::Result<()> {
        let (mut result, mut index) = (Ok(()), 0_u64);
        let mut errors = JournalErrors::default();
        let bytes = Arc::clone(&self.source.bytes);
        Journal::new(&*bytes).visit(|record| {
            result = match record {
                Ok(record) => self.print(&record, false),
                Err(error) => {
                    errors.add(&error);
                    self.report.error(index, &error)
                }
            };
            index = index.saturating_add(1);
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        errors.tell(self.image, self.place, &mut self.coverage);
        result
    }

    fn print(&mut self, record: &UsnRecord<'_>, carved: bool) -> io::Result<()> {
        if !self.choice.takes(record) {
            return Ok(());
        }
        let stale = !carved && self.source.lowest_valid_usn.is_some_and(|lowest| record.usn < lowest);
        let mut place = UsnPlace { carved, stale, ..UsnPlace::default() };
        let Some(change) = record.change() else {
            // Records without names match no pattern.
            return if self.choice.filter.is_none() { self.report.record(record, &place) } else { Ok(()) };
        };
        let (file, parent, name) = (record.file, record.parent, change.name());
        let resolved = self.paths.as_mut().map(|paths| match carved {
            true => paths.carved(file, parent, &name),
            false => paths.file(file, parent, &name, record.offset),
        });
        if let Some(resolved) = resolved {
            let path = GuestPath::new(resolved.path.to_vec(), NameEncoding::Wtf8);
            if self.choice.filter.as_ref().is_some_and(|filter| !filter.takes(&path)) {
                return Ok(());
            }
            place.problem = resolved.problem;
            return self.report.record(record, &UsnPlace { path: Some(&path), ..place });
        }
        if let Some(filter) = &self.choice.filter
            && !filter.takes(&GuestPath::new(change.name(), NameEncoding::Wtf8))
        {
            return Ok(());
        }
        self.report.record(record, &place)
    }

    /// Looks for records anywhere in a file.
    fn carve_file(&mut self, file: &HostFile) -> io::Result<()> {
        const STEP: u64 = 4 << 20;
        // Windows overlap by more than the longest record that is looked for.
        const OVERLAP: u64 = 1 << 12;
        let mut start = 0;
        while start < file.len() {
            let end = file.len().min(start.saturating_add(STEP));
            let next = if end == file.len() { end } else { end.saturating_sub(OVERLAP) };
            let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
            match file.read_vec(start, length) {
                Ok(bytes) => {
                    let mut result = Ok(());
                    vminspect::carve(&bytes, start, |record| {
                        if result.is_ok() && record.offset < next {
                            result = self.print(&record, true);
                        }
                    });
                    result?;
                }
                Err(error) => self.coverage.add_read_error(self.image, self.place, &error),
            }
            start = next;
        }
        Ok(())
    }
}
