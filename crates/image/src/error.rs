use std::fmt;
use std::path::PathBuf;

use vminspect_bytes::{Family, ReadError};

/// What an image driver returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be opened.
#[derive(Clone, Debug)]
pub enum Error {
    /// A host file, or a structure in it, could not be read.
    Read(ReadError),
    /// A file that the image names lies where the policy does not allow.
    NotAllowed {
        /// The image that names it.
        image: PathBuf,
        /// The file it names.
        named: PathBuf,
    },
    /// A file that the image names does not exist.
    MissingParent {
        /// The image that names it.
        image: PathBuf,
        /// The file it names.
        named: PathBuf,
    },
    /// The chain of parents comes back to a file that is in it already.
    Loop(PathBuf),
    /// The snapshot that the user named is not there, or the name fits several.
    Snapshot(String),
}

impl Error {
    /// Whose limit it is.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Read(error) => error.family(),
            Self::NotAllowed { .. } | Self::MissingParent { .. } => Family::Io,
            Self::Loop(_) => Family::Corrupt,
            Self::Snapshot(_) => Family::Unsupported,
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
            Self::NotAllowed { image, named } => write!(
                f,
                "{} names the file {}, which lies outside the directories that may be opened; \
                 allow its directory with --allow-path if you trust the image",
                image.display(),
                named.display()
            ),
            Self::MissingParent { image, named } => write!(
                f,
                "{} needs the file {}, which does not exist; put it there and run again",
                image.display(),
                named.display()
            ),
            Self::Loop(path) => write!(f, "the chain of parents of {} leads back to itself", path.display()),
            Self::Snapshot(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            _ => None,
        }
    }
}
