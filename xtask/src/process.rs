//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Result;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    // The manifest of this package lies one level below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// Shows a command, runs it, and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {}", shown(command));
    let status = command.status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command)).into()) }
}

/// Runs a command and returns what it printed on standard output. Fails with what it printed on standard
/// error unless it succeeds.
pub(crate) fn capture(command: &mut Command) -> Result<Vec<u8>> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() {
        return Ok(stdout);
    }
    Err(format!("{}: {status}\n{}", shown(command), String::from_utf8_lossy(&stderr).trim_end()).into())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
