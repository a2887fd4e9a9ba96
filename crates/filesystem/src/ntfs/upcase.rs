//! `$UpCase`: the volume's own table of upper-case letters, one for each 16-bit unit. Windows compares names by it.

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError, push_wtf8, utf16le_units, wtf8_units};

const UNITS: usize = 1 << 16;

/// The table.
pub(super) struct UpCase(Box<[u16]>);

impl UpCase {
    /// Reads the table of a volume.
    ///
    /// # Errors
    /// When it has another length, or says that letters of ASCII are others than they are.
    pub(super) fn read(content: &dyn ReadAt) -> Result<Self, ReadError> {
        let damaged = || ReadError::corrupt("$UpCase").advice("names are compared by Unicode's upper case");
        let bytes = content.read_all(2 << 16).map_err(|error| damaged().caused_by(error))?;
        let units: Box<[u16]> = utf16le_units(&bytes).collect();
        if units.len() != UNITS {
            return Err(damaged().expected(format!("{UNITS} units")).found(units.len().to_string()));
        }
        let ascii = (0_u8..0x80).zip(&units);
        if let Some((unit, upper)) =
            ascii.into_iter().find(|(unit, upper)| u16::from(unit.to_ascii_uppercase()) != **upper)
        {
            return Err(damaged().at(u64::from(unit).saturating_mul(2)).found(format!("{upper:#06x}")));
        }
        Ok(Self(units))
    }

    /// The table that stands in for a damaged one: Unicode's upper case where that is one unit.
    pub(super) fn unicode() -> Self {
        let upper = |unit: u16| {
            let mut letters = char::from_u32(u32::from(unit)).into_iter().flat_map(char::to_uppercase);
            match (letters.next(), letters.next()) {
                (Some(letter), None) => u16::try_from(u32::from(letter)).unwrap_or(unit),
                _ => unit,
            }
        };
        Self((0..=u16::MAX).map(upper).collect())
    }

    /// A name, as WTF-8, in upper case.
    pub(super) fn fold(&self, name: &[u8]) -> Vec<u8> {
        if name.is_ascii() {
            return name.to_ascii_uppercase();
        }
        let units = wtf8_units(name);
        let upper = units.iter().map(|unit| self.0.get(usize::from(*unit)).copied().unwrap_or(*unit));
        let mut folded = Vec::with_capacity(name.len());
        push_wtf8(upper, &mut folded);
        folded
    }
}

#[cfg(test)]
mod tests {
    use vminspect_bytes::Memory;

    use super::*;

    #[test]
    fn names_fold_by_the_table() {
        let table = UpCase::unicode();
        assert_eq!(table.fold(b"file.Txt"), b"FILE.TXT");
        assert_eq!(
            table.fold("stra\u{df}e \u{e4}\u{44f}".as_bytes()),
            "STRA\u{df}E \u{c4}\u{42f}".as_bytes()
        );
        let mut units = table.0.to_vec();
        units[0xe4] = 0x41;
        let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let own = UpCase::read(&Memory::new(bytes.clone())).unwrap();
        assert_eq!(own.fold("\u{e4}".as_bytes()), b"A");
        assert!(UpCase::read(&Memory::new(&bytes[2..])).is_err());
        assert!(UpCase::read(&Memory::new(vec![0; 2 << 16])).is_err());
    }
}
