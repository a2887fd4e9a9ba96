//! Runs the fuzz targets, on stable Rust and with nothing installed but a C++ compiler.
//!
//! LLVM's coverage instrumentation is asked for by hand, as `cargo fuzz --sanitizer none` does: the product
//! has no unsafe code for the address sanitizer to watch. `cargo fuzz run --features fuzzing TARGET` works
//! too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{self, capture, cargo, root, target_directory};

/// Instruments what is compiled, so that the fuzzer sees which edges an input reaches and which values are
/// compared. Overflow is an error, and so is a debug assertion.
const INSTRUMENTATION: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Longest run of one process. Identities of files are kept for the life of a process, so memory grows with
/// the inputs of targets that write files.
const MOST_SECONDS: u64 = 300;

/// Runs the targets that are named, or all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (seconds, names) = parse(arguments)?;
    let targets = targets()?;
    if let Some(name) = names.iter().find(|name| !targets.contains(name)) {
        return Err(format!("no such target: {name}; there are {}", targets.join(", ")).into());
    }
    let programs = build()?;
    for target in targets.iter().filter(|target| names.is_empty() || names.contains(target)) {
        let mut left = seconds;
        while left > 0 {
            let turn = left.min(MOST_SECONDS);
            fuzz(&programs, target, turn)?;
            left -= turn;
        }
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<(u64, Vec<String>)> {
    let (mut seconds, mut names) = (60, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => seconds = rest.next().ok_or("--seconds needs a number")?.parse()?,
            option if option.starts_with('-') => return Err(format!("no such option: {option}").into()),
            name => names.push(name.to_owned()),
        }
    }
    Ok((seconds, names))
}

/// The names of all targets, sorted.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all targets and returns the directory of their programs.
fn build() -> Result<PathBuf> {
    let directory = target_directory().join("fuzz");
    // Naming the host as a target keeps build scripts and macros from being instrumented.
    let host = host()?;
    process::run(
        cargo()
            .args(["build", "--release", "--locked", "--package", "vminspect-fuzz", "--bins"])
            .args(["--features", "fuzzing", "--target", &host])
            .args(["--config", "profile.release.lto=false"])
            .env("CARGO_TARGET_DIR", &directory)
            .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}")),
    )?;
    Ok(directory.join(host).join("release"))
}

fn host() -> Result<String> {
    let text = String::from_utf8(capture(Command::new("rustc").arg("-vV").current_dir(root()))?)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}

/// Runs one target. New inputs stay beside the programs; the committed corpus is only read.
fn fuzz(programs: &Path, target: &str, seconds: u64) -> Result<()> {
    let fuzz = root().join("fuzz");
    let found = programs.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let options = fs::read_to_string(fuzz.join("fuzz_targets").join(format!("{target}.options")))?;
    let run = process::run(
        Command::new(programs.join(target))
            .args([&found, &fuzz.join("corpus").join(target)])
            .args(["-rss_limit_mb=512", "-timeout=10", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(flags(&options)?)
            .current_dir(root()),
    );
    run.map_err(|error| {
        format!("{error}\nthe input is in {}; add it to fuzz/corpus/{target}", artifacts.display()).into()
    })
}

/// The flags that a target's options file asks for.
fn flags(options: &str) -> Result<Vec<String>> {
    let table: toml::Table = options.parse()?;
    let flags = table.get("libfuzzer").and_then(toml::Value::as_table).ok_or("no [libfuzzer] options")?;
    Ok(flags.iter().map(|(name, value)| format!("-{name}={value}")).collect())
}

#[cfg(test)]
mod tests {
    use super::{flags, parse};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_seconds_and_names() {
        assert_eq!(parse(&words(&["ext", "--seconds", "5"])).unwrap(), (5, words(&["ext"])));
        assert_eq!(parse(&[]).unwrap(), (60, Vec::new()));
        assert!(parse(&words(&["--fast"])).is_err());
        assert!(parse(&words(&["--seconds"])).is_err());
    }

    #[test]
    fn options_become_flags() {
        assert_eq!(flags("[libfuzzer]\nmax_len = 512\n").unwrap(), ["-max_len=512"]);
        assert!(flags("").is_err());
    }
}
