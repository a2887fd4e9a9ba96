use std::path::PathBuf;

use clap::{Args, ValueEnum};
use vminspect::{
    Coverage, FoundKey, Hive, HiveFormat, HiveReport, Listing, ListingOptions, Problem, TimelineFormat,
    for_terminal,
};

use crate::arguments::{CoverageArguments, Evidence, check_two_files};
use crate::failure::Failure;
use crate::hive::OpenedHive;
use crate::output::Output;
use crate::session::{Outcome, Session};

const AFTER_HELP: &str = r"Examples:
  vminspect registry SOFTWARE
  vminspect registry -d disk.qcow2 'C:\Windows\System32\config\SYSTEM' --windows-paths
  vminspect registry -d disk.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services' --format table
  vminspect registry NTUSER.DAT --key 'Software\Microsoft\Windows\CurrentVersion\Run' --format table
  vminspect registry SAM --deleted --format jsonl
  vminspect registry SYSTEM --timeline --format bodyfile | mactime -d

A key is printed as {path: [time, [[name, type, data], ...]]}. Numbers have a sign, texts end at their first NUL, and
what is neither is base64. Two keys that are printed alike differ by a number: PATH\\(2). JSON Lines tells more: data
that text does not hold as hexadecimal digits, offsets, classes, flags.";

/// Prints a registry hive: keys, when they were written, and their values.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The hive: a file, or with --disk the path of one inside it, or of a key in the registry, such as
    /// HKLM\SYSTEM\CurrentControlSet\Services. Changes in the logs beside it are shown as made.
    hive: PathBuf,
    /// Read the hive from this disk: an image, a block device, or IMAGE#SNAPSHOT.
    #[arg(short, long, value_name = "DISK")]
    disk: Option<PathBuf>,
    /// Print keys in the order in which they were last written.
    #[arg(short, long)]
    sort: bool,
    /// Print this key and what is below it alone: names below the root with `\` between them, or a path as it is
    /// printed. Case does not count.
    #[arg(long, value_name = "PATH")]
    key: Option<String>,
    /// Begin paths as Windows does, with HKLM\SOFTWARE and so on by the name of the hive's file.
    #[arg(long)]
    windows_paths: bool,
    /// Print deleted keys and values, too, as far as the hive still holds them. Keys in use that damage has cut off
    /// from the root are printed in any case. In JSON their paths end in
    /// `\\(deleted)`, or `\\(deleted values)` for values of a key that is there.
    #[arg(long)]
    deleted: bool,
    /// Print when keys were written, and no values.
    #[arg(long)]
    timeline: bool,
    /// Read the hive as it is stored, without its logs.
    #[arg(long)]
    no_logs: bool,
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Option<PathBuf>,
    /// Format of the report: `table` is for people, `reg` for Windows' registry editor, `bodyfile` for the
    /// timelines of mactime.
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
    Reg,
    Bodyfile,
    Table,
}

/// What is printed, in which form.
#[derive(Clone, Copy)]
enum Form {
    Hive(HiveFormat),
    Timeline(TimelineFormat),
}

impl Arguments {
    fn form(&self, colour: bool) -> Result<Form, Failure> {
        if self.deleted && self.format == FormatName::Reg {
            return Err(Failure::new("--format reg cannot hold what was deleted; use jsonl or csv"));
        }
        let hive = |format| Ok(Form::Hive(format));
        let timeline = |format| Ok(Form::Timeline(format));
        match (self.format, self.timeline) {
            (FormatName::Json, false) => hive(HiveFormat::Json),
            (FormatName::Jsonl, false) => hive(HiveFormat::JsonLines),
            (FormatName::Csv, false) => hive(HiveFormat::Csv),
            (FormatName::Table, false) => hive(HiveFormat::Table { colour }),
            (FormatName::Reg, false) => hive(HiveFormat::Reg),
            (FormatName::Bodyfile, false) => {
                Err(Failure::new("--format bodyfile tells times alone; give --timeline with it"))
            }
            (FormatName::Json, true) => timeline(TimelineFormat::Json),
            (FormatName::Jsonl, true) => timeline(TimelineFormat::JsonLines),
            (FormatName::Csv, true) => timeline(TimelineFormat::Csv),
            (FormatName::Bodyfile, true) => timeline(TimelineFormat::Bodyfile),
            (FormatName::Table, true) => timeline(TimelineFormat::Table),
            (FormatName::Reg, true) => {
                Err(Failure::new("--format reg holds no times; use json, jsonl, csv, bodyfile or table"))
            }
        }
    }

    fn open(&self, session: &Session) -> Result<OpenedHive, Failure> {
        match &self.disk {
            Some(disk) => OpenedHive::of_guest(session, disk, &self.hive, &self.evidence, !self.no_logs),
            None => OpenedHive::of_host(&self.hive, !self.no_logs),
        }
    }

    /// What stands before the paths of the hive.
    fn mount(&self, opened: &OpenedHive) -> Vec<u8> {
        if !self.windows_paths && opened.key.is_none() && self.format != FormatName::Reg {
            return opened.legacy_mount().as_bytes().to_vec();
        }
        // The registry editor loads what Windows does not show under one name.
        let mount =
            opened.windows_mount().filter(|mount| self.format != FormatName::Reg || mount.starts_with(b"HK"));
        mount.unwrap_or_else(|| opened.name.clone().into_bytes())
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = arguments.output.as_deref();
    let form = arguments.form(session.colour(path))?;
    check_two_files(path, arguments.coverage.coverage.as_deref())?;
    let opened = arguments.open(session)?;
    let mount = arguments.mount(&opened);
    let key = match (&opened.key, &arguments.key) {
        (Some(above), Some(below)) => Some(format!("{above}\\{below}")),
        (above, below) => above.clone().or_else(|| below.clone()),
    };
    let from = match (&key, &opened.hive) {
        (Some(key), Some(hive)) => find_key(key, hive, &opened, &mount)?,
        _ => None,
    };
    let mut out = Output::open_beside(path, &opened.files())?;
    let mut report = match form {
        Form::Hive(format) => vminspect::hive_report(format, &mut out, &opened.title())?,
        Form::Timeline(format) => vminspect::hive_timeline(format, &mut out)?,
    };
    let mut coverage = opened.coverage.clone();
    if let Some(hive) = &opened.hive {
        let listing = Listing::new(hive, &mount, &opened.image, &opened.place);
        let options = ListingOptions {
            from: from.as_ref(),
            sorted: arguments.sort || arguments.timeline,
            deleted: arguments.deleted,
            // The registry editor would make keys of them.
            unreferenced: arguments.format != FormatName::Reg,
        };
        coverage.extend(listing.run(options, &mut *report)?);
    }
    tell_left_out(&*report, &opened, &mut coverage);
    coverage.extend(opened.check_unchanged());
    report.finish(&coverage)?;
    drop(report);
    out.finish()?;
    let shown = arguments.format == FormatName::Jsonl;
    session.conclude_beside(&coverage, shown, &arguments.coverage, &opened.files())
}

/// The key that the user asks for. `None` when the root cannot be read, which the listing tells.
fn find_key<'h>(
    path: &str,
    hive: &'h Hive,
    opened: &OpenedHive,
    mount: &[u8],
) -> Result<Option<FoundKey<'h>>, Failure> {
    let windows = opened.windows_mount().unwrap_or_default();
    let (mount, windows) = (String::from_utf8_lossy(mount), String::from_utf8_lossy(&windows));
    let mounts = [&*mount, &*windows, opened.legacy_mount()];
    match vminspect::find_key(hive, &with_short_root(path), &mounts) {
        Ok(found) => Ok(Some(found)),
        Err(None) => Ok(None),
        Err(Some(missing)) => {
            let nearest = String::from_utf8_lossy(&missing.nearest).into_owned();
            let nearest = match nearest.as_str() {
                "" => "the root".to_owned(),
                nearest => format!("the key {nearest}"),
            };
            Err(Failure::new(format!(
                "{}: there is no key {path}: {nearest} has no subkey {}",
                opened.title(),
                missing.missing
            )))
        }
    }
}

/// A path with the root's short name, where it has the long one.
fn with_short_root(path: &str) -> String {
    for (long, short) in
        [("HKEY_LOCAL_MACHINE", "HKLM"), ("HKEY_USERS", "HKU"), ("HKEY_CURRENT_USER", "HKCU")]
    {
        if let Some((start, rest)) = path.split_at_checked(long.len())
            && start.eq_ignore_ascii_case(long)
        {
            return format!("{short}{rest}");
        }
    }
    path.to_owned()
}

fn tell_left_out(report: &dyn HiveReport, opened: &OpenedHive, coverage: &mut Coverage) {
    let count = report.left_out();
    if count > 0 {
        coverage.add(Problem {
            image: opened.image.clone(),
            place: opened.place.clone(),
            family: "unsupported",
            message: for_terminal(&format!(
                "{count} keys and values have names that this format cannot hold, and stand in it as comments"
            ))
            .into_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::with_short_root;

    #[test]
    fn roots_have_two_names() {
        assert_eq!(with_short_root(r"hkey_local_machine\SOFTWARE\X"), r"HKLM\SOFTWARE\X");
        assert_eq!(with_short_root(r"HKLM\SOFTWARE"), r"HKLM\SOFTWARE");
        assert_eq!(with_short_root("é"), "é");
    }
}
