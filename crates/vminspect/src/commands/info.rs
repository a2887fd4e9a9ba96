use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::{CoverageArguments, Evidence};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};

/// Shows what a disk is: image and parents, snapshots, volumes, filesystems, operating system.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report.
    #[arg(long, value_name = "NAME", default_value = "text", help_heading = "Report")]
    format: InfoFormat,
    #[command(flatten)]
    coverage: CoverageArguments,
    #[command(flatten)]
    evidence: Evidence,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum InfoFormat {
    Text,
    Json,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let mut coverage = guest.coverage().clone();
    let (system, problems) = guest.describe_system();
    coverage.extend(problems);
    coverage.extend(guest.check_unchanged());
    let mut out = Output::open(arguments.output.as_deref(), &[&guest])?;
    match arguments.format {
        InfoFormat::Text => {
            let colour = session.colour(arguments.output.as_deref());
            vminspect::info_text(&mut out, &guest, system.as_ref(), &coverage, colour)?;
        }
        InfoFormat::Json => vminspect::info_json(&mut out, &guest, system.as_ref(), &coverage)?,
    }
    out.finish()?;
    session.conclude(&coverage, true, &arguments.coverage, &[&guest])
}
