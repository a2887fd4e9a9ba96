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

/// Reads both sides over `areas` and keeps the units of `unit` bytes that really differ, or could not be
/// read. Reads in storage order, on all threads of the current rayon pool.
#[must_use]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the unit is at least 1 and at most the chunk, remainders are smaller than what they are taken from"
)]
pub fn refine<A, B>(a: &A, b: &B, areas: &RangeSet, unit: u64) -> RangeSet
where
    A: ReadAt + ?Sized,
    B: ReadAt + ?Sized,
{
    let unit = unit.clamp(1, REFINE_CHUNK);
    let chunk_length = REFINE_CHUNK - REFINE_CHUNK % unit;
    let mut chunks = Vec::new();
    for range in areas.ranges() {
        let mut start = range.start();
        while start < range.end() {
            // Chunks end at multiples of the unit, so that a unit is never split between two tasks.
            let boundary = (start - start % unit).saturating_add(chunk_length);
            let end = boundary.min(range.end());
            chunks.push(ByteRange::new(start, end));
            start = end;
        }
    }
    let differing: Vec<RangeSet> = chunks
        .par_iter()
        .map_init(
            || (Vec::new(), Vec::new()),
            |(left, right), chunk| {
                let length = usize::try_from(chunk.len()).unwrap_or(0);
                left.resize(length, 0);
                right.resize(length, 0);
                let read =
                    a.read_exact_at(chunk.start(), left).and_then(|()| b.read_exact_at(chunk.start(), right));
                match read {
                    Ok(()) => differing_units(*chunk, left, right, unit),
                    Err(_) => RangeSet::of(*chunk),
                }
            },
        )
        .collect();
    differing.iter().flat_map(|set| set.ranges().iter().copied()).collect()
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
