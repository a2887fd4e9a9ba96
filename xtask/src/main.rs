//! Development tasks: `cargo xtask TASK`. Each task is one file.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks talk to the developer")]

mod ci;
mod damage;
mod fixtures;
mod fuzz;
mod licences;
mod oracle;
mod process;
mod tidy;

use std::process::ExitCode;

/// What a task returns. An error is a message for the developer.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: cargo xtask TASK

  ci [STEP…]                    every check, or the named ones: fmt licences tidy clippy test docs fuzz
  tidy                          arrows between crates, lints, names, sizes, wording
  licences                      licences of all dependencies against deny.toml
  fixtures [NAME…]              makes the committed fixtures anew (fixtures/NAME.sh)
  oracle IMAGE                  compares what we read of an image with what mounting it shows, or The Sleuth Kit
  damage [--full]               truncated and mutated fixtures through every reader
  fuzz [--seconds N] [TARGET…]  runs the fuzz targets, all of them for 60 seconds each when none is named";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, arguments)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(task, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, arguments: &[String]) -> Result<()> {
    match task {
        "ci" => ci::run(arguments),
        "tidy" => tidy::run(),
        "licences" => licences::run(),
        "fixtures" => fixtures::run(arguments),
        "oracle" => oracle::run(arguments),
        "damage" => damage::run(arguments),
        "fuzz" => fuzz::run(arguments),
        "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("no such task\n\n{USAGE}").into()),
    }
}
