//! GUIDs of Microsoft's formats.

use std::fmt::Write;

/// A GUID as Windows spells it: its first three numbers are little-endian.
pub(crate) fn spell_guid(guid: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid;
    let head = format!(
        "{:08x}-{:04x}-{:04x}-",
        u32::from_le_bytes([a, b, c, d]),
        u16::from_le_bytes([e, f]),
        u16::from_le_bytes([g, h])
    );
    rest.iter().enumerate().fold(head, |mut text, (position, byte)| {
        if position == 2 {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_spelt_as_windows_does() {
        let guid = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(spell_guid(guid), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    }
}
