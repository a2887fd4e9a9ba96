//! Why a command could not be done.

use std::io;
use std::path::Path;

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read the output wants no more of it. That is no error.
    Closed,
    /// What happened and what to do about it, for a person.
    Message(String),
}

impl Failure {
    /// With a message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }

    /// About a file of the host.
    pub(crate) fn about(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Message(format!("{}: {error}", path.display())),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Message(format!("cannot write the output: {error}")),
        }
    }
}

impl From<vminspect::GuestError> for Failure {
    fn from(error: vminspect::GuestError) -> Self {
        Self::Message(error.to_string())
    }
}
