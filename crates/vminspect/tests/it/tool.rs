//! Runs the program.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("output is UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.err))
    }

    /// The run, when it ended with `code`.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", String::from_utf8_lossy(&self.out), self.err);
        self
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vminspect"));
    command.env_remove("NO_COLOR").current_dir(root()).stdin(Stdio::null());
    command
}

pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    finished(program().args(arguments).output().expect("the program runs"))
}

pub(crate) fn finished(output: Output) -> Run {
    Run {
        code: output.status.code().expect("no signal"),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) const BEFORE: &str = "fixtures/samples/before.qcow2";
pub(crate) const AFTER: &str = "fixtures/samples/after.qcow2";
pub(crate) const WINDOWS_BEFORE: &str = "fixtures/windows/before.qcow2";
pub(crate) const WINDOWS_AFTER: &str = "fixtures/windows/after.qcow2";
pub(crate) const WINDOWS_REGISTRY: &str = "fixtures/windows_registry/gpt.qcow2";
