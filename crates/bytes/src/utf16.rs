/// The 16-bit units of little-endian bytes; an odd last byte is left out.
pub fn utf16le_units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| pair.try_into().map_or(0, u16::from_le_bytes))
}

/// Text of UTF-16LE bytes. The flag is false when something (a lone surrogate, an odd byte) had to be
/// replaced by U+FFFD.
#[must_use]
pub fn decode_utf16le(bytes: &[u8]) -> (String, bool) {
    let mut exact = bytes.len().is_multiple_of(2);
    let text = char::decode_utf16(utf16le_units(bytes))
        .map(|unit| {
            unit.unwrap_or_else(|_| {
                exact = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    (text, exact)
}
