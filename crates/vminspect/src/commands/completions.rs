use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::session::Outcome;

/// Writes completions for a shell to standard output.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    let mut command = crate::arguments::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "vminspect", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(Outcome::default())
}
