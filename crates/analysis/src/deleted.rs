//! Deleted files: which there are, and where they were.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet};
use rayon::prelude::*;
use vminspect_filesystem::{Allocation, FileId, FileKind, FileSystem, LinkName};

use crate::finding::Deletion;
use crate::part::TableMemory;
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
) -> (Vec<DeletedFile>, Problems) {
    let scan = filesystem.scan(None, true);
    let found: Vec<(Vec<Remains>, Problems)> = scan
        .units
        .par_iter()
        .map(|unit| {
            let (mut files, mut problems) = (Vec::new(), Problems::new());
            (scan.visit)(unit, &mut |record| {
                let Ok(record) = record else { return };
                let metadata = record.metadata;
                if metadata.allocation != Allocation::Deleted || metadata.kind != FileKind::Regular {
                    return;
                }
                let names = filesystem.names(metadata.id).unwrap_or_else(|error| {
                    problems.push((namespace.recovered(metadata.id, b""), error));
                    Vec::new()
                });
                let is_empty = metadata.size == 0 && record.streams.is_empty();
                files.push(Remains { file: metadata.id, name: names.into_iter().next(), is_empty });
            });
            (files, problems)
        })
        .collect();
    let mut paths = Paths { filesystem, namespace, known: HashMap::new() };
    let (mut files, mut problems) = (Vec::new(), Problems::new());
    let mut nameless = HashMap::new();
    for (remains, more) in found {
        problems.extend(more);
        for remains in remains {
            match remains.name {
                Some(name) => files.push(paths.of_file(remains.file, &name)),
                None => drop(nameless.insert(remains.file, remains.is_empty)),
            }
        }
    }
    if !nameless.is_empty() {
        add_nameless(filesystem, namespace, options, progress, nameless, &mut files, &mut problems);
    }
    files.sort_by(|x, y| (&x.path, x.file).cmp(&(&y.path, y.file)));
    (files, problems)
}

/// A deleted file, with the first of the names in its record.
struct Remains {
    file: FileId,
    name: Option<LinkName>,
    is_empty: bool,
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

/// Adds files whose records have no names: directories may still hold some in slots that were not used again.
/// Where there is neither name nor content, nothing is left to tell.
fn add_nameless(
    filesystem: &dyn FileSystem,
    namespace: &Namespace,
    options: &Options,
    progress: &dyn Progress,
    mut nameless: HashMap<FileId, bool>,
    files: &mut Vec<DeletedFile>,
    problems: &mut Problems,
) {
    let tree = Tree::read(filesystem, &Arc::new(TableMemory::within(options.memory)), progress);
    let mut look_into = |directory: FileId, path: &[u8]| {
        let entries = match filesystem.deleted_entries(directory) {
            Ok(entries) => entries,
            Err(error) => return problems.push((path.to_vec(), error)),
        };
        for entry in entries {
            match entry {
                Ok(entry) if nameless.remove(&entry.id).is_some() => {
                    let path = namespace.join(path, &entry.name);
                    files.push(DeletedFile { file: entry.id, path, deletion: Deletion::InPlace });
                }
                Ok(_) => {}
                Err(error) => problems.push((path.to_vec(), error)),
            }
        }
    };
    look_into(filesystem.root(), &namespace.root());
    // The walk of the whole tree tells its problems.
    let _ = walk_one(&tree, filesystem.root(), namespace, &mut |path, found| {
        if found.node.kind == FileKind::Directory {
            look_into(found.node.id, path);
        }
    });
    for (file, _) in nameless.into_iter().filter(|(_, is_empty)| !is_empty) {
        let path = namespace.recovered(file, b"file-");
        files.push(DeletedFile { file, path, deletion: Deletion::Displaced });
    }
}
