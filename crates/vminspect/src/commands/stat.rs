use std::path::PathBuf;

use clap::{Args, ValueEnum};
use vminspect::Coverage;

use crate::arguments::Evidence;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};

/// Tells everything that is known of one file: times, flags, owner, names, streams, and where its bytes lie.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// The file or named stream in the guest, such as /etc/passwd, vol2:/file or C:\file.txt:stream. A symbolic
    /// link at its end is not followed.
    path: std::ffi::OsString,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report.
    #[arg(long, value_name = "NAME", default_value = "text", help_heading = "Report")]
    format: StatusFormat,
    #[command(flatten)]
    evidence: Evidence,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum StatusFormat {
    Text,
    Json,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let path = arguments.path.as_encoded_bytes();
    let located = vminspect::locate(&guest, path)?;
    let status = vminspect::status(&guest, located, path)
        .map_err(|error| Failure::new(format!("{}: {error}", String::from_utf8_lossy(path))))?;
    let mut out = Output::open(arguments.output.as_deref(), &[&guest])?;
    match arguments.format {
        StatusFormat::Text => {
            let colour = session.colour(arguments.output.as_deref());
            vminspect::status_text(&mut out, &status, colour)?;
        }
        StatusFormat::Json => vminspect::status_json(&mut out, &status)?,
    }
    out.finish()?;
    let unchanged: Coverage = guest.check_unchanged();
    for problem in unchanged.sorted() {
        session.warn(&vminspect::problem_line(problem));
    }
    Ok(Outcome { incomplete: unchanged.has_failures(), ..Outcome::default() })
}
