//! Bitmaps of clusters, the lowest bit of each byte first.

use vminspect_bytes::ByteRange;

/// The runs of set bits, counted from `first`, the number of the first bit.
pub(crate) fn set_ranges(bits: &[u8], first: u64) -> impl Iterator<Item = ByteRange> + '_ {
    let mut runs = Runs { bits, first, position: 0 };
    std::iter::from_fn(move || runs.next_run())
}

struct Runs<'a> {
    bits: &'a [u8],
    first: u64,
    position: u64,
}

impl Runs<'_> {
    fn next_run(&mut self) -> Option<ByteRange> {
        self.skip(false);
        let start = self.position;
        self.skip(true);
        let length = self.position.saturating_sub(start);
        (length > 0).then(|| ByteRange::at(self.first.saturating_add(start), length))
    }

    /// Passes over bits that are as `set` says, whole bytes at a time where it can.
    fn skip(&mut self, set: bool) {
        let whole = if set { u8::MAX } else { 0 };
        loop {
            let index = usize::try_from(self.position / 8).unwrap_or(usize::MAX);
            let Some(byte) = self.bits.get(index) else { return };
            if *byte == whole && self.position.is_multiple_of(8) {
                self.position = self.position.saturating_add(8);
                continue;
            }
            let mask = 1_u8.checked_shl(u32::try_from(self.position % 8).unwrap_or(0)).unwrap_or(0);
            if (byte & mask != 0) != set {
                return;
            }
            self.position = self.position.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_set_bits_cross_bytes() {
        let found: Vec<ByteRange> = set_ranges(&[0b1000_0001, 0xFF, 0b0000_0101, 0], 100).collect();
        let expected = [(100, 1), (107, 10), (118, 1)].map(|(start, length)| ByteRange::at(start, length));
        assert_eq!(found, expected);
        assert_eq!(set_ranges(&[], 0).count(), 0);
    }
}
