use std::fmt;

/// A file as a record of the journal names it: 64 bits in version 2, 128 bits since version 3. Where the high half
/// of 128 bits is 0, as on NTFS, the low half is what version 2 has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileReference {
    high: u64,
    low: u64,
}

impl FileReference {
    /// The reference as 128 bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        Self { high: half(bits >> 64), low: half(bits) }
    }

    /// The reference of 64 bits that version 2 has.
    #[must_use]
    pub const fn from_low(low: u64) -> Self {
        Self { high: 0, low }
    }

    /// The reference of a record of the MFT.
    #[must_use]
    pub fn new(record: u64, sequence: u16) -> Self {
        Self::from_low(record & RECORD | u64::from(sequence) << 48)
    }

    /// The record of the MFT and its sequence number. `None` where all 128 bits are used, as on ReFS.
    #[must_use]
    pub fn parts(self) -> Option<(u64, u16)> {
        let sequence = u16::try_from(self.low >> 48).ok()?;
        (self.high == 0).then_some((self.low & RECORD, sequence))
    }

    /// All 128 bits.
    #[must_use]
    pub fn bits(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// The part of a reference that is the record's number.
const RECORD: u64 = 0xffff_ffff_ffff;

/// `record-sequence`, or 32 hexadecimal digits.
impl fmt::Display for FileReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((record, sequence)) => write!(f, "{record}-{sequence}"),
            None => write!(f, "{:032x}", self.bits()),
        }
    }
}
