//! Hashes files, many at a time, in storage order.

use std::cell::RefCell;
use std::sync::Arc;

use rayon::prelude::*;
use vminspect_bytes::{ByteRange, Extent, Origin, ReadAt, ReadError};
use vminspect_filesystem::{Error, FileId, FileSystem, Stream};

use crate::batch::{Batch, Piece, SPAN, gather, slice, steps};
use crate::tree::{Node, Tree};
use crate::{Algorithm, Digests, Hasher, Progress};

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A file may be larger than its disk when it has holes. One that claims more than this, and more than four
/// times its disk, only serves to keep readers busy.
const LONGEST_SPARSE: u64 = 1 << 30;

/// Opens the content of a file to hash all of it.
///
/// # Errors
/// When it cannot be opened, or is nearly all holes and would take long to hash.
pub(crate) fn open_content(filesystem: &dyn FileSystem, file: FileId) -> Result<Arc<dyn ReadAt>, Error> {
    let content = filesystem.open(file, Stream::Data)?;
    too_sparse(filesystem, content.len()).map_or(Ok(content), |error| Err(error.into()))
}

/// Why a file of `length` bytes is not hashed, if so.
pub(crate) fn too_sparse(filesystem: &dyn FileSystem, length: u64) -> Option<ReadError> {
    let longest = filesystem.view().len().saturating_mul(4).max(LONGEST_SPARSE);
    (length > longest).then(|| {
        ReadError::unsupported("sparse file")
            .expected(format!("at most {longest} bytes, four times the volume"))
            .found(format!("{length} bytes, nearly all of them holes"))
    })
}

/// What is done with the content of a file while it is at hand.
pub(crate) trait Visitor: Sync {
    /// The result for one file.
    type Output: Send;
    /// The content of a small file, whole.
    fn whole(&self, bytes: &[u8]) -> Self::Output;
    /// The content of a file that is read piecemeal.
    fn stream(&self, file: &dyn ReadAt) -> Result<Self::Output, Error>;
}

/// Computes hashes.
pub(crate) struct Hashing<'a> {
    pub(crate) algorithms: &'a [Algorithm],
}

impl Visitor for Hashing<'_> {
    type Output = Digests;

    fn whole(&self, bytes: &[u8]) -> Digests {
        let mut hasher = Hasher::new(self.algorithms);
        hasher.update(bytes);
        hasher.finish()
    }

    fn stream(&self, file: &dyn ReadAt) -> Result<Digests, Error> {
        let mut hasher = Hasher::new(self.algorithms);
        hash_range(file, ByteRange::at(0, file.len()), &mut [&mut hasher])?;
        Ok(hasher.finish())
    }
}

/// Feeds a range of a file to hashers.
fn hash_range(file: &dyn ReadAt, range: ByteRange, hashers: &mut [&mut Hasher]) -> Result<(), Error> {
    BUFFER.with_borrow_mut(|buffer| {
        for step in steps(range, SPAN) {
            buffer.resize(usize::try_from(step.len()).unwrap_or(0), 0);
            file.read_exact_at(step.start(), buffer)?;
            for hasher in &mut *hashers {
                hasher.update(buffer);
            }
        }
        Ok(())
    })
}

/// Hashes two versions of a file. What both share is read once, and up to the first difference hashed once.
pub(crate) fn hash_versions(
    before: &dyn ReadAt,
    after: &dyn ReadAt,
    algorithms: &[Algorithm],
) -> (Result<Digests, Error>, Result<Digests, Error>) {
    match try_hash_versions(before, after, algorithms) {
        Ok((x, y)) => (Ok(x), Ok(y)),
        Err(_) => {
            let hashing = Hashing { algorithms };
            (hashing.stream(before), hashing.stream(after))
        }
    }
}

fn try_hash_versions(
    before: &dyn ReadAt,
    after: &dyn ReadAt,
    algorithms: &[Algorithm],
) -> Result<(Digests, Digests), Error> {
    let shared = ByteRange::at(0, before.len().min(after.len()));
    let mut old = Hasher::new(algorithms);
    let mut new: Option<Hasher> = None;
    let unknown = |range| Extent { range, origin: Origin::Unknown };
    let mut position = shared.start();
    while position < shared.end() {
        let rest = ByteRange::new(position, shared.end());
        let x = before.extent_at(rest).unwrap_or(unknown(rest));
        let y = after.extent_at(rest).unwrap_or(unknown(rest));
        let step = rest.truncate(x.range.len().min(y.range.len()).max(1));
        if x.origin.proves_equal(y.origin) {
            match &mut new {
                None => hash_range(before, step, &mut [&mut old])?,
                Some(new) => hash_range(before, step, &mut [&mut old, new])?,
            }
        } else {
            let new = new.get_or_insert_with(|| old.clone());
            hash_range(before, step, &mut [&mut old])?;
            hash_range(after, step, &mut [new])?;
        }
        position = step.end();
    }
    let mut new = new.unwrap_or_else(|| old.clone());
    hash_range(before, ByteRange::new(shared.end(), before.len()), &mut [&mut old])?;
    hash_range(after, ByteRange::new(shared.end(), after.len()), &mut [&mut new])?;
    Ok((old.finish(), new.finish()))
}

/// One task of [`visit_files`].
enum Task {
    /// A file of many runs, or a long one.
    Stream(u32),
    Batch(Batch),
}

/// Results of some files, by their position in the list that was given.
pub(crate) type Results<T> = Vec<(u32, Result<T, Error>)>;

/// Files that are put into storage order together. Trees are in storage order of their records, which is
/// nearly that of the content, so that little is lost by not sorting all of them at once.
pub(crate) const FILES_AT_ONCE: usize = 1 << 17;

/// Visits the content of `files`, in storage order and on all threads. The results go to `sink`, some at a
/// time and in any order. Takes memory for each file: give it [`FILES_AT_ONCE`].
pub(crate) fn visit_files<V: Visitor>(
    filesystem: &dyn FileSystem,
    tree: &Tree,
    files: &[&Node],
    visitor: &V,
    progress: &dyn Progress,
    sink: &(dyn Fn(Results<V::Output>) + Sync),
) {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut tasks: Vec<Task> = Vec::new();
    for (position, node) in (0_u32..).zip(files) {
        match single_piece(tree, node) {
            Some(range) => pieces.push(Piece { range, owner: position }),
            None => tasks.push(Task::Stream(position)),
        }
    }
    let node = |position: u32| files.get(position as usize).copied();
    // Long files first, so that no thread is left with one at the end.
    tasks.sort_by_key(|task| match task {
        Task::Stream(position) => std::cmp::Reverse(node(*position).map_or(0, |node| node.size >> 24)),
        Task::Batch(_) => std::cmp::Reverse(0),
    });
    tasks.extend(gather(&mut pieces, SPAN).into_iter().map(Task::Batch));
    let stream = |position: u32| {
        let node = node(position).ok_or(Error::NotFound("the file".to_owned()))?;
        progress.advance(node.size);
        let file = open_content(filesystem, node.id)?;
        visitor.stream(&*file)
    };
    tasks.par_iter().with_max_len(1).for_each(|task| {
        sink(match task {
            Task::Stream(position) => vec![(*position, stream(*position))],
            Task::Batch(batch) => {
                let end = batch.first.saturating_add(batch.count);
                let pieces = pieces.get(batch.first..end).unwrap_or_default();
                visit_batch(filesystem, batch, pieces, visitor, progress).unwrap_or_else(|| {
                    pieces.iter().map(|piece| (piece.owner, stream(piece.owner))).collect()
                })
            }
        });
    });
}

/// Reads a batch at once; `None` when it cannot be read whole.
fn visit_batch<V: Visitor>(
    filesystem: &dyn FileSystem,
    batch: &Batch,
    pieces: &[Piece],
    visitor: &V,
    progress: &dyn Progress,
) -> Option<Results<V::Output>> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(usize::try_from(batch.span.len()).ok()?, 0);
        filesystem.view().read_exact_at(batch.span.start(), buffer).ok()?;
        progress.advance(pieces.iter().map(|piece| piece.range.len()).sum());
        Some(
            pieces
                .iter()
                .map(|piece| (piece.owner, Ok(visitor.whole(slice(buffer, batch.span, piece.range)))))
                .collect(),
        )
    })
}

/// Where a small file lies, when it is in one piece and fully stored.
fn single_piece(tree: &Tree, node: &Node) -> Option<ByteRange> {
    if node.is_inline() || node.is_opaque() || node.is_encoded() || node.size == 0 || node.size > SPAN {
        return None;
    }
    match tree.runs(node).as_slice() {
        [run] if run.start == 0 && run.length >= node.size => tree.pieces(node).next(),
        _ => None,
    }
}
