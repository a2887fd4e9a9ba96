//! Bits as XPRESS and LZX store them: little-endian words of 16 bits, each read from its highest bit.

/// Bits that [`BitReader::refill`] guarantees.
pub(super) const REFILLED: u32 = 48;

/// Reads bits. A loop that decodes keeps a copy of its own, and lends it to no function that is not inlined, so
/// that it stays in registers.
///
/// Behind the end of the input it reads zeros, until someone asks [`BitReader::is_past_end`].
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    input: &'a [u8],
    /// Where the next word to buffer begins.
    position: usize,
    /// What was read and not consumed, from the highest bit. Below `count` bits stand either zeros or what
    /// `position` points at.
    buffer: u64,
    /// How many, in the low six bits; what stands above them is of no meaning.
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(input: &'a [u8], position: usize) -> Self {
        Self { input, position, buffer: 0, count: 0 }
    }

    /// Makes sure that at least [`REFILLED`] bits are buffered.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let bytes = match self.input.get(self.position..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => *bytes,
            None => last_bytes(self.input, self.position),
        };
        self.buffer |= words(bytes).wrapping_shr(self.count);
        // As many whole words as fit: the count keeps its low four bits and becomes 48 to 63.
        let kept = usize::from(self.count.to_le_bytes()[0] >> 4 & 3);
        self.position = self.position.wrapping_add(6).wrapping_sub(kept.wrapping_mul(2));
        self.count |= REFILLED;
    }

    /// The next `COUNT` bits, which are buffered.
    #[inline(always)]
    pub(super) fn peek<const COUNT: u32>(&self) -> usize {
        index(self.buffer.wrapping_shr(64_u32.wrapping_sub(COUNT)))
    }

    /// Drops `count` buffered bits.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.buffer = self.buffer.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// Drops as many buffered bits as the low six bits of `count` say.
    #[inline(always)]
    pub(super) fn consume_low(&mut self, count: u16) {
        self.consume(u32::from(count));
    }

    /// Takes `count` buffered bits, 0 to 32.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> usize {
        let value = (self.buffer >> 1).wrapping_shr(63_u32.wrapping_sub(count));
        self.consume(count);
        index(value)
    }

    /// Refills, and takes `count` bits, 0 to 32.
    pub(super) fn read(&mut self, count: u32) -> usize {
        self.refill();
        self.take(count)
    }

    /// Bits that are buffered.
    #[inline(always)]
    pub(super) fn buffered(&self) -> u32 {
        self.count & 63
    }

    /// Gives back words that were buffered too early, so that 16 to 31 bits remain: as many as the reader of
    /// the specification has after a symbol. Bytes between the words then begin at [`BitReader::position`].
    pub(super) fn give_back(&mut self) {
        // The last symbol may have left less than 16.
        self.refill();
        let early = (self.buffered() >> 4).saturating_sub(1);
        self.count = self.buffered().wrapping_sub(early.wrapping_mul(16));
        self.position = self.position.wrapping_sub(index(u64::from(early)).wrapping_mul(2));
        self.buffer &= u64::MAX.wrapping_shl(64_u32.wrapping_sub(self.count));
    }

    /// Where the next word begins.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Takes whole bytes from where the next word begins.
    pub(super) fn bytes<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let bytes = *self.input.get(self.position..)?.first_chunk()?;
        self.position = self.position.wrapping_add(COUNT);
        Some(bytes)
    }

    /// Takes `count` whole bytes from where the next word begins.
    pub(super) fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.input.get(self.position..)?.get(..count)?;
        self.position = self.position.wrapping_add(count);
        Some(bytes)
    }

    /// Drops what is left of the current word; a whole one when none has begun, as LZX has it.
    pub(super) fn drop_word(&mut self) {
        let bits = self.position.wrapping_mul(8).wrapping_sub(index(u64::from(self.buffered())));
        self.position = (bits >> 4).wrapping_add(1).wrapping_mul(2);
        (self.buffer, self.count) = (0, 0);
    }

    /// Whether bits were consumed of a word that the input does not have whole.
    pub(super) fn is_past_end(&self) -> bool {
        let untouched = index(u64::from(self.buffered() >> 4)).wrapping_mul(2);
        self.position.saturating_sub(untouched) > self.input.len()
    }
}

/// What the input has from `position` on, less than eight bytes, and zeros.
#[cold]
fn last_bytes(input: &[u8], position: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    let rest = input.get(position..).unwrap_or_default();
    for (byte, stored) in bytes.iter_mut().zip(rest) {
        *byte = *stored;
    }
    bytes
}

/// Four words with the first on top.
#[inline(always)]
fn words(bytes: [u8; 8]) -> u64 {
    const EVEN: u64 = 0x0000_FFFF_0000_FFFF;
    let swapped = u64::from_le_bytes(bytes).rotate_left(32);
    ((swapped & EVEN) << 16) | ((swapped >> 16) & EVEN)
}

/// A value of at most 32 bits as an index; wider ones do not occur.
#[inline(always)]
fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(0)
}
