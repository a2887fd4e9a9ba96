//! Files that an image names: parents and external data files.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect_bytes::{HostFile, ReadAt, ReadError};

use crate::driver::{DRIVERS, Driver, Opened, Opening};
use crate::{Error, OpenOptions, Result};

/// Most images in a chain of parents.
const MOST_CHAIN: usize = 200;

/// A file that an image names, found and allowed.
pub(crate) struct NamedFile {
    pub(crate) file: Arc<HostFile>,
    /// The directory that names inside the file are relative to. Links are not resolved in it, so that it
    /// is the one that the software which wrote the names used.
    pub(crate) directory: PathBuf,
}

/// Opens the file that the image of `opening` names, if the policy allows that.
pub(crate) fn open(opening: &Opening<'_>, name: &[u8]) -> Result<NamedFile> {
    let image = opening.file.path();
    let path = local_path(name).map_err(|error| error.in_file(image))?;
    let path = opening.directory.join(path);
    let named = || path.clone();
    let resolved = match path.canonicalize() {
        Ok(resolved) => resolved,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Error::MissingParent { image: image.to_owned(), named: named() });
        }
        Err(error) => return Err(ReadError::io("named file", error).in_file(&path).into()),
    };
    if !opening.options.policy.allows(opening.top, &resolved) {
        return Err(Error::NotAllowed { image: image.to_owned(), named: resolved });
    }
    let file = Arc::new(HostFile::open(&resolved)?);
    Ok(NamedFile { file, directory: directory_of(&path) })
}

/// The directory part of a path.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// The path that a name in an image stands for. As in QEMU, text before a colon that comes before any slash is
/// the name of a protocol; only `file:` is one that this program follows.
fn local_path(name: &[u8]) -> Result<PathBuf, ReadError> {
    let end = name.iter().position(|byte| matches!(byte, b':' | b'/'));
    let Some((protocol, [b':', rest @ ..])) = end.and_then(|end| name.split_at_checked(end)) else {
        return Ok(PathBuf::from(OsStr::from_bytes(name)));
    };
    let rest = Path::new(OsStr::from_bytes(rest));
    if protocol != b"file" {
        return Err(ReadError::unsupported("protocol in the name of a parent or data file")
            .expected("a path")
            .found(format!("{:?}", String::from_utf8_lossy(name)))
            .advice("copy what it names to a local file and rebase the image to that"));
    }
    // QEMU takes a relative path after `file:` from the working directory, not from the image's.
    std::path::absolute(rest).map_err(|error| ReadError::io("working directory", error))
}

/// Opens the parent that the image of `opening` names, in the format that it records or else the one that the
/// file looks like.
pub(crate) fn open_parent(opening: &Opening<'_>, name: &[u8], format: Option<&str>) -> Result<Opened> {
    let image = opening.file.path();
    let named = open(opening, name)?;
    let mut chain = opening.chain.to_vec();
    chain.push(opening.file.device_and_inode());
    if chain.contains(&named.file.device_and_inode()) {
        return Err(Error::Loop(opening.top.to_owned()));
    }
    if chain.len() >= MOST_CHAIN {
        return Err(ReadError::unsupported("chain of parents")
            .in_file(image)
            .expected(format!("at most {MOST_CHAIN} images"))
            .found("more")
            .into());
    }
    let driver = match format {
        Some(format) => by_name(format).ok_or_else(|| {
            ReadError::unsupported("format of the parent").in_file(image).found(format!("{format:?}"))
        })?,
        None => probe(&named.file)?,
    };
    (driver.open)(Opening {
        file: named.file,
        directory: named.directory,
        top: opening.top,
        chain: &chain,
        snapshot: None,
        options: &OpenOptions { policy: opening.options.policy.clone(), format: None },
        cache: opening.cache,
    })
}

/// The driver of a format that is named. Images record `file` and `host_device` for raw parents, too.
pub(crate) fn by_name(format: &str) -> Option<&'static Driver> {
    let format = if matches!(format, "file" | "host_device") { "raw" } else { format };
    DRIVERS.iter().find(|driver| driver.name == format)
}

/// The driver of the format that the file looks like.
pub(crate) fn probe(file: &HostFile) -> Result<&'static Driver> {
    for driver in DRIVERS {
        if (driver.probe)(file)? {
            return Ok(driver);
        }
    }
    Err(ReadError::unsupported("image format")
        .in_file(file.path())
        .found(format!("{} bytes", file.len()))
        .into())
}
