use std::path::PathBuf;

use clap::Args;
use vminspect::{Fields, Options};

use crate::arguments::{Evidence, Files, FormatName, Report};
use crate::failure::Failure;
use crate::output::{Output, stdout_is_terminal};
use crate::session::{Outcome, Session};
use crate::{progress, statistics};

/// Lists the regular files of a disk with their hashes.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// List named streams, too, as files with paths like C:\file.txt:stream, and tell where downloads came from.
    #[arg(long)]
    streams: bool,
    /// List deleted files, too, as far as their records are left. Others may use their content by now.
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    evidence: Evidence,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let options = Options {
        streams: arguments.streams,
        deleted: arguments.deleted,
        ..session.options(&arguments.files)?
    };
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let path = arguments.report.output.as_deref();
    arguments.report.check()?;
    let mut out = Output::open(path, &[&guest])?;
    let fields = Fields {
        algorithms: options.algorithms.clone(),
        size: arguments.files.size,
        file_type: arguments.files.identify,
    };
    let format = arguments.report.format.with_colour(session.colour(path));
    let progress = progress::start(&session.global, path.is_none() && stdout_is_terminal());
    let summary = session.in_pool(|| {
        let mut report = vminspect::listing_report(format, &mut out, &fields)?;
        let mut summary = vminspect::list(&guest, &options, &*progress, &mut |facts| report.row(&facts))?;
        summary.coverage.extend(guest.check_unchanged());
        report.finish(&summary.coverage).map(|()| summary)
    })??;
    drop(progress);
    out.finish()?;
    statistics::tell(session, &summary.statistics);
    let shown = arguments.report.format == FormatName::Jsonl;
    session.conclude(&summary.coverage, shown, &arguments.report.coverage, &[&guest])
}
