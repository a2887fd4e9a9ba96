use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use vminspect::{
    Changes, Comparison, Coverage, Destination, EventComparison, ExtractionSummary, Fields, FileFacts, Guest,
    Options, Problem, RegistryComparison, RegistryOptions, extract_by_digest, write_manifest_line,
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
    /// Compare the registry of Windows, too: all hives, with the changes in their logs made.
    #[arg(short, long)]
    registry: bool,
    /// Report security descriptors of registry keys that changed.
    #[arg(long, requires = "registry")]
    registry_security: bool,
    /// Report also registry keys of which only the time changed.
    #[arg(long, requires = "registry")]
    registry_times: bool,
    /// Read registry hives as they are stored, without their logs.
    #[arg(long, requires = "registry")]
    no_logs: bool,
    /// Compare the event logs of Windows, too: tell records that only the second disk has, and logs that were cleared.
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    evidence: Evidence,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let options = Options { access_times: arguments.atime, ..session.options(&arguments.files)? };
    let open = |disk| session.open(disk, &arguments.evidence);
    let (before, after) =
        session.in_pool(|| rayon::join(|| open(&arguments.disk1), || open(&arguments.disk2)))?;
    let (before, after) = (before?, after?);
    let path = arguments.report.output.as_deref();
    arguments.report.check()?;
    let mut out = Output::open(path, &[&before, &after])?;
    let progress = progress::start(&session.global, false);
    let mut comparison = session.in_pool(|| vminspect::compare(&before, &after, &options, &*progress))?;
    drop(progress);
    let changed = match arguments.registry {
        true => Some(session.in_pool(|| compare_registries(&before, &after, arguments))?),
        false => None,
    };
    if let Some(changed) = &changed {
        comparison.coverage.extend(changed.coverage.clone());
    }
    let logged = match arguments.events {
        true => Some(session.in_pool(|| compare_events(&before, &after))?),
        false => None,
    };
    if let Some(logged) = &logged {
        comparison.coverage.extend(logged.coverage.clone());
    }
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
    vminspect::comparison_report(
        format,
        &mut out,
        &comparison,
        extraction.as_ref(),
        Changes { registry: changed.as_ref(), events: logged.as_ref() },
        &fields,
    )?;
    out.finish()?;
    statistics::tell(session, &comparison.statistics);
    let shown = path.is_none() && arguments.report.format != FormatName::Csv;
    let guests = [&before, &after];
    let outcome = session.conclude(&comparison.coverage, shown, &arguments.report.coverage, &guests)?;
    let is_equal = comparison.is_empty()
        && changed.is_none_or(|changed| changed.is_empty())
        && logged.is_none_or(|logged| logged.is_empty());
    Ok(Outcome { found: arguments.exit_code && !is_equal, ..outcome })
}

/// Compares the registries.
fn compare_registries(before: &Guest, after: &Guest, arguments: &Arguments) -> RegistryComparison {
    let options = RegistryOptions {
        security: arguments.registry_security,
        times: arguments.registry_times,
        no_logs: arguments.no_logs,
    };
    let mut changed = vminspect::compare_registries(before, after, options);
    tell_no_windows([before, after], "registry", &mut changed.coverage);
    changed
}

/// Compares the event logs.
fn compare_events(before: &Guest, after: &Guest) -> EventComparison {
    let mut logged = vminspect::compare_event_logs(before, after);
    tell_no_windows([before, after], "event log", &mut logged.coverage);
    logged
}

/// The user expects a Windows.
fn tell_no_windows(guests: [&Guest; 2], what: &str, coverage: &mut Coverage) {
    for guest in guests {
        if guest.system().is_none_or(|system| system.family != "windows") {
            let message = format!("no Windows was found here, so that there is no {what} to compare");
            let image = guest.image().to_owned();
            coverage.add(Problem { image, place: Vec::new(), family: "unsupported", message });
        }
    }
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
