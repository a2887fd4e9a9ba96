//! Pieces of files put together into spans that are read at once, in storage order.

use rayon::prelude::*;
use vminspect_bytes::ByteRange;

/// Longest span that is read to be hashed: it stays in a core's cache while the hash goes over it.
pub(crate) const SPAN: u64 = 256 << 10;
/// Longest span that is read of two sides to be compared. Comparing is so quick that fewer, longer reads pay.
pub(crate) const COMPARED_SPAN: u64 = 512 << 10;
/// Bytes that nobody asked for are read when they are fewer than another read costs.
const GAP: u64 = 8 << 10;

/// A stored piece of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Where it lies on the view. At most [`LONGEST`].
    pub(crate) range: ByteRange,
    /// Whose it is: an index that the caller knows.
    pub(crate) owner: u32,
}

/// Pieces that one read delivers, or one long piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// What to read.
    pub(crate) span: ByteRange,
    /// The pieces, as a range of the sorted list.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// Longest piece: a long file is shared out among threads, but its pieces stay few.
const LONGEST: u64 = 64 << 20;

/// Cuts `range` into pieces of at most [`LONGEST`] bytes.
pub(crate) fn cut(range: ByteRange, owner: u32, pieces: &mut Vec<Piece>) {
    let mut start = range.start();
    while start < range.end() {
        let range = ByteRange::at(start, LONGEST.min(range.end() - start));
        pieces.push(Piece { range, owner });
        start = range.end();
    }
}

/// Sorts pieces into storage order and gathers neighbours into batches of at most `longest` bytes.
pub(crate) fn gather(pieces: &mut [Piece], longest: u64) -> Vec<Batch> {
    pieces.par_sort_unstable_by_key(|piece| (piece.range, piece.owner));
    let mut batches: Vec<Batch> = Vec::new();
    for (position, piece) in pieces.iter().enumerate() {
        if let Some(last) = batches.last_mut() {
            let joined = ByteRange::new(last.span.start(), last.span.end().max(piece.range.end()));
            let near = piece.range.start() <= last.span.end().saturating_add(GAP);
            if near && joined.len() <= longest {
                last.span = joined;
                last.count += 1;
                continue;
            }
        }
        batches.push(Batch { span: piece.range, first: position, count: 1 });
    }
    batches
}

/// The steps of at most `longest` bytes in which `range` is read.
pub(crate) fn steps(range: ByteRange, longest: u64) -> impl Iterator<Item = ByteRange> {
    let mut start = range.start();
    std::iter::from_fn(move || {
        let step = ByteRange::new(start, range.end()).truncate(longest);
        start = step.end();
        (!step.is_empty()).then_some(step)
    })
}

/// The bytes of `range` in a buffer that holds `span`.
pub(crate) fn slice(buffer: &[u8], span: ByteRange, range: ByteRange) -> &[u8] {
    let start = usize::try_from(range.start().saturating_sub(span.start())).unwrap_or(usize::MAX);
    let length = usize::try_from(range.len()).unwrap_or(usize::MAX);
    buffer.get(start..start.saturating_add(length)).unwrap_or_default()
}
