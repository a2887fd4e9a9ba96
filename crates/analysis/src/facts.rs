//! Turns paths of a walk into the facts that findings hold.

use foldhash::{HashMap, HashMapExt};
use rayon::prelude::*;
use vminspect_bytes::{ReadAt, Slice};
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem, Stream};

use crate::finding::{FileFacts, GuestPath};
use crate::hashing::{Hashing, Visitor, visit_files};
use crate::second::Found;
use crate::tree::{Node, Tree};
use crate::{Digests, Options, Progress};

/// Hashes of a file, and what it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) digests: Option<Digests>,
    pub(crate) file_type: Option<String>,
}

/// Says what the content of a file is.
pub(crate) type Identifier = dyn Fn(&dyn ReadAt) -> String + Send + Sync;

/// What tells the types of files, when that was asked for.
pub(crate) fn identifier(_options: &Options) -> Option<Box<Identifier>> {
    None
}

/// Hashes and identifies in one pass.
pub(crate) struct Knowing<'a> {
    pub(crate) hashing: Hashing<'a>,
    pub(crate) identifier: Option<&'a Identifier>,
}

impl<'a> Knowing<'a> {
    pub(crate) fn new(options: &'a Options, identifier: Option<&'a Identifier>) -> Self {
        Self { hashing: Hashing { algorithms: &options.algorithms }, identifier }
    }

    pub(crate) fn identify(&self, file: &dyn ReadAt) -> Option<String> {
        self.identifier.map(|identify| identify(file))
    }
}

impl Visitor for Knowing<'_> {
    type Output = Known;

    fn whole(&self, bytes: &[u8]) -> Known {
        Known { digests: Some(self.hashing.whole(bytes)), file_type: self.identify(&Slice(bytes)) }
    }

    fn stream(&self, file: &dyn ReadAt) -> Result<Known, Error> {
        Ok(Known { digests: Some(self.hashing.stream(file)?), file_type: self.identify(file) })
    }
}

/// What is known of each of some files of one side, and why nothing is known of others.
pub(crate) type KnownFiles = HashMap<FileId, Result<Known, Error>>;

/// Hashes the regular ones of `files`, each once, in storage order.
pub(crate) fn know_files(
    filesystem: &dyn FileSystem,
    files: &[Found<'_>],
    knowing: &Knowing<'_>,
    progress: &dyn Progress,
) -> KnownFiles {
    let mut regular: Vec<Found<'_>> =
        files.iter().copied().filter(|found| found.node.kind == FileKind::Regular).collect();
    regular.sort_by_key(|found| found.node.id);
    regular.dedup_by_key(|found| found.node.id);
    let total = regular.iter().fold(0_u64, |sum, found| sum.saturating_add(found.node.size));
    progress.stage(crate::Stage::Hashing, total);
    let mut known = HashMap::with_capacity(regular.len());
    while let Some(first) = regular.first() {
        // A file of the second disk lies in one of two trees.
        let tree: &Tree = first.tree;
        let (these, others): (Vec<Found<'_>>, Vec<Found<'_>>) =
            regular.iter().partition(|found| std::ptr::eq(found.tree, tree));
        let nodes: Vec<&Node> = these.iter().map(|found| found.node).collect();
        for (position, result) in visit_files(filesystem, tree, &nodes, knowing, progress) {
            if let Some(node) = nodes.get(position as usize) {
                known.insert(node.id, result);
            }
        }
        regular = others;
    }
    known
}

/// The facts of a file at a path.
pub(crate) fn facts(filesystem: &dyn FileSystem, found: Found<'_>, path: Vec<u8>, known: Known) -> FileFacts {
    let node = found.node;
    let target = if node.kind == FileKind::Symlink { filesystem.read_link(node.id).ok() } else { None };
    FileFacts {
        path: GuestPath::new(path, filesystem.name_encoding()),
        kind: node.kind,
        size: node.size,
        digests: known.digests,
        file_type: known.file_type,
        target,
        orphan: node.is_orphan(),
    }
}

/// Opens a file and says what it is.
pub(crate) fn file_type(filesystem: &dyn FileSystem, file: FileId, knowing: &Knowing<'_>) -> Option<String> {
    knowing.identifier?;
    knowing.identify(&*filesystem.open(file, Stream::Data).ok()?)
}

/// Runs `work` over `items` on all threads and keeps their order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    items.par_iter().map(work).collect()
}
