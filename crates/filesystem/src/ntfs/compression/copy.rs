//! Matches: bytes of the output again.

use super::DecodeError;

/// Bytes that are copied at once, whether all are needed or not: what is too much is overwritten by what follows.
const WIDE: usize = 16;
const HALF: usize = 8;

/// Writes at `position` the `length` bytes that lie `offset` before it, each as it is when its turn comes.
#[inline(always)]
pub(super) fn repeat(
    output: &mut [u8],
    position: usize,
    offset: usize,
    length: usize,
) -> Result<(), DecodeError> {
    let from = position.wrapping_sub(offset);
    if offset >= WIDE && length <= WIDE && from < position && copy::<WIDE>(output, from, position).is_some() {
        return Ok(());
    }
    repeat_checked(output, position, offset, length)
}

/// Copies `COUNT` bytes, when there is room for them.
#[inline(always)]
fn copy<const COUNT: usize>(output: &mut [u8], from: usize, to: usize) -> Option<()> {
    let (before, after) = output.split_at_mut_checked(to)?;
    let target = after.first_chunk_mut::<COUNT>()?;
    *target = *before.get(from..)?.first_chunk()?;
    Some(())
}

/// The rarer cases: matches that are long, or overlap what they are copied from, or end near the output's end.
fn repeat_checked(
    output: &mut [u8],
    position: usize,
    offset: usize,
    length: usize,
) -> Result<(), DecodeError> {
    let room = output.len().saturating_sub(position);
    if length > room {
        return Err(DecodeError::Length { position, length, room });
    }
    if offset > position || offset == 0 {
        return Err(DecodeError::Offset { position, offset });
    }
    if length <= 2 * WIDE && room >= 3 * WIDE {
        short(output, position, offset, length);
        return Ok(());
    }
    let (before, after) = output.split_at_mut_checked(position).unwrap_or_default();
    let source = before.get(position.wrapping_sub(offset)..).unwrap_or_default();
    let target = after.get_mut(..length).unwrap_or_default();
    match source.get(..length) {
        Some(source) => target.copy_from_slice(source),
        None => extend(source, target),
    }
    Ok(())
}

/// At most 32 bytes; there is room for 48.
#[inline(always)]
fn short(output: &mut [u8], position: usize, offset: usize, length: usize) {
    let from = position.wrapping_sub(offset);
    let end = position.wrapping_add(length);
    if offset >= WIDE {
        copy::<WIDE>(output, from, position);
        copy::<WIDE>(output, from.wrapping_add(WIDE), position.wrapping_add(WIDE));
        return;
    }
    let mut to = position;
    if offset >= HALF {
        while to < end {
            copy::<HALF>(output, to.wrapping_sub(offset), to);
            to = to.wrapping_add(HALF);
        }
        return;
    }
    let pattern = output.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    let (pattern, step) = periods(pattern, offset);
    while to < end {
        if let Some(target) = output.get_mut(to..).and_then(|rest| rest.first_chunk_mut::<HALF>()) {
            *target = pattern;
        }
        to = to.wrapping_add(step);
    }
}

/// Eight bytes that repeat the first `period` of `bytes`, and how many of them are whole periods.
#[inline(always)]
fn periods(bytes: [u8; HALF], period: usize) -> ([u8; HALF], usize) {
    const STEPS: [u8; HALF] = [8, 8, 8, 6, 8, 5, 6, 7];
    let bits = u32::from(period.to_le_bytes()[0]).wrapping_mul(8);
    let mut pattern = u64::from_le_bytes(bytes) & 1_u64.wrapping_shl(bits).wrapping_sub(1);
    for bits in [bits, bits.wrapping_mul(2), bits.wrapping_mul(4)] {
        pattern |= pattern.checked_shl(bits).unwrap_or(0);
    }
    (pattern.to_le_bytes(), STEPS.get(period).copied().map_or(HALF, usize::from))
}

/// Fills `target`, which follows `pattern`, with more of it.
fn extend(pattern: &[u8], target: &mut [u8]) {
    if let [byte] = pattern {
        target.fill(*byte);
        return;
    }
    let Some((first, _)) = target.split_at_mut_checked(pattern.len()) else { return };
    first.copy_from_slice(pattern);
    let mut done = pattern.len();
    while let Some((known, rest)) = target.split_at_mut_checked(done)
        && !rest.is_empty()
    {
        let count = known.len().min(rest.len());
        if let (Some(known), Some(rest)) = (known.get(..count), rest.get_mut(..count)) {
            rest.copy_from_slice(known);
        }
        done = done.saturating_add(count);
    }
}
