//! XPRESS Huffman: LZ77 with one Huffman code for literals and matches, a new one every 64 KiB.

use super::DecodeError;
use super::bits::BitReader;
use super::copy::repeat;
use super::huffman::{Accept, Code};

/// Symbols: 256 literals, then 16 lengths for each of 16 magnitudes of offsets.
const SYMBOLS: usize = 512;
/// Bytes that hold the length of each symbol's code, two a byte.
const TABLE: usize = SYMBOLS / 2;
/// Output after which a new code is read.
const BLOCK: usize = 1 << 16;
/// Bytes of the shortest match.
const SHORTEST: usize = 3;
/// The length in a symbol that says: longer, see the bytes between the words.
const LONG: usize = 15;

type SymbolCode = Code<SYMBOLS, 2048>;

/// Fills `output`.
///
/// What follows in `input` is not looked at: encoders add a symbol that marks the end.
///
/// # Errors
/// When the input is not what the format asks for, or ends too early.
pub fn decompress(input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
    let mut code = SymbolCode::empty("symbol");
    let (mut start, mut position) = (0, 0);
    while position < output.len() {
        let table = input.get(start..).and_then(|rest| rest.first_chunk()).ok_or(DecodeError::InputEnds)?;
        code.set(&lengths(table), Accept::Complete)?;
        let mut bits = BitReader::new(input, start.saturating_add(TABLE));
        let end = position.saturating_add(BLOCK).min(output.len());
        let result = block(&code, &mut bits, output, position, end);
        // Damage met behind the end of the input is not the input's.
        if bits.is_past_end() {
            return Err(DecodeError::InputEnds);
        }
        position = result?;
        bits.give_back();
        start = bits.position();
    }
    Ok(())
}

fn lengths(table: &[u8; TABLE]) -> [u8; SYMBOLS] {
    let mut lengths = [0; SYMBOLS];
    for (pair, packed) in lengths.as_chunks_mut().0.iter_mut().zip(table) {
        *pair = [packed & 15, packed >> 4];
    }
    lengths
}

/// Decodes from `position` to `end`, and returns where it came to: a match may reach over the end of its block.
fn block(
    code: &SymbolCode,
    bits: &mut BitReader<'_>,
    output: &mut [u8],
    position: usize,
    end: usize,
) -> Result<usize, DecodeError> {
    let mut own = *bits;
    let result = symbols(code, &mut own, output, position, end);
    *bits = own;
    result
}

/// The loop of [`block`], on a copy of the reader that stays in registers.
#[inline(always)]
fn symbols(
    code: &SymbolCode,
    bits: &mut BitReader<'_>,
    output: &mut [u8],
    mut position: usize,
    end: usize,
) -> Result<usize, DecodeError> {
    while position < end {
        bits.refill();
        let mut symbol = code.decode(bits)?;
        if put(symbol, output, &mut position) {
            if position >= end {
                break;
            }
            // The buffer holds 48 bits, which are three symbols.
            symbol = code.decode(bits)?;
            if put(symbol, output, &mut position) {
                if position >= end {
                    break;
                }
                symbol = code.decode(bits)?;
                if put(symbol, output, &mut position) {
                    continue;
                }
                bits.refill();
            }
        }
        let mut length = symbol & 15;
        let magnitude = u32::from(symbol.to_le_bytes()[0] >> 4);
        if length == LONG {
            (length, *bits) = long_length(*bits)?;
        }
        length = length.wrapping_add(SHORTEST);
        let offset = 1_usize.wrapping_shl(magnitude) | bits.take(magnitude);
        repeat(output, position, offset, length)?;
        position = position.wrapping_add(length);
    }
    Ok(position)
}

/// Writes a symbol that is a literal.
#[inline(always)]
fn put(symbol: usize, output: &mut [u8], position: &mut usize) -> bool {
    let Ok(literal) = u8::try_from(symbol) else { return false };
    if let Some(byte) = output.get_mut(*position) {
        *byte = literal;
    }
    *position = position.wrapping_add(1);
    true
}

/// A length that its symbol cannot hold: in one byte, in two, or in four.
#[cold]
fn long_length(mut bits: BitReader<'_>) -> Result<(usize, BitReader<'_>), DecodeError> {
    bits.give_back();
    let [byte] = bits.bytes().ok_or(DecodeError::InputEnds)?;
    if byte < u8::MAX {
        return Ok((usize::from(byte).wrapping_add(LONG), bits));
    }
    let mut length = u32::from(u16::from_le_bytes(bits.bytes().ok_or(DecodeError::InputEnds)?));
    if length == 0 {
        length = u32::from_le_bytes(bits.bytes().ok_or(DecodeError::InputEnds)?);
    }
    match usize::try_from(length) {
        // The shortest is left to the symbol, so a shorter one here is damage.
        Ok(wide) if (LONG..usize::MAX - SHORTEST).contains(&wide) => Ok((wide, bits)),
        _ => Err(DecodeError::Value { structure: "match length", found: length }),
    }
}
