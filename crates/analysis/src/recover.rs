//! The content of one deleted file, with what is known of how much of it is left.

use std::fs::File;
use std::io;

use vminspect_filesystem::{FileSystem, Record, Remains, Stream, remains};

use crate::digest::{Algorithm, Digests};
use crate::extract::copy;
use crate::hashing::too_sparse;

/// What was recovered of a deleted file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// How much of the content is left, by the state of the clusters, and how it is known where it was.
    pub remains: Remains,
    /// Hashes of the file that was written, where all of it could be read. Whether it holds what the deleted file held
    /// is for `remains` to say.
    pub digests: Option<Digests>,
    /// What is wrong with the record or the content; what it says first.
    pub problem: Option<String>,
}

/// How much is left of the content of a deleted file, or of a stream of it.
#[must_use]
pub fn remains_of(filesystem: &dyn FileSystem, record: &Record, stream: Stream<'_>) -> Remains {
    let whereabouts = record.whereabouts;
    let named = match stream {
        Stream::Named(name) => record.streams.iter().find(|stream| stream.name == name),
        Stream::Data | Stream::Stored => None,
    };
    match named {
        Some(stream) => remains(filesystem, &stream.content, stream.size, whereabouts),
        None => remains(filesystem, &record.content, record.metadata.size, whereabouts),
    }
}

/// Writes what is left of a deleted file, or of a stream of it, into `into`, an empty file. What cannot be read, and
/// what is in clusters that the filesystem gave to another file before it could be told which, is left as zeros.
///
/// `record` is [`FileSystem::restored`] of the file. A record that does not say where the content was, and for which
/// nothing older is found, gives an empty file with an empty [`Remains`].
///
/// # Errors
/// When the host cannot write. What cannot be read of the guest is told in the result.
pub fn recover(
    filesystem: &dyn FileSystem,
    record: &Record,
    stream: Stream<'_>,
    algorithms: &[Algorithm],
    into: &File,
) -> io::Result<Recovered> {
    let remains = remains_of(filesystem, record, stream);
    let told = record.problems.first().map(ToString::to_string);
    let content = match filesystem.open_record(record, stream) {
        Ok(content) => content,
        Err(error) => return Ok(Recovered { remains, digests: None, problem: Some(error.to_string()) }),
    };
    // Holes cost nothing on the host, but hashing them would take forever.
    let unhashed = too_sparse(filesystem, content.len());
    let algorithms = if unhashed.is_some() { &[][..] } else { algorithms };
    let copied = match copy(&*content, into, algorithms) {
        Ok(copied) => copied,
        // A length that a guest claims and the host cannot have is no reason to give up the rest.
        Err(error) if matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput) => {
            let problem = format!("the host cannot hold {} bytes: {error}", content.len());
            return Ok(Recovered { remains, digests: None, problem: Some(problem) });
        }
        Err(error) => return Err(error),
    };
    let unhashed = unhashed.map(|error| format!("not hashed: {error}"));
    let problem = copied.problem.map(|problem| problem.to_string()).or(told).or(unhashed);
    Ok(Recovered { remains, digests: copied.digests, problem })
}
