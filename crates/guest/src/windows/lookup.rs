//! Keys and values by name. Lists of a hostile hive may name the same ones over and over: only so many are looked at.

use vminspect_artefact::registry::{Decoded, Hive, Key, Value};
use vminspect_bytes::{decode_wtf8, push_wtf8, utf16le_units};

/// Subkeys of one key that are looked at. The largest keys of real systems have some 20,000.
const MOST_SUBKEYS: usize = 1_000_000;

/// Values of one key that are looked at. Keys that are read for what they are have some dozens.
const MOST_VALUES: usize = 10_000;

/// Longest text that is taken, in bytes of UTF-16. Paths have at most 64 KiB.
const LONGEST_TEXT: usize = 64 << 10;

pub(super) fn subkey<'h>(key: &Key<'h>, name: &str) -> Option<Key<'h>> {
    key.subkeys().take(MOST_SUBKEYS).flatten().find(|key| key.name().is(name))
}

/// The key at a path of names with `\` between them. Links are not followed.
pub(super) fn descend<'h>(key: &Key<'h>, path: &str) -> Option<Key<'h>> {
    let mut names = path.split('\\').filter(|name| !name.is_empty());
    names.try_fold(*key, |key, name| subkey(&key, name))
}

/// The same, from the root of a hive.
pub(super) fn key<'h>(hive: &'h Hive, path: &str) -> Option<Key<'h>> {
    descend(&hive.root().ok()?, path)
}

pub(super) fn value<'h>(key: &Key<'h>, name: &str) -> Option<Value<'h>> {
    key.values().take(MOST_VALUES).flatten().find(|value| value.name().is(name))
}

/// The text of a value up to its first NUL, as WTF-8, whatever its type says. `None` when it is empty.
pub(super) fn wtf8(key: &Key<'_>, name: &str) -> Option<Vec<u8>> {
    let value = value(key, name)?;
    let data = value.data();
    let held = data.bytes.get(..LONGEST_TEXT).unwrap_or(&data.bytes);
    let mut text = Vec::new();
    push_wtf8(utf16le_units(held).take_while(|unit| *unit != 0), &mut text);
    (!text.is_empty()).then_some(text)
}

/// The same as text; lone surrogates become U+FFFD.
pub(super) fn text(key: &Key<'_>, name: &str) -> Option<String> {
    Some(decode_wtf8(&wtf8(key, name)?).0)
}

/// A number of 32 bits.
pub(super) fn number(key: &Key<'_>, name: &str) -> Option<u32> {
    let value = value(key, name)?;
    match Decoded::of(value.kind(), &value.data().bytes) {
        Decoded::Dword(number) => Some(number),
        _ => None,
    }
}
