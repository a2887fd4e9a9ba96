//! Whether two files have equal content: proven by provenance, or read on both sides.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;
use vminspect_bytes::{ByteRange, Family, RangeSet, ReadAt, ReadError, differ};
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem, Stream};

use crate::Progress;
use crate::batch::{Batch, COMPARED_SPAN, Piece, cut, gather, slice, steps};
use crate::second::Second;
use crate::tree::{Node, Tree};

thread_local! {
    /// Buffers of this thread for the two sides, kept so that their pages need not be cleared again.
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Bytes that were compared, and how.
#[derive(Default, Debug)]
pub(crate) struct Counters {
    pub(crate) proven: AtomicU64,
    pub(crate) compared: AtomicU64,
    pub(crate) hashed: AtomicU64,
}

/// What is known of the content of files whose records both disks share.
pub(crate) struct SharedContent {
    /// By position in the first tree: whether the content differs.
    modified: Vec<AtomicBool>,
    /// Files of which a part could not be read on one side or both, so that nobody knows.
    pub(crate) unreadable: Vec<FileId>,
}

impl SharedContent {
    /// Whether the content of the file at `position` in the first tree differs.
    pub(crate) fn is_modified(&self, position: usize) -> bool {
        self.modified.get(position).is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn mark(&self, position: u32) {
        self.set(position, true);
    }

    fn set(&self, position: u32, modified: bool) {
        if let Some(flag) = self.modified.get(position as usize) {
            flag.store(modified, Ordering::Relaxed);
        }
    }
}

/// Compares the content of all files that are `wanted` and whose records both disks share: it lies at the same
/// places of both views, so only where these may differ has it to be read.
pub(crate) fn compare_shared(
    (before, first): (&dyn FileSystem, &Tree),
    (after, second): (&dyn FileSystem, &Second<'_>),
    wanted: &dyn Fn(&Node) -> bool,
    counters: &Counters,
    progress: &dyn Progress,
) -> SharedContent {
    let mut shared = SharedContent {
        modified: first.nodes().map(|_| AtomicBool::new(false)).collect(),
        unreadable: Vec::new(),
    };
    let mut pieces = Vec::new();
    // What has to be read through the filesystem, with positions.
    let (mut opaque, mut encoded) = (Vec::new(), Vec::new());
    let (mut total, mut doubtful) = (0_u64, 0_u64);
    for (position, node) in second.shared_nodes() {
        if !wanted(node) {
            continue;
        }
        let owner = u32::try_from(position).unwrap_or(u32::MAX);
        if node.is_opaque() {
            opaque.push((owner, node));
            continue;
        }
        if node.is_encoded() {
            encoded.push((owner, node));
        }
        for piece in first.pieces(node) {
            total = total.saturating_add(piece.len());
            for range in second.differing().within(piece) {
                doubtful = doubtful.saturating_add(range.len());
                cut(range, owner, &mut pieces);
            }
        }
    }
    counters.proven.fetch_add(total.saturating_sub(doubtful), Ordering::Relaxed);
    counters.compared.fetch_add(doubtful, Ordering::Relaxed);
    progress.stage(crate::Stage::Comparing, doubtful);
    let batches = gather(&mut pieces, COMPARED_SPAN);
    let sides = (&**before.view(), &**after.view());
    let failed: Vec<u32> = batches
        .par_iter()
        .flat_map_iter(|batch| {
            let failed = compare_batch(sides, batch, &pieces, &shared);
            progress.advance(batch.span.len());
            failed
        })
        .collect();
    // What is stored differs: the content may be the same all the same.
    encoded.retain(|(owner, _)| shared.is_modified(*owner as usize));
    opaque.append(&mut encoded);
    let by_reading: Vec<(u32, FileId, Option<bool>)> = opaque
        .par_iter()
        .map(|(owner, node)| {
            (*owner, node.id, contents_differ(before, node.id, after, node.id, counters).ok())
        })
        .collect();
    for (owner, id, differs) in by_reading {
        shared.set(owner, differs == Some(true));
        if differs.is_none() {
            shared.unreadable.push(id);
        }
    }
    shared.unreadable.extend(failed.iter().filter_map(|owner| first.at(*owner as usize)).map(|node| node.id));
    shared.unreadable.sort_unstable();
    shared.unreadable.dedup();
    shared
}

/// Whether a file has content outside its record.
pub(crate) fn has_content(node: &Node) -> bool {
    matches!(node.kind, FileKind::Regular | FileKind::Symlink) && !node.is_inline()
}

/// Compares the pieces of a batch; returns the owners of those that could not be read.
fn compare_batch(
    sides: (&dyn ReadAt, &dyn ReadAt),
    batch: &Batch,
    pieces: &[Piece],
    shared: &SharedContent,
) -> Vec<u32> {
    let pieces = pieces.get(batch.first..batch.first.saturating_add(batch.count)).unwrap_or_default();
    if pieces.iter().all(|piece| shared.is_modified(piece.owner as usize)) {
        return Vec::new();
    }
    BUFFERS.with_borrow_mut(|(left, right)| {
        if let [piece] = pieces {
            return match ranges_differ(sides, piece.range, left, right) {
                Ok(false) => Vec::new(),
                Ok(true) => {
                    shared.mark(piece.owner);
                    Vec::new()
                }
                Err(_) => vec![piece.owner],
            };
        }
        if read_both(sides, batch.span, left, right).is_ok() {
            if left != right {
                for piece in pieces {
                    if slice(left, batch.span, piece.range) != slice(right, batch.span, piece.range) {
                        shared.mark(piece.owner);
                    }
                }
            }
            return Vec::new();
        }
        // Something in the span is unreadable: find out whose it is.
        let mut failed = Vec::new();
        for piece in pieces {
            match ranges_differ(sides, piece.range, left, right) {
                Ok(true) => shared.mark(piece.owner),
                Ok(false) => {}
                Err(_) => failed.push(piece.owner),
            }
        }
        failed
    })
}

/// Why content could not be compared, and whose it is.
#[derive(Debug)]
pub(crate) struct Unreadable<E = Error> {
    /// Whether it is the first side's.
    pub(crate) is_before: bool,
    pub(crate) error: E,
}

impl<E> Unreadable<E> {
    pub(crate) fn before(error: impl Into<E>) -> Self {
        Self { is_before: true, error: error.into() }
    }

    pub(crate) fn after(error: impl Into<E>) -> Self {
        Self { is_before: false, error: error.into() }
    }
}

/// Whether one range differs between two sides. A difference wins over a part that cannot be read.
fn ranges_differ(
    sides: (&dyn ReadAt, &dyn ReadAt),
    range: ByteRange,
    left: &mut Vec<u8>,
    right: &mut Vec<u8>,
) -> Result<bool, Unreadable<ReadError>> {
    let mut failure = None;
    for step in steps(range, COMPARED_SPAN) {
        match read_both(sides, step, left, right) {
            Ok(()) if left != right => return Ok(true),
            Ok(()) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(false), Err)
}

fn read_both(
    sides: (&dyn ReadAt, &dyn ReadAt),
    range: ByteRange,
    left: &mut Vec<u8>,
    right: &mut Vec<u8>,
) -> Result<(), Unreadable<ReadError>> {
    let length = usize::try_from(range.len()).unwrap_or(0);
    left.resize(length, 0);
    right.resize(length, 0);
    sides.0.read_exact_at(range.start(), left).map_err(Unreadable::before)?;
    sides.1.read_exact_at(range.start(), right).map_err(Unreadable::after)
}

/// Whether two files have different content. Only what their origins do not prove equal is read. Where neither
/// side's content can be had in this version (it is encrypted, or kept elsewhere), what is stored is compared.
///
/// # Errors
/// When a part that is not proven equal cannot be read and no difference was found before it.
pub(crate) fn contents_differ(
    before: &dyn FileSystem,
    x: FileId,
    after: &dyn FileSystem,
    y: FileId,
    counters: &Counters,
) -> Result<bool, Unreadable> {
    let is_refused = |error: &Error| error.family() == Family::Unsupported;
    let opened = match (before.open(x, Stream::Data), after.open(y, Stream::Data)) {
        (Err(old), Err(new)) if is_refused(&old) && is_refused(&new) => {
            (before.open(x, Stream::Stored), after.open(y, Stream::Stored))
        }
        opened => opened,
    };
    bytes_differ(&*opened.0.map_err(Unreadable::before)?, &*opened.1.map_err(Unreadable::after)?, counters)
}

fn bytes_differ(left: &dyn ReadAt, right: &dyn ReadAt, counters: &Counters) -> Result<bool, Unreadable> {
    if left.len() != right.len() {
        return Ok(true);
    }
    // A mapping that cannot be read proves nothing: read all of it.
    let doubtful = differ(left, right).unwrap_or_else(|_| RangeSet::of(ByteRange::at(0, left.len())));
    counters.proven.fetch_add(left.len().saturating_sub(doubtful.total()), Ordering::Relaxed);
    let mut failure = None;
    for range in doubtful.ranges() {
        counters.compared.fetch_add(range.len(), Ordering::Relaxed);
        let differs = BUFFERS.with_borrow_mut(|(a, b)| ranges_differ((left, right), *range, a, b));
        match differs {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(false), |Unreadable { is_before, error }| {
        Err(Unreadable { is_before, error: error.into() })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Silent;
    use crate::mock::{File, Mock};
    use crate::part::TableMemory;

    /// Whether the content of the only file is found to differ.
    fn differs(before: &File, after: &File) -> bool {
        let disk = |file: &File| Mock::new(&[(1, File::directory(&[("f", 2)])), (2, file.clone())]);
        let (before, after) = (disk(before), disk(after));
        let memory = Arc::new(TableMemory::within(1 << 30));
        let first = Tree::read(&before, &memory, &Silent);
        let second = Second::read(&before, &first, &after, &memory, false, &Silent);
        let counters = Counters::default();
        let shared = compare_shared((&before, &first), (&after, &second), &has_content, &counters, &Silent);
        assert!(shared.unreadable.is_empty());
        let position = first.find(FileId(2)).unwrap();
        let found = shared.is_modified(position);
        let read = contents_differ(&before, FileId(2), &after, FileId(2), &counters).unwrap();
        assert_eq!(found, read);
        found
    }

    #[test]
    fn encoded_content_differs_only_where_it_means_something_else() {
        let encoded = |content: &str| File { encoded: true, ..File::regular(content) };
        assert!(!differs(&encoded("same\0slack"), &encoded("same\0slack")));
        assert!(!differs(&encoded("same\0slack"), &encoded("same\0trash")));
        assert!(differs(&encoded("same\0slack"), &encoded("some\0slack")));
        assert!(differs(&File::regular("same\0slack"), &File::regular("same\0trash")));
    }

    #[test]
    fn content_that_both_sides_refuse_is_compared_as_it_is_stored() {
        let encrypted = |content: &str| File { encoded: true, encrypted: true, ..File::regular(content) };
        assert!(!differs(&encrypted("secret"), &encrypted("secret")));
        assert!(differs(&encrypted("secret"), &encrypted("public")));
        let disk = |file: File| Mock::new(&[(1, File::directory(&[("f", 2)])), (2, file)]);
        let (before, after) = (disk(encrypted("secret")), disk(File::regular("secret")));
        let one_sided = contents_differ(&before, FileId(2), &after, FileId(2), &Counters::default());
        assert!(one_sided.unwrap_err().is_before);
    }
}
