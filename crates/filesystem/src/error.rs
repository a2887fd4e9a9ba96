use std::fmt;

use vminspect_bytes::{Family, ReadError};

/// What a filesystem driver returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something in a filesystem could not be read.
#[derive(Clone, Debug)]
pub enum Error {
    /// The bytes below, or a structure in them, could not be read.
    Read(ReadError),
    /// No such file, or an id that the filesystem does not have.
    NotFound(String),
    /// The operation does not fit this kind of file: entries of a file, content of a directory.
    WrongKind(&'static str),
}

impl Error {
    /// Whose limit it is. A file that is not there is no damage, but an answer; it counts as `Corrupt` where
    /// something on the disk refers to it.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Read(error) => error.family(),
            Self::NotFound(_) | Self::WrongKind(_) => Family::Corrupt,
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::NotFound(what) => write!(f, "{what} does not exist"),
            Self::WrongKind(expected) => write!(f, "the file is not {expected}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::NotFound(_) | Self::WrongKind(_) => None,
        }
    }
}
