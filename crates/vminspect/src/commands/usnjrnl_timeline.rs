use std::path::PathBuf;

use clap::Args;
use vminspect::{Destination, UsnFields, UsnTimelineOptions};

use super::usnjrnl::{FormatName, journals};
use crate::arguments::{AlgorithmName, Choice, CoverageArguments, Evidence, algorithms, check_two_files};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::times::Times;

const AFTER_HELP: &str = r"Examples:
  vminspect usnjrnl_timeline disk.qcow2 --format table
  vminspect usnjrnl_timeline disk.qcow2 --match '*.exe' --from 2024-05-01
  vminspect usnjrnl_timeline disk.qcow2 -s -i -e created -r deleted --format jsonl

Paths are those of the time of the change: a directory that was renamed or deleted since is followed back through the
journal. Where a part of a path cannot be known it is ?, and path_problem says why. Files that were created and
deleted while the journal was kept have created_and_deleted.";

/// Tells what happened to files by the change journal of NTFS ($UsnJrnl) and the MFT.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// Report what the content of each file that is there is.
    #[arg(short, long)]
    identify: bool,
    /// Report the hash of each file that is there.
    #[arg(short = 's', long)]
    hash: bool,
    /// Hashes to compute, separated by commas: sha1, sha256, md5, blake3.
    #[arg(long, value_name = "LIST", default_value = "sha1", value_delimiter = ',')]
    algorithm: Vec<AlgorithmName>,
    /// Write files that were created, and are there, into this directory, as HASH_NAME.
    #[arg(short, long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// Write what is left of deleted files into this directory, as HASH_NAME.
    #[arg(short, long, value_name = "DIR")]
    recover: Option<PathBuf>,
    /// The journal in the disk [default: those of all volumes, such as C:\$Extend\$UsnJrnl].
    #[arg(short, long, value_name = "PATH")]
    usnjrnl: Option<PathBuf>,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    choice: Choice,
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

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = arguments.output.as_deref();
    check_two_files(path, arguments.coverage.coverage.as_deref())?;
    let times = arguments.times.range()?;
    let content = vminspect::Options {
        algorithms: algorithms(&arguments.algorithm),
        identify: arguments.identify,
        ..session.choice(&arguments.choice)?
    };
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let (journals, found) = journals(&guest, arguments.usnjrnl.as_deref())?;
    let mut coverage = guest.coverage().clone();
    coverage.extend(found);
    let mut out = Output::open(path, &[&guest])?;
    let destination = |path: &Option<PathBuf>| {
        let open = |path: &PathBuf| Destination::open(path).map_err(|error| Failure::about(path, &error));
        path.as_ref().map(open).transpose()
    };
    let (extract, recover) = (destination(&arguments.extract)?, destination(&arguments.recover)?);
    let options = UsnTimelineOptions {
        times,
        filter: &content.filter,
        content: &content,
        hash: arguments.hash,
        extract: extract.as_ref(),
        recover: recover.as_ref(),
    };
    let fields = UsnFields {
        hash: arguments.hash || arguments.extract.is_some(),
        file_type: arguments.identify,
        recovered: arguments.recover.is_some(),
    };
    let format = arguments.format.with_colour(session.colour(path));
    session.in_pool(|| {
        let mut report = vminspect::usn_timeline_report(format, &mut out, fields)?;
        for journal in &journals {
            report.begin(&String::from_utf8_lossy(&journal.path));
            let told = vminspect::usn_timeline(&guest, journal, &options, &mut |row| report.row(row))?;
            coverage.extend(told);
        }
        coverage.extend(guest.check_unchanged());
        report.finish(&coverage)
    })??;
    out.finish()?;
    let shown = arguments.format == FormatName::Jsonl;
    session.conclude(&coverage, shown, &arguments.coverage, &[&guest])
}
