//! What the command line takes. Help, man pages and completions come from here.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use vminspect::{Algorithm, Format};

use crate::commands::{
    cat, compare, completions, eventlog, extract, info, list, man, registry, registry_diff, stat, timeline,
    usnjrnl, usnjrnl_timeline,
};
use crate::failure::Failure;

const AFTER_HELP: &str = "\
A DISK is the path of an image or block device. For an internal snapshot of a qcow2 image, put # and its id or \
name after the path: image.qcow2#2, image.qcow2#before-update. A file whose whole name is that text wins.

Paths inside a guest begin with /, those inside a Windows guest with C:\\, where / does as well as \\ and case does \
not count. A volume that is mounted nowhere has paths like vol2:/file or vol2:\\file; every volume can be reached \
that way. A named stream of a file has its path, a colon and its name: C:\\file.txt:stream.

Exit codes: 0 done; 1 differences were found and --exit-code was given; 2 could not be done; 3 done, but \
something could not be read (damage, a missing parent, an I/O error), and the coverage says what. What this \
version does not support stands in the coverage and leaves the exit code at 0, unless --strict is given.";

/// Inspects virtual machine disks and compares them, without booting or mounting them.
#[derive(Parser, Debug)]
#[command(name = "vminspect", version, infer_long_args = true, arg_required_else_help = true)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for more.")]
pub(crate) struct Arguments {
    /// Tell on standard error in detail what is done.
    #[arg(short, long)]
    pub(crate) debug: bool,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands. Each has a file of its own.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Info(info::Arguments),
    List(list::Arguments),
    Compare(compare::Arguments),
    Stat(stat::Arguments),
    Cat(cat::Arguments),
    Extract(extract::Arguments),
    Registry(registry::Arguments),
    RegistryDiff(registry_diff::Arguments),
    Timeline(Box<timeline::Arguments>),
    Usnjrnl(usnjrnl::Arguments),
    #[command(name = "usnjrnl_timeline", alias = "usnjrnl-timeline")]
    UsnjrnlTimeline(usnjrnl_timeline::Arguments),
    Eventlog(eventlog::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Tell nothing on standard error but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tell more on standard error: what is opened, and everything that could not be read.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Whether to colour. `auto` colours a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Whether to show progress on standard error: `auto` on a terminal, `json` as one JSON object a line.
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressMode,
    /// Threads to work with [default: one for each processor].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Memory to stay within, such as 256M or 2G [default: a quarter of the machine's].
    #[arg(long, global = true, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,
    /// Tell on standard error at the end what it took: bytes read, compared and hashed, time, memory.
    #[arg(long, global = true)]
    pub(crate) stats: bool,
}

/// When to do something that suits a terminal.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// How to show progress.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ProgressMode {
    Auto,
    Never,
    Json,
}

/// How evidence is opened.
#[derive(Args, Debug)]
#[command(next_help_heading = "Evidence")]
pub(crate) struct Evidence {
    /// Allow images to name files in this directory, such as parents and data files. The directory of the
    /// image itself is always allowed. May be given more than once.
    #[arg(long, value_name = "DIR")]
    pub(crate) allow_path: Vec<PathBuf>,
    /// Take the image for this format instead of probing, such as raw or qcow2.
    #[arg(long, value_name = "NAME")]
    pub(crate) image_format: Option<String>,
}

/// Where the report goes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Report")]
pub(crate) struct Report {
    /// Write the report to a file. It appears when it is whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Format of the report: `table` is for people, the others for programs.
    #[arg(long, value_name = "NAME", default_value = "json")]
    pub(crate) format: FormatName,
    #[command(flatten)]
    pub(crate) coverage: CoverageArguments,
}

impl Report {
    /// Fails when the report and its coverage would go to one file, where only the last would stay.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        check_two_files(self.output.as_deref(), self.coverage.coverage.as_deref())
    }
}

/// Fails when a report and its coverage would go to one file.
pub(crate) fn check_two_files(output: Option<&Path>, coverage: Option<&Path>) -> Result<(), Failure> {
    match (output, coverage) {
        (Some(output), Some(coverage)) if output == coverage => Err(Failure::new(format!(
            "{} is named for the report and for the coverage; name two files",
            output.display()
        ))),
        _ => Ok(()),
    }
}

/// What is done about things that could not be read.
#[derive(Args, Debug)]
pub(crate) struct CoverageArguments {
    /// Write what could not be read to a file, as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub(crate) coverage: Option<PathBuf>,
    /// Exit with code 3 also when something could not be read because this version does not support it.
    #[arg(long, help_heading = "Report")]
    pub(crate) strict: bool,
}

/// A format of reports.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FormatName {
    Json,
    Jsonl,
    Csv,
    Table,
}

impl FormatName {
    pub(crate) fn with_colour(self, colour: bool) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Jsonl => Format::JsonLines,
            Self::Csv => Format::Csv,
            Self::Table => Format::Table { colour },
        }
    }
}

/// Which files are looked at, and what is computed of them.
#[derive(Args, Debug)]
#[command(next_help_heading = "Files")]
pub(crate) struct Files {
    /// Hashes to compute, separated by commas: sha1, sha256, md5, blake3.
    #[arg(long, value_name = "LIST", default_value = "sha1", value_delimiter = ',')]
    pub(crate) algorithm: Vec<AlgorithmName>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Report what the content of each file is.
    #[arg(short, long)]
    pub(crate) identify: bool,
    /// Report the size of each file.
    #[arg(short, long)]
    pub(crate) size: bool,
}

/// Which paths are looked at.
#[derive(Args, Debug)]
#[command(next_help_heading = "Files")]
pub(crate) struct Choice {
    /// Look only at paths that match. `*` and `?` stop at `/`, `**` does not; a pattern without `/` is matched
    /// against names. In a Windows guest `\` and `/` are one and case does not count. May be given more than once.
    #[arg(long = "match", value_name = "GLOB")]
    pub(crate) matched: Vec<String>,
    /// Leave out paths that match. May be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Look also at the filesystem's own files that directories name, such as $MFT and $Extend\$UsnJrnl.
    #[arg(long)]
    pub(crate) metadata_files: bool,
}

/// A hash function.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AlgorithmName {
    Sha1,
    Sha256,
    Md5,
    Blake3,
}

/// The hash functions that were asked for, each once.
pub(crate) fn algorithms(names: &[AlgorithmName]) -> Vec<Algorithm> {
    let mut algorithms = Vec::new();
    for name in names {
        let algorithm = match name {
            AlgorithmName::Sha1 => Algorithm::Sha1,
            AlgorithmName::Sha256 => Algorithm::Sha256,
            AlgorithmName::Md5 => Algorithm::Md5,
            AlgorithmName::Blake3 => Algorithm::Blake3,
        };
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}

/// Bytes from text such as `64M`, `1.5G` is not taken: `1536M`.
fn memory_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 =
        number.parse().map_err(|_| "expected a number and K, M, G or T, such as 256M".to_owned())?;
    let shift = match unit.to_ascii_uppercase().trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(format!("unknown unit {unit:?}; use K, M, G or T")),
    };
    let bytes = number.checked_mul(1 << shift).ok_or("that is more than can be counted")?;
    if bytes < 64 << 20 { Err("at least 64M are needed".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn memory_sizes() {
        assert_eq!(memory_size("256M"), Ok(256 << 20));
        assert_eq!(memory_size("2GiB"), Ok(2 << 30));
        assert_eq!(memory_size("1073741824"), Ok(1 << 30));
        assert_eq!(memory_size("131072k"), Ok(128 << 20));
        for bad in ["", "M", "1.5G", "10X", "99999999999999T", "1K", "-1G"] {
            assert!(memory_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_stands_before_the_command_only() {
        assert!(Arguments::try_parse_from(["vminspect", "-d", "info", "x"]).is_ok());
        assert!(Arguments::try_parse_from(["vminspect", "info", "-d", "x"]).is_err());
        assert!(
            Arguments::try_parse_from(["vminspect", "--deb", "list", "--ident", "x", "--alg", "md5"]).is_ok()
        );
    }
}
