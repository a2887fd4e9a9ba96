//! Canonical Huffman codes of at most 16 bits, decoded by table.

use super::DecodeError;
use super::bits::BitReader;

/// Longest code of any format here.
const LONGEST: usize = 16;

/// Which sets of code lengths are a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    /// Only those that use every bit pattern.
    Complete,
    /// Also no code at all, and a single one: for alphabets of which a block may need nothing, or one symbol.
    Few,
}

/// A code for `SYMBOLS` symbols. `ENTRIES` is a power of two: its logarithm is the length up to which one look
/// into a table is enough.
pub(super) struct Code<const SYMBOLS: usize, const ENTRIES: usize> {
    name: &'static str,
    /// By the next bits: `symbol << 6 | length`, or 0 where the code is longer, or none. Six bits, as that many
    /// are what a shift of 64 bits looks at.
    entries: [u16; ENTRIES],
    /// Symbols by the length of their codes, then by value.
    sorted: [u16; SYMBOLS],
    /// For each length, the first 16 bits that are greater than every code of at most that length.
    ends: [u32; LONGEST + 1],
    /// For each length, the place in `sorted` of its first symbol.
    starts: [u16; LONGEST + 1],
}

impl<const SYMBOLS: usize, const ENTRIES: usize> Code<SYMBOLS, ENTRIES> {
    const PRIMARY: u32 = ENTRIES.trailing_zeros();

    /// A code without symbols, called `name` in errors.
    pub(super) const fn empty(name: &'static str) -> Self {
        Self {
            name,
            entries: [0; ENTRIES],
            sorted: [0; SYMBOLS],
            ends: [0; LONGEST + 1],
            starts: [0; LONGEST + 1],
        }
    }

    /// Makes the code whose symbols have these lengths, of which 0 is "not used".
    pub(super) fn set(&mut self, lengths: &[u8; SYMBOLS], accept: Accept) -> Result<(), DecodeError> {
        let mut used = [(0, 0); SYMBOLS];
        let used = compact(lengths, &mut used);
        let mut counts = [0_u16; LONGEST + 1];
        for (_, length) in used {
            if let Some(count) = counts.get_mut(usize::from(*length)) {
                *count = count.wrapping_add(1);
            }
        }
        self.divide(&counts, accept)?;
        self.sort(used);
        self.fill(&counts);
        Ok(())
    }

    /// Gives each length its part of the 65536 patterns of 16 bits, and of `sorted`.
    fn divide(&mut self, counts: &[u16; LONGEST + 1], accept: Accept) -> Result<(), DecodeError> {
        let (mut end, mut start) = (0_u32, 0_u16);
        let lengths = counts.iter().zip(&mut self.ends).zip(&mut self.starts).zip((0..=16_u32).rev());
        for (((count, end_of_length), start_of_length), shift) in lengths {
            // At most 512 codes of 2^15 patterns: no overflow.
            end = end.wrapping_add(u32::from(*count).wrapping_shl(shift));
            *end_of_length = end;
            *start_of_length = start;
            start = start.wrapping_add(*count);
        }
        let enough = end == 1 << 16 || (accept == Accept::Few && start <= 1);
        if enough { Ok(()) } else { Err(DecodeError::CodeLengths { code: self.name }) }
    }

    fn sort(&mut self, used: &[(u16, u8)]) {
        let mut next = self.starts;
        for (symbol, length) in used {
            if let Some(next) = next.get_mut(usize::from(*length))
                && let Some(place) = self.sorted.get_mut(usize::from(*next))
            {
                *place = *symbol;
                *next = next.wrapping_add(1);
            }
        }
    }

    /// Fills the table. Codes count upwards, so that their entries follow each other.
    fn fill(&mut self, counts: &[u16; LONGEST + 1]) {
        let mut entries = self.entries.as_mut_slice();
        let mut symbols = self.sorted.as_slice();
        for (length, count) in (0_u16..).zip(counts).take(index(Self::PRIMARY).saturating_add(1)).skip(1) {
            let width = ENTRIES.wrapping_shr(u32::from(length));
            let (these, rest) = symbols.split_at_checked(usize::from(*count)).unwrap_or_default();
            symbols = rest;
            let span = these.len().wrapping_mul(width);
            let Some((part, rest)) = std::mem::take(&mut entries).split_at_mut_checked(span) else { return };
            entries = rest;
            match width {
                1 => spread::<1>(part, width, these, length),
                2 => spread::<2>(part, width, these, length),
                4 => spread::<4>(part, width, these, length),
                _ => spread::<8>(part, width, these, length),
            }
        }
        entries.fill(0);
    }

    /// Takes one symbol. At least 16 bits are buffered.
    #[inline(always)]
    pub(super) fn decode(&self, bits: &mut BitReader<'_>) -> Result<usize, DecodeError> {
        let entry = self.entries.get(Self::primary(bits)).copied().unwrap_or(0);
        if entry == 0 {
            let (symbol, length) = self.decode_long(bits.peek::<16>())?;
            bits.consume(length);
            return Ok(symbol);
        }
        bits.consume_low(entry);
        Ok(usize::from(entry >> 6))
    }

    #[inline(always)]
    fn primary(bits: &BitReader<'_>) -> usize {
        // The compiler sees that this is less than ENTRIES, and drops the check.
        bits.peek::<16>().wrapping_shr(16_u32.wrapping_sub(Self::PRIMARY))
    }

    /// The symbol that the next 16 bits begin with, and the length of its code.
    #[cold]
    #[inline(never)]
    fn decode_long(&self, next: usize) -> Result<(usize, u32), DecodeError> {
        let pattern = u32::try_from(next).unwrap_or(0);
        let lengths =
            self.ends.iter().zip(self.ends.iter().skip(1)).zip(self.starts.iter().skip(1)).zip(1_u32..);
        for (((begin, end), start), length) in lengths {
            if pattern < *end {
                let nth = pattern.wrapping_sub(*begin).wrapping_shr(16_u32.wrapping_sub(length));
                let symbol = self.sorted.get(usize::from(*start).wrapping_add(index(nth)));
                let symbol = symbol.ok_or(DecodeError::UndefinedCode { code: self.name })?;
                return Ok((usize::from(*symbol), length));
            }
        }
        Err(DecodeError::UndefinedCode { code: self.name })
    }
}

/// The symbols whose length is not 0, with it, gathered without a branch: which they are is hard to predict.
fn compact<'a, const SYMBOLS: usize>(
    lengths: &[u8; SYMBOLS],
    used: &'a mut [(u16, u8); SYMBOLS],
) -> &'a [(u16, u8)] {
    let mut count = 0_usize;
    for (symbol, length) in (0_u16..).zip(lengths) {
        if let Some(place) = used.get_mut(count) {
            *place = (symbol, *length);
        }
        count = count.wrapping_add(usize::from(*length != 0));
    }
    used.get(..count).unwrap_or_default()
}

/// Writes `width` entries, a multiple of `STEP`, for each symbol.
#[inline(always)]
fn spread<const STEP: usize>(part: &mut [u16], width: usize, symbols: &[u16], length: u16) {
    for (part, symbol) in part.chunks_exact_mut(width).zip(symbols) {
        for entries in part.as_chunks_mut::<STEP>().0 {
            *entries = [symbol << 6 | length; STEP];
        }
    }
}

fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(0)
}
