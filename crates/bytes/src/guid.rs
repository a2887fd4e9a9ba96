use std::fmt;

/// A GUID as Microsoft's formats and GPT store it: its first three fields are little-endian.
///
/// Shown as Windows spells it, in small letters: `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Guid(
    /// The bytes as stored.
    pub [u8; 16],
);

impl Guid {
    /// What stands where there is none.
    pub const ZERO: Self = Self([0; 16]);
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, e @ ..] = self.0;
        let a = u32::from_le_bytes([a0, a1, a2, a3]);
        let (b, c) = (u16::from_le_bytes([b0, b1]), u16::from_le_bytes([c0, c1]));
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d0:02x}{d1:02x}-")?;
        e.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_spelt_as_windows_does() {
        let guid = Guid(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        assert_eq!(guid.to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    }
}
