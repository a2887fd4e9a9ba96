use std::fmt;

use vminspect_bytes::{Family, ReadError};

/// What opening or asking a guest returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a guest could not be opened, or a path in it not be found.
#[derive(Clone, Debug)]
pub enum Error {
    /// The image could not be opened.
    Image(vminspect_image::Error),
    /// The volumes could not be read.
    Volume(vminspect_volume::Error),
    /// A filesystem could not deliver.
    FileSystem(vminspect_filesystem::Error),
    /// No file has this path.
    NotFound(String),
    /// The symbolic links on this path lead in a circle, or through more links than Linux follows.
    TooManyLinks(String),
    /// A registry hive could not be read.
    Hive(ReadError),
    /// No hive of the guest holds this path of the registry.
    NoHive(String),
}

impl Error {
    /// Whose limit it is. What is not there counts as `Corrupt` where something in the guest refers to it.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Image(error) => error.family(),
            Self::Volume(error) => error.family(),
            Self::FileSystem(error) => error.family(),
            Self::Hive(error) => error.family(),
            Self::NotFound(_) | Self::TooManyLinks(_) | Self::NoHive(_) => Family::Corrupt,
        }
    }
}

impl From<vminspect_image::Error> for Error {
    fn from(error: vminspect_image::Error) -> Self {
        Self::Image(error)
    }
}

impl From<vminspect_filesystem::Error> for Error {
    fn from(error: vminspect_filesystem::Error) -> Self {
        Self::FileSystem(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Volume(error) => error.fmt(f),
            Self::FileSystem(error) => error.fmt(f),
            Self::NotFound(path) if !path.starts_with(['/', '\\']) && !path.contains(':') => {
                write!(
                    f,
                    "{path} does not exist in the guest; paths are whole: /file or C:\\file, or with a volume, vol1:/file"
                )
            }
            Self::NotFound(path) => write!(f, "{path} does not exist in the guest"),
            Self::Hive(error) => error.fmt(f),
            Self::NoHive(path) => {
                write!(f, "{path} is in no hive of the guest; paths of the registry begin with HKLM or HKU")
            }
            Self::TooManyLinks(path) => write!(f, "{path} leads through too many symbolic links"),
        }
    }
}

impl std::error::Error for Error {}
