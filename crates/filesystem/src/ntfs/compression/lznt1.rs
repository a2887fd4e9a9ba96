//! LZNT1: LZ77 without an entropy code, in chunks of 4 KiB that stand alone.

use super::DecodeError;
use super::copy::repeat;

/// Bytes that a chunk decodes to.
const CHUNK: usize = 4096;
/// In a chunk's header: the rest is compressed.
const COMPRESSED: u16 = 0x8000;
/// In a chunk's header: these bits are always…
const SIGNATURE_MASK: u16 = 0x7000;
/// …this.
const SIGNATURE: u16 = 0x3000;
/// In a chunk's header: bytes that follow it, less one.
const SIZE_MASK: u16 = 0x0FFF;
/// Bytes of the shortest match.
const SHORTEST: usize = 3;

/// Decodes chunks until `output` is full, a header is zero, or `input` ends; the rest of `output` becomes zeros.
/// Returns where the last chunk ended.
///
/// A chunk that yields less than 4 KiB is followed by zeros up to its next 4 KiB, as Windows has it.
///
/// # Errors
/// When a chunk is not what the format asks for, or ends after `input`.
pub fn decompress(mut input: &[u8], output: &mut [u8]) -> Result<usize, DecodeError> {
    let mut end = 0;
    let mut chunks = output.chunks_mut(CHUNK).zip((0..).step_by(CHUNK));
    for (chunk, start) in &mut chunks {
        let Some(stored) = next_chunk(input)? else {
            chunk.fill(0);
            break;
        };
        input = stored.rest;
        let length = if stored.is_compressed {
            expand(stored.body, chunk).map_err(|error| moved(error, start))?
        } else {
            copy(stored.body, chunk)
        };
        chunk.get_mut(length..).unwrap_or_default().fill(0);
        end = length.wrapping_add(start);
    }
    chunks.for_each(|(chunk, _)| chunk.fill(0));
    Ok(end)
}

/// A chunk as it is stored.
struct Stored<'a> {
    body: &'a [u8],
    is_compressed: bool,
    /// What follows it.
    rest: &'a [u8],
}

/// The first chunk, unless there is none.
fn next_chunk(input: &[u8]) -> Result<Option<Stored<'_>>, DecodeError> {
    let Some((header, rest)) = input.split_first_chunk() else { return Ok(None) };
    let header = u16::from_le_bytes(*header);
    if header == 0 {
        return Ok(None);
    }
    if header & SIGNATURE_MASK != SIGNATURE {
        return Err(DecodeError::Value { structure: "chunk signature", found: header.into() });
    }
    let size = usize::from(header & SIZE_MASK).wrapping_add(1);
    let (body, rest) = rest.split_at_checked(size).ok_or(DecodeError::InputEnds)?;
    Ok(Some(Stored { body, is_compressed: header & COMPRESSED != 0, rest }))
}

/// An error of a chunk that begins at `start`.
fn moved(error: DecodeError, start: usize) -> DecodeError {
    match error {
        DecodeError::Length { position, length, room } => {
            DecodeError::Length { position: position.wrapping_add(start), length, room }
        }
        other => other,
    }
}

/// What a chunk holds that was not compressed, as far as there is room.
fn copy(body: &[u8], chunk: &mut [u8]) -> usize {
    for (byte, stored) in chunk.iter_mut().zip(body) {
        *byte = *stored;
    }
    chunk.len().min(body.len())
}

/// Decodes a compressed chunk, and returns how much it yields.
fn expand(mut body: &[u8], chunk: &mut [u8]) -> Result<usize, DecodeError> {
    let mut position = 0_usize;
    while let Some((flags, rest)) = body.split_first() {
        body = rest;
        if *flags == 0
            && let Some((literals, rest)) = body.split_first_chunk::<8>()
            && let Some(target) = chunk.get_mut(position..).and_then(|rest| rest.first_chunk_mut())
        {
            *target = *literals;
            body = rest;
            position = position.wrapping_add(8);
            continue;
        }
        let before = position;
        position = group(*flags, &mut body, chunk, position)?;
        if position == before {
            break;
        }
    }
    Ok(position)
}

/// Decodes up to eight literals and matches, told apart by `flags`, and returns where they end.
fn group(flags: u8, body: &mut &[u8], chunk: &mut [u8], mut position: usize) -> Result<usize, DecodeError> {
    // The marker above the flags ends the loop.
    let mut flags = u16::from(flags) | 0x100;
    while flags != 1 {
        let is_match = flags & 1 != 0;
        flags >>= 1;
        if is_match {
            let Some((token, rest)) = body.split_first_chunk() else {
                return if body.is_empty() { Ok(position) } else { Err(DecodeError::InputEnds) };
            };
            *body = rest;
            let (offset, length) = split(u16::from_le_bytes(*token), position);
            let length = fitting(length, chunk, position)?;
            repeat(chunk, position, offset, length)?;
            position = position.wrapping_add(length);
        } else {
            let Some((literal, rest)) = body.split_first() else { return Ok(position) };
            *body = rest;
            let Some(byte) = chunk.get_mut(position) else {
                return fitting(1, chunk, position).map(|_| position);
            };
            *byte = *literal;
            position = position.wrapping_add(1);
        }
    }
    Ok(position)
}

/// Offset and length of a match at `position` of its chunk: the further on, the more bits has the offset.
#[inline(always)]
fn split(token: u16, position: usize) -> (usize, usize) {
    let reach = u16::try_from(position).unwrap_or(u16::MAX).saturating_sub(1);
    let offset_bits = 16_u32.wrapping_sub(reach.leading_zeros()).clamp(4, 12);
    let length_bits = 16_u32.wrapping_sub(offset_bits);
    let offset = usize::from(token.wrapping_shr(length_bits)).wrapping_add(1);
    let length = usize::from(token & 0xFFFF_u16.wrapping_shr(offset_bits)).wrapping_add(SHORTEST);
    (offset, length)
}

/// As much of `length` as there is room for. Only a chunk that the output cuts short may hold more than that.
#[inline(always)]
fn fitting(length: usize, chunk: &[u8], position: usize) -> Result<usize, DecodeError> {
    let room = chunk.len().saturating_sub(position);
    if length > room && chunk.len() == CHUNK {
        return Err(DecodeError::Length { position, length, room });
    }
    Ok(length.min(room))
}
