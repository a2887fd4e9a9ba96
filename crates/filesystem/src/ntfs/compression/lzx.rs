//! LZX as WIM files and the overlay filter have it: chunks that stand alone, of at most 32 KiB.
//!
//! It differs from that of cabinets and of [MS-PATCH]: the size of a block is 32 KiB when one bit says so, and has
//! 16 bits otherwise; targets of calls are always translated, as if the file had 12,000,000 bytes; the window does
//! not slide.

mod block;
mod calls;

use super::DecodeError;
use super::bits::BitReader;
use block::Codes;

/// Most bytes that a chunk decodes to.
pub const MAX_CHUNK: usize = 1 << 15;

const VERBATIM: usize = 1;
const ALIGNED: usize = 2;
const UNCOMPRESSED: usize = 3;

/// What a block begins with.
struct Header {
    kind: usize,
    size: usize,
}

/// Fills `output`, which is one chunk.
///
/// # Errors
/// When the input is not what the format asks for, or ends too early; when `output` is longer than [`MAX_CHUNK`].
pub fn decompress(input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
    if output.len() > MAX_CHUNK {
        return Err(DecodeError::Length { position: 0, length: output.len(), room: MAX_CHUNK });
    }
    let mut bits = BitReader::new(input, 0);
    let result = blocks(&mut bits, output);
    // Damage met behind the end of the input is not the input's.
    if bits.is_past_end() {
        return Err(DecodeError::InputEnds);
    }
    result?;
    calls::restore(output);
    Ok(())
}

fn blocks(bits: &mut BitReader<'_>, output: &mut [u8]) -> Result<(), DecodeError> {
    let mut codes = Codes::new();
    let mut recent = [1; 3];
    let mut position = 0_usize;
    while position < output.len() {
        let header = header(bits)?;
        let room = output.len().wrapping_sub(position);
        if header.size > room || header.size == 0 {
            return Err(DecodeError::Length { position, length: header.size, room });
        }
        let end = position.wrapping_add(header.size);
        // What is behind the block is not the block's to write.
        let part = output.get_mut(..end).unwrap_or_default();
        match header.kind {
            UNCOMPRESSED => recent = stored(bits, part.get_mut(position..).unwrap_or_default())?,
            kind => {
                codes.read(bits, kind == ALIGNED)?;
                recent = if kind == ALIGNED {
                    block::decode::<true>(&codes, recent, bits, part, position)?
                } else {
                    block::decode::<false>(&codes, recent, bits, part, position)?
                };
            }
        }
        position = end;
    }
    Ok(())
}

fn header(bits: &mut BitReader<'_>) -> Result<Header, DecodeError> {
    let kind = bits.read(3);
    if !matches!(kind, VERBATIM | ALIGNED | UNCOMPRESSED) {
        let found = u32::try_from(kind).unwrap_or(0);
        return Err(DecodeError::Value { structure: "block type", found });
    }
    let size = if bits.take(1) == 1 { MAX_CHUNK } else { bits.read(16) };
    Ok(Header { kind, size })
}

/// An uncompressed block: three offsets for matches in later blocks, then the bytes.
fn stored(bits: &mut BitReader<'_>, output: &mut [u8]) -> Result<[u32; 3], DecodeError> {
    bits.drop_word();
    let mut recent = [0; 3];
    for offset in &mut recent {
        *offset = u32::from_le_bytes(bits.bytes().ok_or(DecodeError::InputEnds)?);
        if *offset == 0 {
            return Err(DecodeError::Value { structure: "recent offset", found: 0 });
        }
    }
    let bytes = bits.slice(output.len()).ok_or(DecodeError::InputEnds)?;
    output.copy_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        // Words begin at even places. At the end of the chunk the byte may be missing.
        let _: Option<[u8; 1]> = bits.bytes();
    }
    Ok(recent)
}
