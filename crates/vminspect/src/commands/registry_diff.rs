use std::path::PathBuf;

use clap::Args;
use vminspect::{HiveSide, RegistryComparison, RegistryOptions};

use crate::arguments::{FormatName, Report};
use crate::failure::Failure;
use crate::hive::OpenedHive;
use crate::output::Output;
use crate::session::{Outcome, Session};

const AFTER_HELP: &str = r"Examples:
  vminspect registry-diff before/SOFTWARE after/SOFTWARE
  vminspect registry-diff before/SYSTEM after/SYSTEM --security --format table";

/// Compares two registry hives: which keys and values were created, deleted or modified.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The first hive: a file. Changes in the logs beside a hive are taken as made.
    hive1: PathBuf,
    /// The second hive, which is looked at for what changed since the first.
    hive2: PathBuf,
    /// Report security descriptors that changed.
    #[arg(long)]
    security: bool,
    /// Report also keys of which only the time changed.
    #[arg(long)]
    times: bool,
    /// Read the hives as they are stored, without their logs.
    #[arg(long)]
    no_logs: bool,
    /// Exit with code 1 when there are differences.
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    report: Report,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    arguments.report.check()?;
    let before = OpenedHive::of_host(&arguments.hive1, !arguments.no_logs)?;
    let after = OpenedHive::of_host(&arguments.hive2, !arguments.no_logs)?;
    let path = arguments.report.output.as_deref();
    let files = [before.files(), after.files()].concat();
    let mut out = Output::open_beside(path, &files)?;
    let found = compare(&before, &after, arguments);
    let format = arguments.report.format.with_colour(session.colour(path));
    vminspect::registry_comparison_report(format, &mut out, &found)?;
    out.finish()?;
    let shown = path.is_none() && arguments.report.format != FormatName::Csv;
    let outcome = session.conclude_beside(&found.coverage, shown, &arguments.report.coverage, &files)?;
    Ok(Outcome { found: arguments.exit_code && !found.is_empty(), ..outcome })
}

fn compare(before: &OpenedHive, after: &OpenedHive, arguments: &Arguments) -> RegistryComparison {
    let options =
        RegistryOptions { security: arguments.security, times: arguments.times, no_logs: arguments.no_logs };
    let mut found = match (&before.hive, &after.hive) {
        (Some(first), Some(second)) => {
            let mount = mount(before, after);
            vminspect::compare_hives(side(before, first), side(after, second), &mount, options)
        }
        // Of a hive that cannot be read, nothing is known to be missing.
        _ => RegistryComparison::default(),
    };
    for opened in [before, after] {
        found.coverage.extend(opened.coverage.clone());
        found.coverage.extend(opened.check_unchanged());
    }
    found
}

fn side<'h>(opened: &'h OpenedHive, hive: &'h vminspect::Hive) -> HiveSide<'h> {
    HiveSide { hive, image: &opened.image, place: &opened.place }
}

/// What stands before the paths of both hives: where Windows shows them, or the name that both have.
fn mount(before: &OpenedHive, after: &OpenedHive) -> Vec<u8> {
    match before.windows_mount().or_else(|| after.windows_mount()) {
        Some(mount) => mount,
        None if before.name == after.name => before.name.clone().into_bytes(),
        None => Vec::new(),
    }
}
