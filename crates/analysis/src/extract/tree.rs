use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use vminspect_filesystem::{FileId, FileKind, FileSystem, Metadata, NameEncoding, Stream};
use vminspect_guest::{Guest, Located};

use super::{Destination, Extracted, copy, locate};
use crate::digest::Algorithm;
use crate::finding::GuestPath;
use crate::hashing::too_sparse;

/// Takes what was extracted, as it comes.
pub type ExtractedSink<'a> = &'a mut dyn FnMut(Extracted) -> io::Result<()>;

/// Extracts the file at `path`, or the directory with everything below it, under its path below `into`.
///
/// What cannot be read of the guest is told to `sink` and the rest goes on.
///
/// # Errors
/// When the host cannot write, and those of `sink`.
pub fn extract_tree(
    guest: &Guest,
    path: &[u8],
    algorithms: &[Algorithm],
    into: &Destination,
    sink: ExtractedSink<'_>,
) -> io::Result<()> {
    let path = trimmed(path);
    let located = match locate(guest, path) {
        Ok(located) => located,
        Err(error) => {
            let path = GuestPath::new(path.to_vec(), NameEncoding::Bytes);
            return sink(Extracted {
                problem: Some(error.to_string()),
                ..Extracted::new(path, FileKind::Unknown)
            });
        }
    };
    let mut walk = Walk { guest, algorithms, into, sink, pending: Vec::new(), seen: HashSet::new() };
    let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    let last = names.pop();
    let parents = walk.parents(&names)?;
    walk.visit(path.to_vec(), last.unwrap_or_default(), located, parents)?;
    walk.run()
}

/// A path without a slash at its end, but for the root's own.
fn trimmed(path: &[u8]) -> &[u8] {
    match path {
        [rest @ .., b'/'] if !rest.is_empty() && !rest.ends_with(b":") => trimmed(rest),
        _ => path,
    }
}

/// A directory whose entries are still to be extracted.
struct Pending {
    path: Vec<u8>,
    located: Located,
    /// Names on the host that lead to it.
    host: Vec<String>,
}

struct Walk<'a, 's> {
    guest: &'a Guest,
    algorithms: &'a [Algorithm],
    into: &'a Destination,
    sink: ExtractedSink<'s>,
    pending: Vec<Pending>,
    /// Directories that were met: a damaged filesystem may hold a loop.
    seen: HashSet<(usize, FileId)>,
}

impl Walk<'_, '_> {
    /// Makes the directories above what is extracted.
    fn parents(&self, names: &[&[u8]]) -> io::Result<Vec<String>> {
        let mut host = Vec::new();
        for name in names {
            let directory = self.into.descend(&host)?;
            host.push(directory.subdirectory_for(name)?);
        }
        Ok(host)
    }

    fn run(&mut self) -> io::Result<()> {
        while let Some(directory) = self.pending.pop() {
            self.entries(&directory)?;
        }
        Ok(())
    }

    fn filesystem(&self, located: Located) -> Option<Arc<dyn FileSystem>> {
        self.guest.volumes().get(located.volume)?.filesystem.clone()
    }

    fn entries(&mut self, directory: &Pending) -> io::Result<()> {
        let Some(filesystem) = self.filesystem(directory.located) else {
            return Ok(());
        };
        let fail = |error: String| {
            let path = guest_path(&*filesystem, directory.path.clone());
            Extracted { problem: Some(error), ..Extracted::new(path, FileKind::Directory) }
        };
        let entries = match filesystem.entries(directory.located.file) {
            Ok(entries) => entries,
            Err(error) => return (self.sink)(fail(error.to_string())),
        };
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let path = joined(&directory.path, &entry.name);
                    let located =
                        self.mounted(&path).unwrap_or(Located { file: entry.id, ..directory.located });
                    self.visit(path, &entry.name, located, directory.host.clone())?;
                }
                Err(error) => (self.sink)(fail(error.to_string()))?,
            }
        }
        Ok(())
    }

    /// The root of the volume that is mounted at `path`, if one is.
    fn mounted(&self, path: &[u8]) -> Option<Located> {
        let volumes = self.guest.volumes();
        let volume =
            volumes.iter().position(|volume| volume.prefix == path && volume.filesystem.is_some())?;
        let root = volumes.get(volume)?.filesystem.as_ref()?.root();
        Some(Located { volume, file: root })
    }

    fn visit(&mut self, path: Vec<u8>, name: &[u8], located: Located, host: Vec<String>) -> io::Result<()> {
        let Some(filesystem) = self.filesystem(located) else {
            return Ok(());
        };
        let guest_path = guest_path(&*filesystem, path.clone());
        let metadata = match filesystem.metadata(located.file) {
            Ok(metadata) => metadata,
            Err(error) => {
                let nothing = Extracted::new(guest_path, FileKind::Unknown);
                return (self.sink)(Extracted { problem: Some(error.to_string()), ..nothing });
            }
        };
        let mut extracted = Extracted::from_metadata(guest_path, metadata);
        match metadata.kind {
            FileKind::Directory => self.directory(&mut extracted, path, name, located, host)?,
            FileKind::Regular => self.regular(&mut extracted, &*filesystem, name, &metadata, &host)?,
            FileKind::Symlink => match filesystem.read_link(located.file) {
                Ok(target) => extracted.target = Some(target),
                Err(error) => extracted.problem = Some(error.to_string()),
            },
            _ => {}
        }
        (self.sink)(extracted)
    }

    fn directory(
        &mut self,
        extracted: &mut Extracted,
        path: Vec<u8>,
        name: &[u8],
        located: Located,
        mut host: Vec<String>,
    ) -> io::Result<()> {
        if !self.seen.insert((located.volume, located.file)) {
            extracted.problem =
                Some("a directory that was met before: the filesystem holds a loop".to_owned());
            return Ok(());
        }
        if !name.is_empty() {
            let made = self.into.descend(&host)?.subdirectory_for(name)?;
            host.push(made);
        }
        extracted.file = Some(host.join("/"));
        self.pending.push(Pending { path, located, host });
        Ok(())
    }

    fn regular(
        &self,
        extracted: &mut Extracted,
        filesystem: &dyn FileSystem,
        name: &[u8],
        metadata: &Metadata,
        host: &[String],
    ) -> io::Result<()> {
        let content = match filesystem.open(metadata.id, Stream::Data) {
            Ok(content) => content,
            Err(error) => {
                extracted.problem = Some(error.to_string());
                return Ok(());
            }
        };
        let (name, file) = self.into.descend(host)?.create_for(name)?;
        // The holes cost nothing on the host, but hashing them would take forever.
        let unhashed = too_sparse(filesystem, content.len());
        let algorithms = if unhashed.is_some() { &[][..] } else { self.algorithms };
        match copy(&*content, &file, algorithms) {
            Ok(copied) => {
                extracted.digests = copied.digests;
                let unhashed = unhashed.map(|error| format!("not hashed: {error}"));
                extracted.problem = copied.problem.map(|problem| problem.to_string()).or(unhashed);
            }
            // A length that a guest claims and the host cannot have is no reason to give up the rest.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput) =>
            {
                extracted.problem = Some(format!("the host cannot hold {} bytes: {error}", content.len()));
            }
            Err(error) => return Err(error),
        }
        extracted.file = Some(host.iter().chain([&name]).map(String::as_str).collect::<Vec<_>>().join("/"));
        Ok(())
    }
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
    [directory, separator, name].concat()
}

fn guest_path(filesystem: &dyn FileSystem, bytes: Vec<u8>) -> GuestPath {
    GuestPath::new(bytes, filesystem.name_encoding())
}
