use std::cmp::Ordering;

use vminspect_bytes::{decode_wtf8, push_wtf8, utf16le_units};

/// The name of a key or value, as stored: UTF-16, or its units as bytes where none is above 255.
#[derive(Clone, Copy, Debug)]
pub struct Name<'h> {
    bytes: &'h [u8],
    compressed: bool,
}

impl<'h> Name<'h> {
    pub(super) fn new(bytes: &'h [u8], compressed: bool) -> Self {
        Self { bytes, compressed }
    }

    /// Whether there is no name, as of a key's default value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its 16-bit units.
    pub fn units(self) -> impl Iterator<Item = u16> + 'h {
        let (latin, wide) = if self.compressed { (self.bytes, &[][..]) } else { (&[][..], self.bytes) };
        latin.iter().map(|byte| u16::from(*byte)).chain(utf16le_units(wide))
    }

    /// The name when it is plain ASCII: most names are.
    #[must_use]
    pub fn as_ascii(&self) -> Option<&'h str> {
        if self.compressed && self.bytes.is_ascii() { std::str::from_utf8(self.bytes).ok() } else { None }
    }

    /// Appends the name as WTF-8.
    pub fn push_to(self, bytes: &mut Vec<u8>) {
        match self.as_ascii() {
            Some(ascii) => bytes.extend_from_slice(ascii.as_bytes()),
            None => push_wtf8(self.units(), bytes),
        }
    }

    /// The name as WTF-8, in which no unit is lost.
    #[must_use]
    pub fn to_wtf8(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        self.push_to(&mut bytes);
        bytes
    }

    /// The name as text; lone surrogates become U+FFFD.
    #[must_use]
    pub fn to_text(self) -> String {
        match self.as_ascii() {
            Some(ascii) => ascii.to_owned(),
            None => decode_wtf8(&self.to_wtf8()).0,
        }
    }

    /// Whether both are the same name to Windows, which ignores case.
    #[must_use]
    pub fn is_same(self, other: Name<'_>) -> bool {
        self.order(other) == Ordering::Equal
    }

    /// Whether this is `name`, which ignores case.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        match self.as_ascii() {
            Some(ascii) if name.is_ascii() => ascii.eq_ignore_ascii_case(name),
            _ => self.units().map(upper).eq(name.encode_utf16().map(upper)),
        }
    }

    /// The order of names in lists of subkeys: by their units in upper case.
    #[must_use]
    pub fn order(self, other: Name<'_>) -> Ordering {
        self.units().map(upper).cmp(other.units().map(upper))
    }

    /// Whether both are written the same.
    #[must_use]
    pub fn is_identical(self, other: Name<'_>) -> bool {
        if self.compressed == other.compressed {
            return self.bytes == other.bytes;
        }
        self.units().eq(other.units())
    }
}

/// The upper case of a unit, where that is one unit, too. Windows has a table of its own for this; the two differ
/// in scripts that Unicode added since.
pub(super) fn upper(unit: u16) -> u16 {
    if unit < 0x80 {
        return match u8::try_from(unit) {
            Ok(byte) => u16::from(byte.to_ascii_uppercase()),
            Err(_) => unit,
        };
    }
    let Some(character) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}
