//! Values of the registry as text and numbers.

use vminspect_artefact::registry::{Decoded, Key, Value};
use vminspect_bytes::{decode_wtf8, push_wtf8, utf16le_units};

/// Longest text that is taken, in bytes of UTF-16. Paths have at most 64 KiB.
const LONGEST_TEXT: usize = 64 << 10;

/// The text of a value up to its first NUL, as WTF-8, whatever its type says. `None` when it is empty.
pub(super) fn wtf8_of(value: &Value<'_>) -> Option<Vec<u8>> {
    let data = value.data();
    let held = data.bytes.get(..LONGEST_TEXT).unwrap_or(&data.bytes);
    let mut text = Vec::new();
    push_wtf8(utf16le_units(held).take_while(|unit| *unit != 0), &mut text);
    (!text.is_empty()).then_some(text)
}

/// The text of a value of a key, as WTF-8.
pub(super) fn wtf8(key: &Key<'_>, name: &str) -> Option<Vec<u8>> {
    wtf8_of(&key.value(name)?)
}

/// The text of a value of a key; lone surrogates become U+FFFD.
pub(super) fn text(key: &Key<'_>, name: &str) -> Option<String> {
    Some(decode_wtf8(&wtf8(key, name)?).0)
}

/// A number of 32 bits.
pub(super) fn number(key: &Key<'_>, name: &str) -> Option<u32> {
    let value = key.value(name)?;
    match Decoded::of(value.kind(), &value.data().bytes) {
        Decoded::Dword(number) => Some(number),
        _ => None,
    }
}
