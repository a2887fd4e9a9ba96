//! Turns paths of a walk into the facts that findings hold.

use std::sync::{Mutex, PoisonError};

use foldhash::HashMap;
use rayon::prelude::*;
use vminspect_bytes::ReadAt;
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem, Stream};

use crate::finding::{FileFacts, GuestPath};
use crate::hashing::{FILES_AT_ONCE, Hashing, Visitor, visit_files};
use crate::second::Found;
use crate::tree::{Node, Tree};
use crate::{Algorithm, Digests, Identifier, Options, Progress};

/// Hashes of a file, and what it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) digests: Option<Digests>,
    pub(crate) file_type: Option<String>,
}

/// Hashes and identifies in one pass.
pub(crate) struct Knowing<'a> {
    pub(crate) hashing: Hashing<'a>,
    identifier: Option<Identifier>,
}

impl<'a> Knowing<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        let identifier = options.identify.then(Identifier::new);
        Self { hashing: Hashing { algorithms: &options.algorithms }, identifier }
    }

    pub(crate) fn identify(&self, file: &dyn ReadAt) -> Result<Option<String>, Error> {
        Ok(self.identifier.as_ref().map(|identifier| identifier.identify(file)).transpose()?)
    }
}

impl Visitor for Knowing<'_> {
    type Output = Known;

    fn whole(&self, bytes: &[u8]) -> Known {
        Known {
            digests: Some(self.hashing.whole(bytes)),
            file_type: self.identifier.as_ref().map(|identifier| identifier.identify_start(bytes)),
        }
    }

    fn stream(&self, file: &dyn ReadAt) -> Result<Known, Error> {
        Ok(Known { digests: Some(self.hashing.stream(file)?), file_type: self.identify(file)? })
    }
}

/// What is known of each of some files of one side, and why nothing is known of others. Some 30 bytes a file.
#[derive(Default, Debug)]
pub(crate) struct KnownFiles {
    /// Bytes of content that were hashed.
    pub(crate) hashed: u64,
    algorithms: Vec<Algorithm>,
    /// Sorted.
    files: Vec<FileId>,
    /// Hash values by position in `files`, each of `stride` bytes.
    digests: Vec<u8>,
    stride: usize,
    /// Position in `types` + 1 by position in `files`; empty when types were not asked for.
    type_of: Vec<u32>,
    types: Vec<String>,
    type_index: HashMap<String, u32>,
    errors: HashMap<FileId, Error>,
}

impl KnownFiles {
    fn new(algorithms: &[Algorithm], files: Vec<FileId>, with_types: bool) -> Self {
        let stride = algorithms.iter().map(|algorithm| algorithm.length()).sum();
        Self {
            algorithms: algorithms.to_vec(),
            digests: vec![0; stride * files.len()],
            stride,
            type_of: vec![0; if with_types { files.len() } else { 0 }],
            files,
            ..Self::default()
        }
    }

    fn set(&mut self, file: FileId, result: Result<Known, Error>) {
        let Ok(position) = self.files.binary_search(&file) else { return };
        let known = match result {
            Ok(known) => known,
            Err(error) => {
                self.errors.insert(file, error);
                return;
            }
        };
        let start = position * self.stride;
        if let (Some(digests), Some(slot)) = (known.digests, self.digests.get_mut(start..start + self.stride))
        {
            digests.copy_to(slot);
        }
        if let (Some(text), Some(slot)) = (known.file_type, self.type_of.get_mut(position)) {
            let next = u32::try_from(self.types.len()).unwrap_or(u32::MAX).saturating_add(1);
            *slot = *self.type_index.entry(text.clone()).or_insert_with(|| {
                self.types.push(text);
                next
            });
        }
    }

    /// What could not be read.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&FileId, &Error)> {
        self.errors.iter()
    }

    /// What is known of a file; nothing of one that is not regular.
    pub(crate) fn get(&self, file: FileId) -> Result<Known, &Error> {
        if let Some(error) = self.errors.get(&file) {
            return Err(error);
        }
        let Ok(position) = self.files.binary_search(&file) else { return Ok(Known::default()) };
        let start = position * self.stride;
        let digests = self.digests.get(start..start + self.stride);
        let file_type =
            self.type_of.get(position).and_then(|number| self.types.get((*number as usize).checked_sub(1)?));
        Ok(Known {
            digests: digests.map(|bytes| Digests::from_bytes(&self.algorithms, bytes)),
            file_type: file_type.cloned(),
        })
    }
}

/// Hashes the regular ones of `files`, each once, in storage order.
pub(crate) fn know_files<'a>(
    filesystem: &dyn FileSystem,
    files: impl Iterator<Item = Found<'a>>,
    knowing: &Knowing<'_>,
    progress: &dyn Progress,
) -> KnownFiles {
    // A file of the second disk lies in one of two trees.
    let mut trees: Vec<(&Tree, Vec<&Node>)> = Vec::new();
    for found in files.filter(|found| found.node.kind == FileKind::Regular) {
        match trees.iter_mut().find(|(tree, _)| std::ptr::eq(*tree, found.tree)) {
            Some((_, nodes)) => nodes.push(found.node),
            None => trees.push((found.tree, vec![found.node])),
        }
    }
    let mut ids = Vec::new();
    let mut total = 0_u64;
    for (_, nodes) in &mut trees {
        nodes.sort_unstable_by_key(|node| node.id);
        nodes.dedup_by_key(|node| node.id);
        ids.extend(nodes.iter().map(|node| node.id));
        total = nodes.iter().fold(total, |sum, node| sum.saturating_add(node.size));
    }
    ids.sort_unstable();
    progress.stage(crate::Stage::Hashing, total);
    let with_types = knowing.identifier.is_some();
    let known = Mutex::new(KnownFiles::new(knowing.hashing.algorithms, ids, with_types));
    let some =
        trees.iter().flat_map(|(tree, nodes)| nodes.chunks(FILES_AT_ONCE).map(move |some| (tree, some)));
    for (tree, nodes) in some {
        visit_files(filesystem, tree, nodes, knowing, progress, &|results| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            for (position, result) in results {
                if let Some(node) = nodes.get(position as usize) {
                    known.set(node.id, result);
                }
            }
        });
    }
    let mut known = known.into_inner().unwrap_or_else(PoisonError::into_inner);
    known.hashed = total;
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
        stream: node.is_stream(),
        deleted: None,
        remains: None,
        problem: None,
        zone: None,
    }
}

/// Opens a file and says what it is.
pub(crate) fn file_type(filesystem: &dyn FileSystem, file: FileId, knowing: &Knowing<'_>) -> Option<String> {
    knowing.identifier.as_ref()?;
    knowing.identify(&*filesystem.open(file, Stream::Data).ok()?).ok()?
}

/// Runs `work` over `items` on all threads and keeps their order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    items.par_iter().map(work).collect()
}
