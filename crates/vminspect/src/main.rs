//! The command line of vminspect.

mod arguments;
mod commands;
mod failure;
mod hive;
mod log;
mod output;
mod progress;
mod session;
mod statistics;
mod times;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::run(arguments::Arguments::parse())
}
