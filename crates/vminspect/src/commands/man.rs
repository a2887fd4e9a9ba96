use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::failure::Failure;
use crate::session::Outcome;

/// Writes the manual pages to a directory: one for the program and one for each command.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The directory. It is made if need be.
    directory: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let about = |error| Failure::about(&arguments.directory, &error);
    std::fs::create_dir_all(&arguments.directory).map_err(about)?;
    clap_mangen::generate_to(crate::arguments::Arguments::command(), &arguments.directory).map_err(about)?;
    Ok(Outcome::default())
}
