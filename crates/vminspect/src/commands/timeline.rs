use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use vminspect::{
    Coverage, EventFields, EventFormat, EventLogSource, EventSource, Fields, FileRow, Guest, Histogram,
    Options, Problem, Progress, RegistrySource, TimelineOptions, UsnSource,
};

use crate::arguments::{AlgorithmName, CoverageArguments, Evidence, algorithms, check_two_files};
use crate::failure::Failure;
use crate::output::{Output, stdout_is_terminal};
use crate::session::{Outcome, Session};
use crate::times::Times;
use crate::{progress, statistics};

const AFTER_HELP: &str = r"Examples:
  vminspect timeline disk.qcow2 --format table --from 2026-11-01
  vminspect timeline disk.qcow2 --format bodyfile | mactime -d -b -
  vminspect timeline windows.raw --filename-times --with registry --format timesketch -o timeline.csv
  vminspect timeline windows.raw --match 'C:\Users\**' --reverse --format table
  vminspect timeline disk.qcow2 --chart activity.svg --histogram

A row of JSON is {inode, path, size, allocated, timestamp, reason}, and has more where there is more to tell: source
(of what is no file's own record), local_time, signs. The signs are si_before_fn, zero_subseconds and after_last_use;
each has innocent causes, too.";

/// Tells what happened when: the times of all files, allocated and deleted, of the registry and more, in one order.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// Tell the times of $FILE_NAME on NTFS, too. Bodyfiles always have them.
    #[arg(long)]
    filename_times: bool,
    /// Tell also what these have: registry (when keys were written), usn (the change journals of NTFS), events (the event
    /// logs of Windows).
    #[arg(long = "with", value_name = "LIST", value_delimiter = ',')]
    sources: Vec<SourceName>,
    #[command(flatten)]
    times: Times,
    /// Tell the latest first.
    #[arg(long)]
    reverse: bool,
    /// Look only at paths that match. `*` and `?` stop at `/`, `**` does not; a pattern without `/` is matched
    /// against names. In a Windows guest `\` and `/` are one and case does not count. May be given more than once.
    #[arg(long = "match", value_name = "GLOB", help_heading = "Files")]
    matched: Vec<String>,
    /// Leave out paths that match. May be given more than once.
    #[arg(long, value_name = "GLOB", help_heading = "Files")]
    exclude: Vec<String>,
    /// Report what the content of each file is.
    #[arg(short, long, help_heading = "Files")]
    identify: bool,
    /// Report the hash of each file's content.
    #[arg(short = 's', long, help_heading = "Files")]
    hash: bool,
    /// The hash to compute: sha1, sha256, md5 or blake3.
    #[arg(long, value_name = "NAME", default_value = "sha1", help_heading = "Files")]
    algorithm: AlgorithmName,
    /// Draw activity over time into this file, as SVG.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    chart: Option<PathBuf>,
    /// Print a histogram of activity over time instead of the events.
    #[arg(long, help_heading = "Report")]
    histogram: bool,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report: `table` is for people, `bodyfile` for mactime, `mftecmd` has a line for each name in an
    /// MFT; these last two have a line for each file, in the order of storage.
    #[arg(long, value_name = "NAME", default_value = "json", help_heading = "Report")]
    format: FormatName,
    #[command(flatten)]
    coverage: CoverageArguments,
    #[command(flatten)]
    evidence: Evidence,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum FormatName {
    Json,
    Jsonl,
    Csv,
    Bodyfile,
    Timesketch,
    TimesketchJsonl,
    L2tcsv,
    Plaso,
    Mftecmd,
    Table,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
enum SourceName {
    Registry,
    Usn,
    Events,
}

/// How a report is made.
enum Form {
    /// Of events, sorted.
    Events(EventFormat),
    /// Of rows of files.
    Bodyfile,
    Mftecmd,
}

impl Arguments {
    fn form(&self, colour: bool) -> Form {
        Form::Events(match self.format {
            FormatName::Bodyfile => return Form::Bodyfile,
            FormatName::Mftecmd => return Form::Mftecmd,
            FormatName::Json => EventFormat::Json,
            FormatName::Jsonl => EventFormat::JsonLines,
            FormatName::Csv => EventFormat::Csv,
            FormatName::Timesketch => EventFormat::Timesketch,
            FormatName::TimesketchJsonl => EventFormat::TimesketchJsonl,
            FormatName::L2tcsv => EventFormat::L2tCsv,
            FormatName::Plaso => EventFormat::Plaso,
            FormatName::Table => EventFormat::Table { colour },
        })
    }

    /// Fails for what a form of files cannot do.
    fn check(&self, form: &Form) -> Result<(), Failure> {
        check_two_files(self.output.as_deref(), self.coverage.coverage.as_deref())?;
        check_two_files(self.output.as_deref(), self.chart.as_deref())?;
        check_two_files(self.chart.as_deref(), self.coverage.coverage.as_deref())?;
        if matches!(form, Form::Events(_)) {
            return Ok(());
        }
        let asked = [
            (self.times.from.is_some() || self.times.to.is_some(), "--from and --to"),
            (self.reverse, "--reverse"),
            (!self.sources.is_empty(), "--with"),
            (self.identify, "--identify"),
            (self.hash, "--hash"),
            (self.chart.is_some(), "--chart"),
            (self.histogram, "--histogram"),
        ];
        match asked.iter().find(|(asked, _)| *asked) {
            Some((_, option)) => Err(Failure::new(format!(
                "{option} is for formats of events; bodyfile and mftecmd have a line for each file"
            ))),
            None => Ok(()),
        }
    }

    /// Fails when the chart and another file would have one name, where only the last would stay.
    fn check_chart(&self) -> Result<(), Failure> {
        let others = [self.output.as_deref(), self.coverage.coverage.as_deref()];
        match self.chart.as_deref() {
            Some(chart) if others.contains(&Some(chart)) => Err(Failure::new(format!(
                "{} is named for the chart and for another file; name two files",
                chart.display()
            ))),
            _ => Ok(()),
        }
    }

    fn options(&self, session: &Session) -> Result<Options, Failure> {
        let options = session.paths(&self.matched, &self.exclude)?;
        let hashes = if self.hash { algorithms(&[self.algorithm]) } else { Vec::new() };
        Ok(Options { algorithms: hashes, identify: self.identify, ..options })
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = arguments.output.as_deref();
    let form = arguments.form(session.colour(path));
    arguments.check(&form)?;
    arguments.check_chart()?;
    let options = arguments.options(session)?;
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let mut out = Output::open(path, &[&guest])?;
    let progress = progress::start(&session.global, path.is_none() && stdout_is_terminal());
    let work = Work { session, arguments, guest: &guest, options: &options, progress: &*progress };
    let coverage = match form {
        Form::Events(format) => work.events(format, &mut out)?,
        Form::Bodyfile => work.rows(&mut out, &vminspect::bodyfile_row)?,
        Form::Mftecmd => work.mftecmd(&mut out)?,
    };
    drop(progress);
    out.finish()?;
    let shown = arguments.format == FormatName::Jsonl && !arguments.histogram;
    session.conclude(&coverage, shown, &arguments.coverage, &[&guest])
}

struct Work<'a> {
    session: &'a Session,
    arguments: &'a Arguments,
    guest: &'a Guest,
    options: &'a Options,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn rows(
        &self,
        out: &mut Output,
        write: &(dyn Fn(&FileRow<'_>, &mut Vec<u8>) + Sync),
    ) -> Result<Coverage, Failure> {
        let summary = self.session.in_pool(|| {
            vminspect::file_rows(self.guest, self.options, self.progress, write, &mut |bytes| {
                out.write_all(bytes)
            })
        })??;
        statistics::tell(self.session, &summary.statistics);
        Ok(summary.coverage)
    }

    fn mftecmd(&self, out: &mut Output) -> Result<Coverage, Failure> {
        write!(out, "{}\r\n", vminspect::MFTECMD_HEADER)?;
        let image = self.guest.image().to_owned();
        let mut coverage = self.rows(out, &|row, bytes| vminspect::mftecmd_row(row, &image, bytes))?;
        for volume in self.guest.volumes() {
            let format = volume.filesystem.as_ref().map(|filesystem| filesystem.identity().format);
            if let Some(format) = format.filter(|format| !format.starts_with("ntfs")) {
                coverage.add(Problem {
                    image: image.clone(),
                    place: volume.own_prefix(),
                    family: "unsupported",
                    message: format!("MFTECmd's format is of an MFT, and {format} has none"),
                });
            }
        }
        Ok(coverage)
    }

    fn events(&self, format: EventFormat, out: &mut Output) -> Result<Coverage, Failure> {
        let arguments = self.arguments;
        let fields =
            Fields { algorithms: self.options.algorithms.clone(), size: true, file_type: arguments.identify };
        let what = TimelineOptions {
            name_times: arguments.filename_times,
            period: arguments.times.range()?,
            reverse: arguments.reverse,
            hash: arguments.hash,
        };
        let mut names = arguments.sources.clone();
        names.sort_unstable();
        names.dedup();
        let sources: Vec<&dyn EventSource> = names.into_iter().map(source).collect();
        // Opened before the work, so that a path that cannot be written to costs nothing.
        let chart = match arguments.chart.as_deref() {
            Some(path) => Some((path, Output::open(Some(path), &[self.guest])?)),
            None => None,
        };
        let mut histogram = Histogram::default();
        let counts = arguments.histogram || arguments.chart.is_some();
        let fields = EventFields::new(self.guest, fields, arguments.hash, self.host());
        let mut summary = self.session.in_pool(|| {
            let mut report = match arguments.histogram {
                true => None,
                false => Some(vminspect::event_report(format, &mut *out, fields)?),
            };
            let (guest, options) = (self.guest, self.options);
            let summary =
                vminspect::timeline(guest, options, what, &sources, self.progress, &mut |event, told| {
                    if counts {
                        histogram.add(event);
                    }
                    report.as_mut().map_or(Ok(()), |report| report.event(event, told))
                })?;
            if let Some(mut report) = report {
                report.finish(&summary.coverage)?;
                return Ok((summary, report.left_out()));
            }
            Ok::<_, std::io::Error>((summary, 0))
        })??;
        if summary.1 > 0 {
            summary.0.coverage.add(Problem {
                image: self.guest.image().to_owned(),
                place: Vec::new(),
                family: "unsupported",
                message: format!(
                    "{} events are left out, since this format holds only years of four digits; jsonl has them",
                    summary.1
                ),
            });
        }
        if arguments.histogram {
            vminspect::write_histogram(&mut *out, &histogram, columns())?;
        }
        if let Some((path, mut chart)) = chart {
            vminspect::write_chart(&mut chart, &histogram, self.guest.image())
                .map_err(|error| Failure::about(path, &error))?;
            chart.finish()?;
        }
        statistics::tell(self.session, &summary.0.statistics);
        Ok(summary.0.coverage)
    }

    /// The name of the computer.
    fn host(&self) -> Option<String> {
        // What is wrong with the registry is told where it is asked for.
        self.guest.describe_system().0.and_then(|system| system.hostname)
    }
}

fn source(name: SourceName) -> &'static dyn EventSource {
    match name {
        SourceName::Registry => &RegistrySource,
        SourceName::Usn => &UsnSource,
        SourceName::Events => &EventLogSource,
    }
}

/// Characters on a line of the terminal, or of a file.
fn columns() -> usize {
    let known = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col.into());
    known.or_else(of_terminal).filter(|columns| *columns > 0).unwrap_or(100)
}
