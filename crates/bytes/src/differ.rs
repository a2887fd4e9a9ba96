use rayon::prelude::*;

use crate::{ByteRange, RangeSet, ReadAt, ReadAtExt, ReadError};

/// The ranges in which two byte spaces may differ, from their origins alone: nothing is read but the
/// tables that map them. What only one of them has counts as different.
///
/// # Errors
/// When a table that maps either side cannot be read.
pub fn differ<A, B>(a: &A, b: &B) -> Result<RangeSet, ReadError>
where
    A: ReadAt + ?Sized,
    B: ReadAt + ?Sized,
{
    let shared = a.len().min(b.len());
    let all = ByteRange::at(0, shared);
    let mut set = RangeSet::new();
    let (mut left, mut right) = (a.extents(all), b.extents(all));
    let (mut x, mut y) = (left.next().transpose()?, right.next().transpose()?);
    while let (Some(p), Some(q)) = (x, y) {
        let step = p.range.len().min(q.range.len());
        if !p.origin.proves_equal(q.origin) {
            set.insert(p.range.truncate(step));
        }
        x = advance(p, step, || left.next())?;
        y = advance(q, step, || right.next())?;
    }
    set.insert(ByteRange::new(shared, a.len().max(b.len())));
    Ok(set)
}

fn advance(
    extent: crate::Extent,
    step: u64,
    next: impl FnOnce() -> Option<Result<crate::Extent, ReadError>>,
) -> Result<Option<crate::Extent>, ReadError> {
    if extent.range.len() == step {
        next().transpose()
    } else {
        Ok(Some(extent.from(extent.range.start().saturating_add(step))))
    }
}

/// Bytes that one task of [`refine`] reads of each side at a time.
const REFINE_CHUNK: u64 = 256 << 10;
/// Chunks that are planned at a time: a damaged disk can claim to be larger than any list of its chunks.
const REFINE_WINDOW: usize = 4096;

/// Reads both sides over `areas` and keeps the units of `unit` bytes that really differ, or could not be
/// read. Reads in storage order, on all threads of the current rayon pool.
///
/// Where a gigabyte on end cannot be read, the rest of that range is kept without trying.
#[must_use]
pub fn refine<A, B>(a: &A, b: &B, areas: &RangeSet, unit: u64) -> RangeSet
where
    A: ReadAt + ?Sized,
    B: ReadAt + ?Sized,
{
    let unit = unit.clamp(1, REFINE_CHUNK);
    let mut differing = RangeSet::new();
    let mut chunks = areas.ranges().iter().flat_map(|range| chunks_of(*range, unit)).peekable();
    while chunks.peek().is_some() {
        let window: Vec<ByteRange> = chunks.by_ref().take(REFINE_WINDOW).collect();
        let results: Vec<Option<RangeSet>> = window
            .par_iter()
            .map_init(Default::default, |buffers, chunk| refine_chunk(a, b, *chunk, unit, buffers))
            .collect();
        let unreadable = results.len() == REFINE_WINDOW && results.iter().all(Option::is_none);
        for (chunk, result) in window.iter().zip(results) {
            match result {
                Some(set) => set.ranges().iter().for_each(|range| differing.insert(*range)),
                None => differing.insert(*chunk),
            }
        }
        if unreadable && let Some(last) = window.last() {
            let next = areas.ranges().partition_point(|range| range.end() <= last.end());
            let rest = areas.ranges().get(next..).unwrap_or_default();
            let (here, after) = match rest.split_first() {
                Some((range, after)) if range.start() < last.end() => (Some(*range), after),
                _ => (None, rest),
            };
            here.into_iter().for_each(|range| differing.insert(ByteRange::new(last.end(), range.end())));
            let after: RangeSet = after.iter().copied().collect();
            refine(a, b, &after, unit).ranges().iter().for_each(|range| differing.insert(*range));
            return differing;
        }
    }
    differing
}

/// The chunks of a range. They end at multiples of the unit, so that a unit is never split between two.
#[expect(clippy::arithmetic_side_effects, reason = "the unit is at least 1 and at most a chunk")]
fn chunks_of(range: ByteRange, unit: u64) -> impl Iterator<Item = ByteRange> {
    let length = REFINE_CHUNK - REFINE_CHUNK % unit;
    let mut start = range.start();
    std::iter::from_fn(move || {
        if start >= range.end() {
            return None;
        }
        let end = (start - start % unit).saturating_add(length).min(range.end());
        let chunk = ByteRange::new(start, end);
        start = end;
        Some(chunk)
    })
}

/// The differing units of a chunk; `None` when it cannot be read.
fn refine_chunk<A, B>(
    a: &A,
    b: &B,
    chunk: ByteRange,
    unit: u64,
    buffers: &mut (Vec<u8>, Vec<u8>),
) -> Option<RangeSet>
where
    A: ReadAt + ?Sized,
    B: ReadAt + ?Sized,
{
    let (left, right) = buffers;
    let length = usize::try_from(chunk.len()).ok()?;
    left.resize(length, 0);
    right.resize(length, 0);
    a.read_exact_at(chunk.start(), left).ok()?;
    b.read_exact_at(chunk.start(), right).ok()?;
    Some(differing_units(chunk, left, right, unit))
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "the unit is at least 1, and a remainder is at most what it is taken from"
)]
fn differing_units(chunk: ByteRange, left: &[u8], right: &[u8], unit: u64) -> RangeSet {
    let mut set = RangeSet::new();
    if left == right {
        return set;
    }
    let mut start = chunk.start();
    while start < chunk.end() {
        let end = (start - start % unit).saturating_add(unit).min(chunk.end());
        let index =
            |position: u64| usize::try_from(position.saturating_sub(chunk.start())).unwrap_or(usize::MAX);
        let range = index(start)..index(end);
        if left.get(range.clone()) != right.get(range) {
            set.insert(ByteRange::new(start, end));
        }
        start = end;
    }
    set
}
