//! Matches: bytes of the output again.

use super::DecodeError;

/// Bytes that are copied at once, whether all are needed or not: what is too much is overwritten by what follows.
const WIDE: usize = 16;

/// Writes at `position` the `length` bytes that lie `offset` before it, each as it is when its turn comes.
#[inline(always)]
pub(super) fn repeat(
    output: &mut [u8],
    position: usize,
    offset: usize,
    length: usize,
) -> Result<(), DecodeError> {
    let past = || DecodeError::Length { position, length, room: 0 };
    let (before, after) = output.split_at_mut_checked(position).ok_or_else(past)?;
    let from = position.wrapping_sub(offset);
    let source = before.get(from..).unwrap_or_default();
    if offset >= WIDE
        && length <= WIDE
        && let Some(source) = source.first_chunk::<WIDE>()
        && let Some(target) = after.first_chunk_mut::<WIDE>()
    {
        *target = *source;
        return Ok(());
    }
    if source.is_empty() {
        return Err(DecodeError::Offset { position, offset });
    }
    let room = after.len();
    let target = after.get_mut(..length).ok_or(DecodeError::Length { position, length, room })?;
    match source.get(..length) {
        Some(source) => target.copy_from_slice(source),
        None => extend(source, target),
    }
    Ok(())
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
