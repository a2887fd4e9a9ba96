//! Compressed blocks of LZX: their Huffman codes, and what those encode.

use super::super::bits::BitReader;
use super::super::copy::repeat;
use super::super::huffman::{Accept, Code};
use super::DecodeError;

const LITERALS: usize = 256;
/// Ranges of offsets, by the window's size.
const OFFSET_SLOTS: usize = 30;
/// Lengths of matches that a symbol of the main code can hold; the last one stands for "see the length code".
const LENGTH_HEADERS: usize = 8;
const MAIN_SYMBOLS: usize = LITERALS + OFFSET_SLOTS * LENGTH_HEADERS;
const LENGTH_SYMBOLS: usize = 249;
const ALIGNED_SYMBOLS: usize = 8;
const PRETREE_SYMBOLS: usize = 20;
/// Bytes of the shortest match.
const SHORTEST: usize = 2;
/// Low bits of an offset that the aligned offset code encodes.
const ALIGNED_BITS: u32 = 3;
/// Offsets that the first slots stand for: the last three used. Other offsets are stored greater by two.
const RECENT: usize = 3;
const OFFSET_BIAS: u32 = 2;

/// Symbols of the pretree: up to 16 a difference, then three kinds of runs.
const MOST_DIFFERENCE: usize = 16;
const SHORT_ZEROS: usize = 17;
const LONG_ZEROS: usize = 18;

/// First offset, still biased, and number of further bits, of each slot.
const SLOTS: [(u32, u32); OFFSET_SLOTS] = slots();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn slots() -> [(u32, u32); OFFSET_SLOTS] {
    let mut slots = [(0, 0); OFFSET_SLOTS];
    let (mut slot, mut base) = (0, 0);
    while slot < OFFSET_SLOTS {
        let mut bits = 0;
        let mut half = slot / 2;
        while half > 1 {
            bits += 1;
            half -= 1;
        }
        slots[slot] = (base, bits);
        base += 1 << bits;
        slot += 1;
    }
    slots
}

/// The codes of a block. Their lengths are stored as differences from those of the block before.
pub(super) struct Codes {
    main_lengths: [u8; MAIN_SYMBOLS],
    length_lengths: [u8; LENGTH_SYMBOLS],
    main: Code<MAIN_SYMBOLS, 2048>,
    length: Code<LENGTH_SYMBOLS, 1024>,
    aligned: Code<ALIGNED_SYMBOLS, 128>,
}

impl Codes {
    pub(super) const fn new() -> Self {
        Self {
            main_lengths: [0; MAIN_SYMBOLS],
            length_lengths: [0; LENGTH_SYMBOLS],
            main: Code::empty("main"),
            length: Code::empty("length"),
            aligned: Code::empty("aligned offset"),
        }
    }

    /// Reads the codes that a block begins with.
    pub(super) fn read(&mut self, bits: &mut BitReader<'_>, aligned: bool) -> Result<(), DecodeError> {
        if aligned {
            let mut lengths = [0; ALIGNED_SYMBOLS];
            read_plain(bits, 3, &mut lengths);
            self.aligned.set(&lengths, Accept::Few)?;
        }
        let (literals, matches) = self.main_lengths.split_at_mut(LITERALS);
        read_differences(bits, literals)?;
        read_differences(bits, matches)?;
        self.main.set(&self.main_lengths, Accept::Few)?;
        read_differences(bits, &mut self.length_lengths)?;
        self.length.set(&self.length_lengths, Accept::Few)
    }
}

fn read_plain(bits: &mut BitReader<'_>, width: u32, lengths: &mut [u8]) {
    for length in lengths {
        *length = bits.read(width).to_le_bytes()[0];
    }
}

/// Reads code lengths by means of a code of their own, the pretree.
fn read_differences(bits: &mut BitReader<'_>, lengths: &mut [u8]) -> Result<(), DecodeError> {
    let mut plain = [0; PRETREE_SYMBOLS];
    read_plain(bits, 4, &mut plain);
    let mut pretree: Code<PRETREE_SYMBOLS, 64> = Code::empty("pretree");
    pretree.set(&plain, Accept::Few)?;
    let mut place = 0_usize;
    while let Some(old) = lengths.get(place).copied() {
        bits.refill();
        let symbol = pretree.decode(bits)?;
        let (length, count) = match symbol {
            SHORT_ZEROS => (0, bits.take(4).wrapping_add(4)),
            LONG_ZEROS => (0, bits.take(5).wrapping_add(20)),
            0..=MOST_DIFFERENCE => (less(old, symbol), 1),
            _ => {
                let count = bits.take(1).wrapping_add(4);
                (difference(&pretree, bits, old)?, count)
            }
        };
        let room = lengths.len().wrapping_sub(place);
        let end = place.wrapping_add(count);
        let run = lengths.get_mut(place..end);
        run.ok_or(DecodeError::Length { position: place, length: count, room })?.fill(length);
        place = end;
    }
    Ok(())
}

/// The length of a run: a difference that follows the run's own symbol.
fn difference(
    pretree: &Code<PRETREE_SYMBOLS, 64>,
    bits: &mut BitReader<'_>,
    old: u8,
) -> Result<u8, DecodeError> {
    match pretree.decode(bits)? {
        symbol @ 0..=MOST_DIFFERENCE => Ok(less(old, symbol)),
        symbol => {
            let found = u32::try_from(symbol).unwrap_or(0);
            Err(DecodeError::Value { structure: "code length difference", found })
        }
    }
}

/// `old` less `difference`, of 17 values that wrap around.
fn less(old: u8, difference: usize) -> u8 {
    let difference = difference.to_le_bytes()[0];
    old.checked_sub(difference).unwrap_or_else(|| old.wrapping_add(17).wrapping_sub(difference))
}

/// Offsets used last.
type Recent = [u32; RECENT];

/// Decodes literals and matches into `output` from `position` on. Returns the offsets used last.
pub(super) fn decode<const ALIGNED: bool>(
    codes: &Codes,
    recent: Recent,
    bits: &mut BitReader<'_>,
    output: &mut [u8],
    position: usize,
) -> Result<Recent, DecodeError> {
    let (mut own, mut own_recent) = (*bits, recent);
    let result = symbols::<ALIGNED>(codes, &mut own_recent, &mut own, output, position);
    *bits = own;
    result.map(|()| own_recent)
}

/// The loop of [`decode`], on copies that stay in registers.
#[inline(always)]
fn symbols<const ALIGNED: bool>(
    codes: &Codes,
    recent: &mut Recent,
    bits: &mut BitReader<'_>,
    output: &mut [u8],
    mut position: usize,
) -> Result<(), DecodeError> {
    while position < output.len() {
        bits.refill();
        let mut symbol = codes.main.decode(bits)?;
        if put(symbol, output, &mut position) {
            if position >= output.len() {
                break;
            }
            // The buffer holds 48 bits, which are three symbols.
            symbol = codes.main.decode(bits)?;
            if put(symbol, output, &mut position) {
                if position >= output.len() {
                    break;
                }
                symbol = codes.main.decode(bits)?;
                if put(symbol, output, &mut position) {
                    continue;
                }
                bits.refill();
            }
        }
        let mut length = (symbol & 7).wrapping_add(SHORTEST);
        if symbol & 7 == 7 {
            length = length.wrapping_add(codes.length.decode(bits)?);
        }
        let slot = symbol.wrapping_sub(LITERALS) >> 3;
        let offset = offset::<ALIGNED>(codes, recent, bits, slot)?;
        repeat(output, position, usize::try_from(offset).unwrap_or(usize::MAX), length)?;
        position = position.wrapping_add(length);
    }
    Ok(())
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

/// The offset of a match: one of those used last, or a new one.
#[inline(always)]
fn offset<const ALIGNED: bool>(
    codes: &Codes,
    recent: &mut Recent,
    bits: &mut BitReader<'_>,
    slot: usize,
) -> Result<u32, DecodeError> {
    if slot < RECENT {
        // The format swaps, where a list of the most recent would rotate.
        recent.swap(0, slot);
        return Ok(recent[0]);
    }
    let (base, more) = SLOTS.get(slot).copied().unwrap_or_default();
    if bits.buffered() < 18 {
        bits.refill();
    }
    let low = if ALIGNED && more >= ALIGNED_BITS {
        let high = bits.take(more.wrapping_sub(ALIGNED_BITS)) << ALIGNED_BITS;
        if bits.buffered() < 16 {
            bits.refill();
        }
        high | codes.aligned.decode(bits)?
    } else {
        bits.take(more)
    };
    let low = u32::try_from(low).unwrap_or(0);
    let offset = base.wrapping_add(low).wrapping_sub(OFFSET_BIAS);
    *recent = [offset, recent[0], recent[1]];
    Ok(offset)
}
