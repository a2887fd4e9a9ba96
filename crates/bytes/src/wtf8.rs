//! WTF-8: UTF-8 that can also hold the unpaired surrogates of UTF-16 names. Every sequence of 16-bit units has
//! exactly one such spelling, so that nothing is lost and equal names have equal bytes.
//!
//! Format: <https://simonsapin.github.io/wtf-8/>.

/// Appends 16-bit units as WTF-8.
pub fn push_wtf8(units: impl IntoIterator<Item = u16>, bytes: &mut Vec<u8>) {
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(lone) => bytes.extend_from_slice(&surrogate(lone.unpaired_surrogate())),
        }
    }
}

/// The three bytes of a surrogate.
fn surrogate(unit: u16) -> [u8; 3] {
    let bits = |shift: u32| u8::try_from((unit >> shift) & 0x3f).unwrap_or(0) | 0x80;
    [0xed, bits(6), bits(0)]
}

/// The 16-bit units of WTF-8 bytes. Bytes that are none become U+FFFD.
#[must_use]
pub fn wtf8_units(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (text, after) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &b""[..]),
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(valid).unwrap_or_default(), after)
            }
        };
        units.extend(text.encode_utf16());
        rest = match after {
            [] => return units,
            [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, after @ ..] => {
                units.push(0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f));
                after
            }
            [_, after @ ..] => {
                units.push(0xfffd);
                after
            }
        };
    }
}

/// Text of WTF-8 bytes. The flag is false when a lone surrogate had to be replaced by U+FFFD.
#[must_use]
pub fn decode_wtf8(bytes: &[u8]) -> (String, bool) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), true);
    }
    (String::from_utf16_lossy(&wtf8_units(bytes)), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_survive_a_round_trip() {
        for units in [
            &[][..],
            &[0x61, 0xe4, 0x20ac],
            &[0xd83d, 0xde00],
            &[0xd83d],
            &[0xde00, 0xd83d],
            &[0x61, 0xdfff, 0x62, 0xd800, 0xd800, 0xdc00],
            &[0, 0xffff, 0xfffd],
        ] {
            let mut bytes = Vec::new();
            push_wtf8(units.iter().copied(), &mut bytes);
            assert_eq!(wtf8_units(&bytes), units);
            assert_eq!(decode_wtf8(&bytes).1, String::from_utf16(units).is_ok());
        }
    }

    #[test]
    fn a_lone_surrogate_is_one_replacement() {
        let mut bytes = Vec::new();
        push_wtf8([0x61, 0xd800, 0x62], &mut bytes);
        assert_eq!(bytes, b"a\xed\xa0\x80b");
        assert_eq!(decode_wtf8(&bytes), ("a\u{fffd}b".to_owned(), false));
    }
}
