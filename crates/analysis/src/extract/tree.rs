use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use vminspect_filesystem::{FileId, FileKind, FileSystem, Metadata, NameEncoding, Record, Stream};
use vminspect_guest::{Guest, Located};

use super::{Destination, Extracted, copy, locate};
use crate::Options;
use crate::finding::GuestPath;
use crate::hashing::too_sparse;
use crate::walk::stream_name;

/// Takes what was extracted, as it comes.
pub type ExtractedSink<'a> = &'a mut dyn FnMut(Extracted) -> io::Result<()>;

/// Extracts the file at `path`, or the directory with everything below it, under its path below `into`. Named
/// streams are extracted as files of their own beside their owners. Of the options, the hashes, the filter, which
/// chooses files, and whether the filesystem's own files are wanted count.
///
/// What cannot be read of the guest is told to `sink` and the rest goes on.
///
/// # Errors
/// When the host cannot write, and those of `sink`.
pub fn extract_tree(
    guest: &Guest,
    path: &[u8],
    options: &Options,
    into: &Destination,
    sink: ExtractedSink<'_>,
) -> io::Result<()> {
    let separates = |byte: u8| byte == b'/' || guest.volumes().iter().any(|volume| volume.separator == byte);
    let path = trimmed(path, &separates);
    let located = match locate(guest, path) {
        Ok(located) => located,
        Err(error) => {
            let path = GuestPath::new(path.to_vec(), NameEncoding::Bytes);
            return sink(Extracted::failed(path, error.to_string()));
        }
    };
    let mut walk = Walk::new(guest, options, into, sink);
    let mut names: Vec<&[u8]> = path.split(|byte| separates(*byte)).filter(|name| !name.is_empty()).collect();
    let last = names.pop();
    let parents = walk.parents(&names)?;
    walk.visit(path.to_vec(), last.unwrap_or_default(), located, parents)?;
    walk.run()
}

/// A path without a separator at its end, but for the root's own.
fn trimmed<'p>(path: &'p [u8], separates: &dyn Fn(u8) -> bool) -> &'p [u8] {
    match path {
        [rest @ .., last] if separates(*last) && !rest.is_empty() && !rest.ends_with(b":") => {
            trimmed(rest, separates)
        }
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

pub(super) struct Walk<'a, 's> {
    guest: &'a Guest,
    pub(super) options: &'a Options,
    pub(super) into: &'a Destination,
    sink: ExtractedSink<'s>,
    pending: Vec<Pending>,
    /// Directories that were met: a damaged filesystem may hold a loop.
    seen: HashSet<(usize, FileId)>,
}

impl<'a, 's> Walk<'a, 's> {
    pub(super) fn new(
        guest: &'a Guest,
        options: &'a Options,
        into: &'a Destination,
        sink: ExtractedSink<'s>,
    ) -> Self {
        Self { guest, options, into, sink, pending: Vec::new(), seen: HashSet::new() }
    }

    pub(super) fn tell(&mut self, extracted: Extracted) -> io::Result<()> {
        (self.sink)(extracted)
    }

    /// Makes the directories above what is extracted.
    pub(super) fn parents(&self, names: &[&[u8]]) -> io::Result<Vec<String>> {
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
                    let path = self.joined(directory, &entry.name);
                    let located =
                        self.mounted(&path).unwrap_or(Located { file: entry.id, ..directory.located });
                    self.visit(path, &entry.name, located, directory.host.clone())?;
                }
                Err(error) => (self.sink)(fail(error.to_string()))?,
            }
        }
        Ok(())
    }

    /// The path of a name in a directory.
    fn joined(&self, directory: &Pending, name: &[u8]) -> Vec<u8> {
        let volume = self.guest.volumes().get(directory.located.volume);
        let separator = volume.map_or(b'/', |volume| volume.separator);
        let path = directory.path.as_slice();
        let is_root = path.last().is_some_and(|byte| matches!(byte, b'/') || *byte == separator);
        if is_root { [path, name].concat() } else { [path, &[separator], name].concat() }
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
        let record = match filesystem.record(located.file) {
            Ok(record) => record,
            Err(error) => return (self.sink)(Extracted::failed(guest_path, error.to_string())),
        };
        let is_named = self.pending.is_empty() && self.seen.is_empty();
        if filesystem.is_internal(&record) && !self.options.metadata_files && !is_named {
            return Ok(());
        }
        let metadata = record.metadata;
        self.streams(&record, &*filesystem, &path, name, &host)?;
        if metadata.kind == FileKind::Regular && !self.options.filter.takes(&guest_path) {
            return Ok(());
        }
        let mut extracted = Extracted::from_metadata(guest_path, metadata);
        match metadata.kind {
            FileKind::Directory => self.directory(&mut extracted, path, name, located, host)?,
            FileKind::Regular => {
                self.regular(&mut extracted, &*filesystem, name, (&metadata, Some(&record)), &host)?;
            }
            FileKind::Symlink => match filesystem.read_link(located.file) {
                Ok(target) => extracted.target = Some(target),
                Err(error) => extracted.problem = Some(error.to_string()),
            },
            _ => {}
        }
        (self.sink)(extracted)
    }

    /// Extracts the named streams of a file.
    fn streams(
        &mut self,
        record: &Record,
        filesystem: &dyn FileSystem,
        path: &[u8],
        name: &[u8],
        host: &[String],
    ) -> io::Result<()> {
        for stream in &record.streams {
            let path = guest_path(filesystem, stream_name(path, &stream.name));
            if self.options.filter.takes(&path) {
                let (id, size, kind) = (stream.id, stream.size, FileKind::Regular);
                let metadata = Metadata { id, size, kind, ..record.metadata };
                let mut extracted = Extracted::from_metadata(path, metadata);
                let name = stream_name(name, &stream.name);
                self.regular(&mut extracted, filesystem, &name, (&metadata, None), host)?;
                (self.sink)(extracted)?;
            }
        }
        Ok(())
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

    /// Extracts content: of a record that is at hand, or of the file with the id of the metadata.
    pub(super) fn regular(
        &self,
        extracted: &mut Extracted,
        filesystem: &dyn FileSystem,
        name: &[u8],
        (metadata, record): (&Metadata, Option<&Record>),
        host: &[String],
    ) -> io::Result<()> {
        let opened = match record {
            Some(record) => filesystem.open_record(record, Stream::Data),
            None => filesystem.open(metadata.id, Stream::Data),
        };
        let content = match opened {
            Ok(content) => content,
            Err(error) => {
                extracted.problem = Some(error.to_string());
                return Ok(());
            }
        };
        let (name, file) = self.into.descend(host)?.create_for(name)?;
        // The holes cost nothing on the host, but hashing them would take forever.
        let unhashed = too_sparse(filesystem, content.len());
        let algorithms = if unhashed.is_some() { &[][..] } else { &self.options.algorithms };
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

fn guest_path(filesystem: &dyn FileSystem, bytes: Vec<u8>) -> GuestPath {
    GuestPath::new(bytes, filesystem.name_encoding())
}
