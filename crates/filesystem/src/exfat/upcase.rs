//! The up-case table: what makes two names equal.

use vminspect_bytes::{ReadAt, ReadError};

use super::checksum::table_checksum;
use super::layout::UPCASE_SKIP;

/// Units that have an upper case: all of 16 bits.
const UNITS: usize = 1 << 16;
/// Longest table in bytes: uncompressed, all units.
const MOST_BYTES: u64 = 2 << 16;

/// An up-case table.
pub(super) struct UpcaseTable {
    units: Box<[u16]>,
    /// Over the units, for the layout key.
    sum: u32,
}

impl UpcaseTable {
    /// A table without entries: every unit is its own upper case.
    pub(super) fn empty() -> Self {
        Self { units: Box::default(), sum: 0 }
    }

    /// The table that stands in for a damaged one: the simple upper case of Unicode, as far as it is one unit.
    pub(super) fn unicode() -> Self {
        let upper = |unit: u16| {
            let mut upper = char::from_u32(u32::from(unit))?.to_uppercase();
            let first = upper.next()?;
            if upper.next().is_some() {
                return None;
            }
            u16::try_from(u32::from(first)).ok()
        };
        Self::new((0..=u16::MAX).map(|unit| upper(unit).unwrap_or(unit)).collect())
    }

    /// Reads a table of which the entry says that it has `checksum`.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or the checksum does not fit.
    pub(super) fn read(content: &dyn ReadAt, checksum: u32, at: u64) -> Result<Self, ReadError> {
        let damaged = || ReadError::corrupt("up-case table").at(at);
        if content.len() > MOST_BYTES || content.is_empty() {
            return Err(damaged()
                .expected(format!("1 to {MOST_BYTES} bytes"))
                .found(content.len().to_string()));
        }
        let mut bytes = vec![0; usize::try_from(content.len()).unwrap_or(0)];
        content.read_exact_at(0, &mut bytes).map_err(|error| damaged().caused_by(error))?;
        let sum = table_checksum(0, &bytes);
        if sum != checksum {
            return Err(damaged()
                .expected(format!("checksum {sum:#010x}"))
                .found(format!("{checksum:#010x}")));
        }
        Ok(Self::new(decompressed(vminspect_bytes::utf16le_units(&bytes))))
    }

    fn new(units: Box<[u16]>) -> Self {
        let sum = units.iter().fold(0, |sum, unit| table_checksum(sum, &unit.to_le_bytes()));
        Self { units, sum }
    }

    /// The upper case of a unit.
    pub(super) fn upper(&self, unit: u16) -> u16 {
        self.units.get(usize::from(unit)).copied().unwrap_or(unit)
    }

    pub(super) fn sum(&self) -> u32 {
        self.sum
    }
}

/// All units of a table in which stretches that are their own upper case are counted only (§7.2.5).
fn decompressed(stored: impl Iterator<Item = u16>) -> Box<[u16]> {
    let mut units: Vec<u16> = (0..=u16::MAX).collect();
    let mut stored = stored;
    let mut position = 0_usize;
    while position < UNITS {
        let Some(unit) = stored.next() else { break };
        if unit == UPCASE_SKIP
            && let Some(count) = stored.next()
        {
            position = position.saturating_add(usize::from(count));
            continue;
        }
        if let Some(slot) = units.get_mut(position) {
            *slot = unit;
        }
        position = position.saturating_add(1);
    }
    units.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_stretches_are_their_own_upper_case() {
        let units = decompressed([0, 1, 0xFFFF, 95, 0x41, 0x42].into_iter());
        assert_eq!(units[96], 96);
        assert_eq!((units[97], units[98], units[99]), (0x41, 0x42, 99));
        assert_eq!(units[0xFFFF], 0xFFFF);
    }

    #[test]
    fn an_uncompressed_table_may_end_in_the_unit_that_marks_stretches() {
        let units = decompressed(0..=u16::MAX);
        assert!((0..=u16::MAX).all(|unit| units[usize::from(unit)] == unit));
    }

    #[test]
    fn the_stand_in_knows_letters() {
        let table = UpcaseTable::unicode();
        for (lower, upper) in [('a', 'A'), ('z', 'Z'), ('ä', 'Ä'), ('ж', 'Ж'), ('ω', 'Ω'), ('ß', 'ß')]
        {
            let unit = |letter: char| u16::try_from(u32::from(letter)).expect("one unit");
            assert_eq!(table.upper(unit(lower)), unit(upper));
        }
    }
}
