use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use vminspect::{
    Coverage, EventFilter, EventListOptions, EventLog, EventLogFormat, EventSummary, FilterError, Format,
    GapOptions, Guest, HostFile, ReadAt, ReadAtExt, Stream,
};

use crate::arguments::{CoverageArguments, Evidence, check_two_files};
use crate::commands::cat;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::times::Times;

const AFTER_HELP: &str = r"Examples:
  vminspect eventlog disk.qcow2 'C:\Windows\System32\winevt\Logs\Security.evtx'
  vminspect eventlog disk.qcow2 --all --sort --from 2024-05-01 --format jsonl
  vminspect eventlog disk.qcow2 --all --id 4624,4625,4700-4799 --level warning,error --format csv
  vminspect eventlog Security.evtx --grep 'mimikatz|lsass' --recover
  vminspect eventlog disk.qcow2 --all --gaps --format table

Without --format, an XML element Event is printed for each record. Its strings may hold line breaks: it ends with
</Event>. Times of --from and --to are UTC: 2024-05-01, 2024-05-01T12:30 or 2024-05-01T12:30:00Z. Both ends belong
to the period, and a day alone is the whole day.";

/// Prints the records of Windows event logs (.evtx), as XML, JSON or CSV, or tells what is missing from them.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A disk: an image, a block device, or IMAGE#SNAPSHOT; or an event log itself, a file of the host.
    disk: PathBuf,
    /// Event logs in the guest, such as C:\Windows\System32\winevt\Logs\System.evtx; or more files of the host.
    paths: Vec<PathBuf>,
    /// Read all logs of the guest's Windows.
    #[arg(short, long, conflicts_with = "paths")]
    all: bool,
    /// Print events in the order of their times, over all logs, instead of that of the files.
    #[arg(short, long)]
    sort: bool,
    /// Print also records that the logs do not count any more, as far as they are left: in slack, and in chunks
    /// whose header is damaged. JSON and CSV mark them.
    #[arg(long)]
    recover: bool,
    /// Tell what is missing from the logs, or out of order in them, instead of printing events: jumps of record ids
    /// and of times, checksums that do not fit, logs that were cleared.
    #[arg(long, conflicts_with_all = ["sort", "recover", "id", "provider", "channel", "level", "from", "to", "grep"])]
    gaps: bool,
    /// With --gaps, tell also times without a record: at least so long, such as 90s, 30m, 12h or 7d.
    #[arg(long, value_name = "TIME", requires = "gaps", value_parser = duration)]
    silence: Option<u64>,
    #[command(flatten)]
    choice: EventChoice,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report [default: xml, and table with --gaps]. `evtxecmd` has the columns of EvtxECmd's CSV;
    /// `table` is for --gaps alone.
    #[arg(long, value_name = "NAME", help_heading = "Report")]
    format: Option<FormatName>,
    #[command(flatten)]
    coverage: CoverageArguments,
    #[command(flatten)]
    evidence: Evidence,
}

/// Which events are printed. All that is given has to hold; of a list, one.
#[derive(Args, Debug)]
#[command(next_help_heading = "Events")]
struct EventChoice {
    /// Print events with these ids: numbers and ranges, separated by commas.
    #[arg(long, value_name = "LIST")]
    id: Vec<String>,
    /// Print events of this provider; `*` and `?` are wildcards, case does not count. May be given more than once.
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// Print events of this channel; as --provider.
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// Print events of these levels, separated by commas: critical, error, warning, information, verbose, or 0 to 255.
    #[arg(long, value_name = "LIST")]
    level: Vec<String>,
    #[command(flatten)]
    times: Times,
    /// Print events whose XML has a match of this regular expression. With several, all have to match.
    #[arg(long, value_name = "REGEX")]
    grep: Vec<String>,
}

impl EventChoice {
    fn filter(&self) -> Result<EventFilter, FilterError> {
        let mut filter = EventFilter::default();
        self.id.iter().try_for_each(|list| filter.add_ids(list))?;
        self.provider.iter().try_for_each(|name| filter.add_provider(name))?;
        self.channel.iter().try_for_each(|name| filter.add_channel(name))?;
        self.level.iter().try_for_each(|list| filter.add_levels(list))?;
        self.grep.iter().try_for_each(|pattern| filter.add_grep(pattern))?;
        Ok(filter)
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum FormatName {
    Xml,
    Json,
    Jsonl,
    Csv,
    Evtxecmd,
    Table,
}

/// What is printed, in which form.
enum Form {
    Events(EventLogFormat),
    Gaps(Format),
}

impl Arguments {
    fn form(&self, colour: bool) -> Result<Form, Failure> {
        let wrong =
            |name, formats| Err(Failure::new(format!("--format {name} is not for this; use {formats}")));
        Ok(match (self.format, self.gaps) {
            (Some(FormatName::Json), false) => Form::Events(EventLogFormat::Json),
            (Some(FormatName::Jsonl), false) => Form::Events(EventLogFormat::JsonLines),
            (Some(FormatName::Csv), false) => Form::Events(EventLogFormat::Csv),
            (Some(FormatName::Evtxecmd), false) => Form::Events(EventLogFormat::EvtxECmd),
            (None | Some(FormatName::Xml), false) => Form::Events(EventLogFormat::Xml),
            (Some(FormatName::Table), false) => return wrong("table", "xml, json, jsonl, csv or evtxecmd"),
            (Some(FormatName::Json), true) => Form::Gaps(Format::Json),
            (Some(FormatName::Jsonl), true) => Form::Gaps(Format::JsonLines),
            (Some(FormatName::Csv), true) => Form::Gaps(Format::Csv),
            (None | Some(FormatName::Table), true) => Form::Gaps(Format::Table { colour }),
            (Some(FormatName::Xml), true) => return wrong("xml", "table, json, jsonl or csv"),
            (Some(FormatName::Evtxecmd), true) => return wrong("evtxecmd", "table, json, jsonl or csv"),
        })
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = arguments.output.as_deref();
    let form = arguments.form(session.colour(path))?;
    let mut filter = arguments.choice.filter().map_err(|error| Failure::new(error.to_string()))?;
    filter.set_times(arguments.choice.times.range()?);
    check_two_files(path, arguments.coverage.coverage.as_deref())?;
    let opened = Opened::open(session, arguments)?;
    let mut out = Output::open_beside(path, &opened.evidence())?;
    let options = EventListOptions { filter, recover: arguments.recover, sorted: arguments.sort };
    let mut summary = match form {
        Form::Events(format) => session.in_pool(|| list(&opened, format, &options, &mut out))??,
        Form::Gaps(format) => session.in_pool(|| gaps(&opened, format, arguments.silence, &mut out))??,
    };
    out.finish()?;
    tracing::info!(events = summary.events, recovered = summary.recovered, "read");
    if summary.lost_remains > 0 {
        tracing::info!(records = summary.lost_remains, "remains of records cannot be decoded any more");
    }
    summary.coverage.extend(opened.check_unchanged());
    let shown = arguments.format == Some(FormatName::Jsonl);
    session.conclude_beside(&summary.coverage, shown, &arguments.coverage, &opened.evidence())
}

fn list(
    opened: &Opened,
    format: EventLogFormat,
    options: &EventListOptions,
    out: &mut Output,
) -> Result<EventSummary, Failure> {
    format.begin(out)?;
    let mut summary = vminspect::list_events(&opened.logs, options, &*format.sink(), out)?;
    summary.coverage.extend(opened.coverage.clone());
    format.end(out, &summary)?;
    Ok(summary)
}

fn gaps(
    opened: &Opened,
    format: Format,
    silence: Option<u64>,
    out: &mut Output,
) -> Result<EventSummary, Failure> {
    let (gaps, mut summary) = vminspect::find_gaps(&opened.logs, GapOptions { silence })?;
    summary.coverage.extend(opened.coverage.clone());
    vminspect::gaps_report(format, out, &opened.logs, &gaps, &summary.coverage)?;
    Ok(summary)
}

/// The logs that are read.
struct Opened {
    logs: Vec<EventLog>,
    coverage: Coverage,
    guest: Option<Guest>,
    files: Vec<Arc<HostFile>>,
}

impl Opened {
    fn open(session: &Session, arguments: &Arguments) -> Result<Self, Failure> {
        let first = HostFile::open(&arguments.disk).ok();
        match first.filter(is_event_log) {
            Some(_) if arguments.all => Err(Failure::new(format!(
                "{} is an event log itself; --all is for a disk",
                arguments.disk.display()
            ))),
            Some(_) => Self::of_host(std::iter::once(&arguments.disk).chain(&arguments.paths)),
            None => Self::of_guest(session, arguments),
        }
    }

    fn of_host<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Self, Failure> {
        let mut opened =
            Self { logs: Vec::new(), coverage: Coverage::default(), guest: None, files: Vec::new() };
        for path in paths {
            let file = HostFile::open(path).map_err(|error| Failure::new(error.to_string()))?;
            let file = Arc::new(file);
            opened.files.push(Arc::clone(&file));
            opened.add(&path.display().to_string(), b"", file);
        }
        Ok(opened)
    }

    fn of_guest(session: &Session, arguments: &Arguments) -> Result<Self, Failure> {
        let guest = session.open(&arguments.disk, &arguments.evidence)?;
        if arguments.paths.is_empty() && !arguments.all {
            return Err(Failure::new(
                "name event logs in the guest, such as 'C:\\Windows\\System32\\winevt\\Logs\\System.evtx', or give --all",
            ));
        }
        let (logs, coverage) = if arguments.all { EventLog::all_of(&guest) } else { <_>::default() };
        let mut opened = Self { logs, coverage, guest: None, files: Vec::new() };
        if arguments.all && opened.logs.is_empty() && opened.coverage.is_complete() {
            return Err(Failure::new(format!("{}: no event logs of a Windows were found", guest.image())));
        }
        for path in &arguments.paths {
            let place = path.as_os_str().as_encoded_bytes();
            opened.add(guest.image(), place, cat::open(&guest, place, Stream::Data)?);
        }
        opened.guest = Some(guest);
        Ok(opened)
    }

    fn add(&mut self, image: &str, place: &[u8], source: Arc<dyn ReadAt>) {
        match EventLog::open(image, place, source) {
            Ok(log) => self.logs.push(log),
            Err(error) => self.coverage.add_read_error(image, place, &error),
        }
    }

    /// The files of the host that are read.
    fn evidence(&self) -> Vec<&HostFile> {
        let images = self.guest.iter().flat_map(|guest| guest.disk().host_files()).map(|file| &**file);
        self.files.iter().map(|file| &**file).chain(images).collect()
    }

    /// What changed while it was read.
    fn check_unchanged(&self) -> Coverage {
        let mut coverage = self.guest.as_ref().map(Guest::check_unchanged).unwrap_or_default();
        for file in &self.files {
            if let Err(error) = file.check_unchanged() {
                coverage.add_read_error(&file.path().display().to_string(), b"", &error);
            }
        }
        coverage
    }
}

/// Whether a file of the host is an event log, by its first bytes, or by its name where these are damaged.
fn is_event_log(file: &HostFile) -> bool {
    let head = file.read_array::<8>(0).unwrap_or_default();
    let named = |path: &Path| {
        let end = path.extension().unwrap_or_default();
        end.eq_ignore_ascii_case("evtx") || end.eq_ignore_ascii_case("evt")
    };
    &head == b"ElfFile\0" || &head[4..] == b"LfLe" || named(file.path())
}

/// Seconds from text such as `90s`, `30m`, `12h`, `7d`.
fn duration(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number and s, m, h or d, such as 12h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("90s"), Ok(90));
        assert_eq!(duration("7d"), Ok(604_800));
        for bad in ["", "d", "7", "1w", "-1h", "é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
