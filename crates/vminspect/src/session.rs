//! What commands share: opening guests, threads, and what is told at the end.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use vminspect::{
    Coverage, Guest, HostFile, OpenOptions, Options, PathFilter, Problem, coverage_document, problem_line,
};

use crate::arguments::{Choice, CoverageArguments, Evidence, Files, Global, When, algorithms};
use crate::failure::Failure;
use crate::output::{Output, stdout_is_terminal};

/// Problems that are told on standard error without `--verbose`.
const MOST_TOLD: usize = 10;

/// What a command came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether there were findings, and the user wants to know by the exit code.
    pub(crate) found: bool,
    /// Whether something could not be read that should have been.
    pub(crate) incomplete: bool,
}

/// One run of the program.
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) started: Instant,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        Self { global, started: Instant::now() }
    }

    /// Runs `work` on as many threads as the user wants.
    pub(crate) fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        let threads = self.global.threads.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool =
            pool.map_err(|error| Failure::new(format!("cannot start threads: {error}; try --threads 1")))?;
        Ok(pool.install(work))
    }

    /// Opens a guest.
    pub(crate) fn open(&self, location: &Path, evidence: &Evidence) -> Result<Guest, Failure> {
        let mut options = OpenOptions { format: evidence.image_format.clone(), ..OpenOptions::default() };
        evidence.allow_path.iter().for_each(|directory| options.policy.allow(directory));
        let guest = Guest::open(location, &options)?;
        tracing::info!(image = %location.display(), volumes = guest.volumes().len(), "opened");
        for volume in guest.volumes() {
            let format = volume.filesystem.as_ref().map(|filesystem| filesystem.identity().format);
            tracing::info!(volume = volume.position, filesystem = format.unwrap_or("none"), "found a volume");
        }
        Ok(guest)
    }

    /// Options of an analysis.
    pub(crate) fn options(&self, files: &Files) -> Result<Options, Failure> {
        let options = self.choice(&files.choice)?;
        Ok(Options { algorithms: algorithms(&files.algorithm), identify: files.identify, ..options })
    }

    /// Options that only say which files are looked at.
    pub(crate) fn choice(&self, choice: &Choice) -> Result<Options, Failure> {
        let options = self.paths(&choice.matched, &choice.exclude)?;
        Ok(Options { metadata_files: choice.metadata_files, ..options })
    }

    /// Options that only say which paths are looked at.
    pub(crate) fn paths(&self, matched: &[String], excluded: &[String]) -> Result<Options, Failure> {
        let filter = PathFilter::new(matched, excluded)
            .map_err(|error| Failure::new(format!("{error}; see --help for how patterns are written")))?;
        Ok(Options {
            filter,
            memory: self.global.memory.unwrap_or_else(quarter_of_memory),
            ..Options::default()
        })
    }

    /// Whether to colour what goes to standard output, or to a file.
    pub(crate) fn colour(&self, output: Option<&Path>) -> bool {
        match self.global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                output.is_none() && !unwanted && stdout_is_terminal()
            }
        }
    }

    /// Adds what was found at the end, tells the user, writes the coverage file, and judges.
    ///
    /// `shown` says that the report itself has the coverage.
    pub(crate) fn conclude(
        &self,
        coverage: &Coverage,
        shown: bool,
        arguments: &CoverageArguments,
        guests: &[&Guest],
    ) -> Result<Outcome, Failure> {
        let files = guests.iter().flat_map(|guest| guest.disk().host_files()).map(|file| &**file);
        self.conclude_beside(coverage, shown, arguments, &files.collect::<Vec<_>>())
    }

    /// As [`Session::conclude`], for files of the host that are evidence.
    pub(crate) fn conclude_beside(
        &self,
        coverage: &Coverage,
        shown: bool,
        arguments: &CoverageArguments,
        evidence: &[&HostFile],
    ) -> Result<Outcome, Failure> {
        if let Some(path) = &arguments.coverage {
            let mut file = Output::open_beside(Some(path), evidence)?;
            coverage_document(&mut file, coverage).map_err(|error| Failure::about(path, &error))?;
            file.finish()?;
        }
        if !self.global.quiet && !shown {
            self.tell(&coverage.sorted(), arguments.coverage.is_some());
        }
        let incomplete = coverage.has_failures() || (arguments.strict && !coverage.is_complete());
        Ok(Outcome { found: false, incomplete })
    }

    /// Tells problems on standard error.
    fn tell(&self, problems: &[&Problem], in_file: bool) {
        let most = if self.global.verbose { problems.len() } else { MOST_TOLD };
        for problem in problems.iter().take(most) {
            self.warn(&problem_line(problem));
        }
        if problems.len() > most {
            let rest = problems.len() - most;
            let how =
                if in_file { "the coverage file has them all" } else { "--coverage FILE writes them all" };
            self.warn(&format!("and {rest} more; {how}"));
        }
    }

    /// A warning, unless the user wants none.
    pub(crate) fn warn(&self, text: &str) {
        if !self.global.quiet {
            line(&format!("{} {text}", self.mark("warning:", "33")));
        }
    }

    /// An error.
    pub(crate) fn error(&self, text: &str) {
        line(&format!("{} {text}", self.mark("error:", "31")));
    }

    fn mark(&self, text: &str, code: &str) -> String {
        let colour = match self.global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        if colour { format!("vminspect: \x1b[{code}m{text}\x1b[0m") } else { format!("vminspect: {text}") }
    }
}

/// Writes a line to standard error. Nobody may hear it, which is no reason to stop.
pub(crate) fn line(text: &str) {
    let mut out = BufWriter::new(io::stderr());
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A quarter of the machine's memory, or 1 GiB where that is not known.
fn quarter_of_memory() -> u64 {
    let known = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    known.map_or(1 << 30, |kibibytes| (kibibytes * 1024 / 4).max(64 << 20))
}
