//! Guest files written to the host, safely whatever the guest's names say.
//!
//! Names of a guest only ever become names of regular files and directories below one directory of the host,
//! created anew and without following a link. What a file was, its owner, times and kind, is told to the
//! caller and not given to the file on the host. Links and device nodes are told and not made.

mod copy;
mod destination;
mod locate;
mod name;
mod recover;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::sync::Arc;

use vminspect_bytes::ReadAt;
use vminspect_filesystem::{FileKind, Metadata, Remains, Stream};
use vminspect_guest::{Guest, Located};

use crate::digest::{Algorithm, Digests};
use crate::finding::{Deletion, FileFacts, GuestPath};
pub use copy::{Copied, copy};
pub use destination::Destination;
pub use locate::{locate, locate_followed};
pub use name::host_name;
pub use recover::recover_deleted;
pub use tree::{ExtractedSink, extract_tree};

/// What was extracted, or could not be, and what it was in the guest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extracted {
    /// Where it is in the guest.
    pub path: GuestPath,
    /// What it is there.
    pub kind: FileKind,
    /// Bytes of its content.
    pub size: u64,
    /// What the guest's filesystem records of it, where that could be read.
    pub metadata: Option<Metadata>,
    /// Hashes of the content, where all of it could be read.
    pub digests: Option<Digests>,
    /// Target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Where its content is, below the directory of the extraction. Only regular files and directories have one.
    pub file: Option<String>,
    /// Of a deleted file: whether it is known where it was.
    pub deleted: Option<Deletion>,
    /// Of a deleted file: how much of its content is left.
    pub remains: Option<Remains>,
    /// What went wrong.
    pub problem: Option<String>,
}

impl Extracted {
    fn new(path: GuestPath, kind: FileKind) -> Self {
        Self {
            path,
            kind,
            size: 0,
            metadata: None,
            digests: None,
            target: None,
            file: None,
            deleted: None,
            remains: None,
            problem: None,
        }
    }

    fn failed(path: GuestPath, problem: String) -> Self {
        Self { problem: Some(problem), ..Self::new(path, FileKind::Unknown) }
    }

    fn from_metadata(path: GuestPath, metadata: Metadata) -> Self {
        Self { size: metadata.size, metadata: Some(metadata), ..Self::new(path, metadata.kind) }
    }
}

/// Writes the content of a listed file under its first hash, unless a file with that name and content is there
/// already.
///
/// # Errors
/// When the host cannot write. What cannot be read of the guest stands in the result.
pub fn extract_by_digest(
    guest: &Guest,
    facts: &FileFacts,
    algorithms: &[Algorithm],
    into: &Destination,
) -> io::Result<Extracted> {
    let mut extracted = Extracted { size: facts.size, ..Extracted::new(facts.path.clone(), facts.kind) };
    let Some(expected) = &facts.digests else {
        extracted.problem = Some("its content could not be read".to_owned());
        return Ok(extracted);
    };
    let opened = locate(guest, &facts.path.bytes)
        .map_err(|error| error.to_string())
        .and_then(|located| open(guest, located));
    let (metadata, content) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            extracted.problem = Some(problem);
            return Ok(extracted);
        }
    };
    extracted.metadata = Some(metadata);
    let name = expected.first().map(crate::digest::Digest::to_hex).unwrap_or_default();
    if into.holds(&name, expected, algorithms)? {
        extracted.digests = Some(expected.clone());
        extracted.file = Some(name);
        return Ok(extracted);
    }
    let file = into.create(&name)?;
    let copied = copy(&*content, &file, algorithms)?;
    if copied.digests.as_ref() == Some(expected) {
        extracted.digests = copied.digests;
        extracted.file = Some(name);
    } else {
        into.remove(&name)?;
        let changed = || "its content is not what it was when it was hashed".to_owned();
        extracted.problem = Some(copied.problem.map_or_else(changed, |problem| problem.to_string()));
    }
    Ok(extracted)
}

/// The record and the content of a file.
fn open(guest: &Guest, located: Located) -> Result<(Metadata, Arc<dyn ReadAt>), String> {
    let volume = guest.volumes().get(located.volume).ok_or("the volume does not exist")?;
    let filesystem = volume.filesystem.as_ref().ok_or("the volume has no filesystem that can be read")?;
    let metadata = filesystem.metadata(located.file).map_err(|error| error.to_string())?;
    let content = filesystem.open(located.file, Stream::Data).map_err(|error| error.to_string())?;
    Ok((metadata, content))
}
