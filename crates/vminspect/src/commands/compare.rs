use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use vminspect::{
    Comparison, Destination, ExtractionSummary, Fields, FileFacts, Guest, Options, Problem,
    extract_by_digest, write_manifest_line,
};

use crate::arguments::{Evidence, Files, FormatName, Report};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::{progress, statistics};

/// Compares two disks: which files were created, deleted, modified, renamed, or changed in their metadata.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The first disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk1: PathBuf,
    /// The second disk, which is looked at for what changed since the first.
    disk2: PathBuf,
    /// Accepted for scripts of old; all processors are always used.
    #[arg(short, long)]
    concurrent: bool,
    /// Extract created and modified files, each named by its first hash.
    #[arg(short, long)]
    extract: bool,
    /// Where to make the directory `extracted_files` and the manifest of --extract.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    path: PathBuf,
    /// Report also files of which only the access time changed.
    #[arg(long)]
    atime: bool,
    /// Exit with code 1 when there are differences.
    #[arg(long)]
    exit_code: bool,
    /// Compare the registry of Windows. This version cannot.
    #[arg(short, long)]
    registry: bool,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    evidence: Evidence,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    if arguments.registry {
        let text =
            "registry comparison is not in this version; run again without --registry to compare files";
        return Err(Failure::new(text));
    }
    let options = Options { access_times: arguments.atime, ..session.options(&arguments.files)? };
    let (before, after) = (
        session.open(&arguments.disk1, &arguments.evidence)?,
        session.open(&arguments.disk2, &arguments.evidence)?,
    );
    let path = arguments.report.output.as_deref();
    arguments.report.check()?;
    let mut out = Output::open(path, &[&before, &after])?;
    let progress = progress::start(&session.global, false);
    let mut comparison = session.in_pool(|| vminspect::compare(&before, &after, &options, &*progress))?;
    drop(progress);
    let extraction = match arguments.extract {
        true => Some(extract(&arguments.path, &after, &mut comparison, &options)?),
        false => None,
    };
    comparison.coverage.extend(before.check_unchanged());
    comparison.coverage.extend(after.check_unchanged());
    let fields = Fields {
        algorithms: options.algorithms.clone(),
        size: arguments.files.size,
        file_type: arguments.files.identify,
    };
    let format = arguments.report.format.with_colour(session.colour(path));
    vminspect::comparison_report(format, &mut out, &comparison, extraction.as_ref(), None, &fields)?;
    out.finish()?;
    statistics::tell(session, &comparison.statistics);
    let shown = path.is_none() && arguments.report.format != FormatName::Csv;
    let guests = [&before, &after];
    let outcome = session.conclude(&comparison.coverage, shown, &arguments.report.coverage, &guests)?;
    Ok(Outcome { found: arguments.exit_code && !comparison.is_empty(), ..outcome })
}

/// Writes created and modified files below `directory`, with a manifest that says what each was.
fn extract(
    directory: &Path,
    guest: &Guest,
    comparison: &mut Comparison,
    options: &Options,
) -> Result<ExtractionSummary, Failure> {
    let about = |error| Failure::about(directory, &error);
    let top = Destination::open(directory).map_err(about)?;
    let into = top.subdirectory("extracted_files").map_err(about)?;
    let (name, manifest) = top.create_for(b"extracted.jsonl").map_err(about)?;
    let mut manifest = std::io::BufWriter::new(manifest);
    let mut summary = ExtractionSummary::default();
    let mut told: HashSet<String> = HashSet::new();
    let wanted: Vec<&FileFacts> =
        comparison.created.iter().chain(comparison.modified.iter().map(|change| &change.after)).collect();
    let mut problems = Vec::new();
    for facts in wanted {
        let mut extracted = extract_by_digest(guest, facts, &options.algorithms, &into).map_err(about)?;
        extracted.file = extracted.file.map(|file| format!("extracted_files/{file}"));
        write_manifest_line(&mut manifest, &extracted).map_err(about)?;
        let digest = facts.digests.as_ref().and_then(|digests| digests.first());
        // A file without a hash stands in the coverage already.
        let Some(digest) = digest.map(vminspect::Digest::to_hex) else {
            continue;
        };
        if let Some(problem) = extracted.problem {
            problems.push((facts.path.bytes.clone(), format!("cannot be extracted: {problem}")));
            if told.insert(digest.clone()) {
                summary.errors.push(digest);
            }
        } else if told.insert(digest.clone()) {
            summary.extracted.push(digest);
        }
    }
    std::io::Write::flush(&mut manifest).map_err(about)?;
    for (place, message) in problems {
        let image = guest.image().to_owned();
        comparison.coverage.add(Problem { image, place, family: "io", message });
    }
    tracing::info!(files = summary.extracted.len(), manifest = name, "extracted");
    Ok(summary)
}
