//! Deleted files: which there are, and where they were.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet};
use rayon::prelude::*;
use vminspect_bytes::ReadError;
use vminspect_filesystem::{
    Allocation, FileId, FileKind, FileSystem, LinkName, Record, Remains as Remaining, Stream,
};

use crate::claims::{Claims, Gathered};
use crate::finding::Deletion;
use crate::part::TableMemory;
use crate::recover::remains_of;
use crate::tree::Tree;
use crate::walk::{Namespace, Problems, walk_one};
use crate::{Options, Progress};

/// Directories above a file that are followed to its root.
const MOST_PARENTS: usize = 1024;
/// Longest path that is made of the names in records.
const LONGEST_PATH: usize = 1 << 16;

/// A regular file of which only its record is left.
#[derive(Clone, Debug)]
pub(crate) struct DeletedFile {
    pub(crate) file: FileId,
    pub(crate) path: Vec<u8>,
    pub(crate) deletion: Deletion,
}

/// The deleted regular files of a filesystem, sorted by path, and the problems on the way.
pub(crate) fn deleted_files(
    filesystem: &dyn FileSystem,
    namespace: &Namespace,
    options: &Options,
    progress: &dyn Progress,
) -> (DeletedFiles, Problems) {
    let scan = filesystem.scan(None, true);
    let found: Vec<(Vec<Remains>, Problems)> = scan
        .units
        .par_iter()
        .map(|unit| {
            let (mut files, mut problems) = (Vec::new(), Problems::new());
            (scan.visit)(unit, &mut |record| {
                let Ok(record) = record else { return };
                if record.metadata.allocation == Allocation::Deleted {
                    files.extend(remains(filesystem, namespace, &record, &mut problems));
                }
            });
            (files, problems)
        })
        .collect();
    let mut paths = Paths { filesystem, namespace, known: HashMap::new() };
    let (mut files, mut problems) = (Vec::new(), Problems::new());
    let mut nameless = Nameless::default();
    let mut take = |remains: Remains, files: &mut Vec<DeletedFile>| match (remains.is_directory, remains.name)
    {
        (false, Some(name)) => files.push(paths.of_file(remains.file, &name)),
        (false, None) => drop(nameless.files.insert(remains.file, remains.is_empty)),
        (true, None) => drop(nameless.directories.insert(remains.file)),
        (true, Some(_)) => {}
    };
    for (found, more) in found {
        problems.extend(more);
        found.into_iter().for_each(|remains| take(remains, &mut files));
    }
    let (displaced, more) = filesystem.displaced();
    problems.extend(more.into_iter().map(|error| (namespace.root(), error)));
    for file in displaced {
        match filesystem.restored(file) {
            Ok(record) => {
                let remains = remains(filesystem, namespace, &record, &mut problems);
                remains.into_iter().for_each(|remains| take(remains, &mut files));
            }
            Err(error) => problems.push((namespace.recovered(file, b""), error)),
        }
    }
    if !nameless.is_empty() {
        nameless.name(filesystem, namespace, options, progress, &mut files, &mut problems);
    }
    files.sort_by(|x, y| (&x.path, x.file).cmp(&(&y.path, y.file)));
    let mut gathered = Gathered::default();
    for record in files.iter().filter_map(|file| filesystem.restored(file.file).ok()) {
        gathered.add(&record);
    }
    if gathered.untold > 0 {
        let found = format!("{} runs more than are compared with one another", gathered.untold);
        problems.push((namespace.root(), ReadError::unsupported("deleted files").found(found).into()));
    }
    (DeletedFiles { files, claims: gathered.finish() }, problems)
}

/// The deleted files of a filesystem.
pub(crate) struct DeletedFiles {
    pub(crate) files: Vec<DeletedFile>,
    claims: Claims,
}

impl DeletedFiles {
    /// How much is left of one of them, or of a stream of it.
    pub(crate) fn remains(
        &self,
        filesystem: &dyn FileSystem,
        record: &Record,
        stream: Stream<'_>,
    ) -> Remaining {
        let mut remains = remains_of(filesystem, record, stream);
        let named = match stream {
            Stream::Named(name) => record.streams.iter().find(|stream| stream.name == name),
            Stream::Data | Stream::Stored => None,
        };
        let content = named.map_or(&record.content, |stream| &stream.content);
        self.claims.apply(record, content, &mut remains);
        remains
    }
}

/// What there is of a deleted regular file or directory.
fn remains(
    filesystem: &dyn FileSystem,
    namespace: &Namespace,
    record: &Record,
    problems: &mut Problems,
) -> Option<Remains> {
    let metadata = &record.metadata;
    let is_directory = metadata.kind == FileKind::Directory;
    if !is_directory && metadata.kind != FileKind::Regular {
        return None;
    }
    let names = filesystem.names(metadata.id).unwrap_or_else(|error| {
        problems.push((namespace.recovered(metadata.id, b""), error));
        Vec::new()
    });
    let is_empty = metadata.size == 0 && record.streams.is_empty();
    Some(Remains { file: metadata.id, name: names.into_iter().next(), is_empty, is_directory })
}

/// A deleted file, with the first of the names in its record.
struct Remains {
    file: FileId,
    name: Option<LinkName>,
    is_empty: bool,
    is_directory: bool,
}

/// The paths of directories, from the names in their records.
pub(crate) struct Paths<'a> {
    pub(crate) filesystem: &'a dyn FileSystem,
    pub(crate) namespace: &'a Namespace,
    pub(crate) known: HashMap<FileId, (Vec<u8>, Deletion)>,
}

impl Paths<'_> {
    fn of_file(&mut self, file: FileId, name: &LinkName) -> DeletedFile {
        let (base, deletion) = self.of_directory(name.parent);
        DeletedFile { file, path: self.namespace.join(&base, &name.name), deletion }
    }

    /// Goes up to a directory whose path is known, and down again.
    pub(crate) fn of_directory(&mut self, directory: FileId) -> (Vec<u8>, Deletion) {
        let mut names: Vec<(FileId, Vec<u8>)> = Vec::new();
        let mut seen = HashSet::default();
        let mut at = directory;
        let (mut path, mut deletion) = loop {
            if at == self.filesystem.root() {
                break (self.namespace.root(), Deletion::InPlace);
            }
            if let Some(known) = self.known.get(&at) {
                break known.clone();
            }
            let above = if names.len() < MOST_PARENTS && seen.insert(at) { self.above(at) } else { None };
            match above {
                Some(name) => {
                    names.push((at, name.name));
                    at = name.parent;
                }
                None => {
                    let lost = (self.namespace.recovered(at, b""), Deletion::Displaced);
                    self.known.insert(at, lost.clone());
                    break lost;
                }
            }
        };
        for (file, name) in names.into_iter().rev() {
            path = self.namespace.join(&path, &name);
            if path.len() > LONGEST_PATH {
                (path, deletion) = (self.namespace.recovered(file, b""), Deletion::Displaced);
            }
            self.known.insert(file, (path.clone(), deletion));
        }
        (path, deletion)
    }

    /// The name of a directory that is still what it was.
    fn above(&self, directory: FileId) -> Option<LinkName> {
        let is_directory = self.filesystem.metadata(directory).ok()?.kind == FileKind::Directory;
        self.filesystem.names(directory).ok().filter(|_| is_directory)?.into_iter().next()
    }
}

/// Files whose records have no names: directories may still hold some in slots that were not used again, or have
/// held them in a journal.
#[derive(Default)]
struct Nameless {
    /// With whether they are empty.
    files: HashMap<FileId, bool>,
    directories: HashSet<FileId>,
}

impl Nameless {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }

    /// Looks for the names. Of a file that has neither name nor content, nothing is left to tell.
    fn name(
        mut self,
        filesystem: &dyn FileSystem,
        namespace: &Namespace,
        options: &Options,
        progress: &dyn Progress,
        files: &mut Vec<DeletedFile>,
        problems: &mut Problems,
    ) {
        let tree = Tree::read(filesystem, &Arc::new(TableMemory::within(options.memory)), progress);
        let mut todo = Vec::new();
        let mut look = |nameless: &mut Self, directory: FileId, path: &[u8], todo: &mut Vec<_>| {
            let (found, deletion) = (path, Deletion::InPlace);
            nameless.look(filesystem, namespace, (directory, found, deletion), todo, files, problems);
        };
        look(&mut self, filesystem.root(), &namespace.root(), &mut todo);
        // The walk of the whole tree tells its problems.
        let _ = walk_one(&tree, filesystem.root(), namespace, &mut |path, found| {
            if found.node.kind == FileKind::Directory {
                look(&mut self, found.node.id, path, &mut todo);
            }
        });
        // What lies below others is gone from the set when its turn comes.
        let mut tops: Vec<FileId> = self.directories.iter().copied().collect();
        tops.sort_unstable_by(|a, b| b.cmp(a));
        loop {
            while let Some((directory, path, deletion)) = todo.pop() {
                let at = (directory, path.as_slice(), deletion);
                self.look(filesystem, namespace, at, &mut todo, files, problems);
            }
            // A directory without a name is where names below it begin.
            let Some(directory) = tops.pop() else { break };
            if !self.directories.remove(&directory) {
                continue;
            }
            todo.push((directory, namespace.recovered(directory, b""), Deletion::Displaced));
        }
        for (file, is_empty) in self.files {
            let is_empty =
                is_empty && filesystem.restored(file).is_ok_and(|record| record.metadata.size == 0);
            if !is_empty {
                let path = namespace.recovered(file, b"file-");
                files.push(DeletedFile { file, path, deletion: Deletion::Displaced });
            }
        }
    }

    /// Looks into one directory.
    fn look(
        &mut self,
        filesystem: &dyn FileSystem,
        namespace: &Namespace,
        (directory, path, deletion): (FileId, &[u8], Deletion),
        todo: &mut Vec<(FileId, Vec<u8>, Deletion)>,
        files: &mut Vec<DeletedFile>,
        problems: &mut Problems,
    ) {
        let entries = match filesystem.former_entries(directory) {
            Ok(entries) => entries,
            Err(error) => return problems.push((path.to_vec(), error)),
        };
        for entry in entries {
            match entry {
                Ok(entry) if self.files.remove(&entry.id).is_some() => {
                    files.push(DeletedFile {
                        file: entry.id,
                        path: namespace.join(path, &entry.name),
                        deletion,
                    });
                }
                Ok(entry) if self.directories.remove(&entry.id) => {
                    let path = namespace.join(path, &entry.name);
                    if path.len() <= LONGEST_PATH {
                        todo.push((entry.id, path, deletion));
                    }
                }
                Ok(_) => {}
                Err(error) => problems.push((path.to_vec(), error)),
            }
        }
    }
}
