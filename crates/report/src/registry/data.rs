//! Data of values.

use std::borrow::Cow;
use std::io::{self, Write};

use vminspect_analysis::registry::ValueFacts;
use vminspect_artefact::registry::{Decoded, ValueType};
use vminspect_bytes::{decode_wtf8, wtf8_units};

use super::base64;
use crate::{JsonWriter, escape};

/// Bytes that a line for a person shows.
const MOST_SHOWN: usize = 48;

/// Text of WTF-8 bytes; lone surrogates become U+FFFD.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_wtf8(bytes).0),
    }
}

/// The UTF-16LE bytes of a name that is no Unicode.
pub(super) fn stored_if_inexact(bytes: &[u8]) -> Option<Vec<u8>> {
    match std::str::from_utf8(bytes) {
        Ok(_) => None,
        Err(_) => Some(wtf8_units(bytes).into_iter().flat_map(u16::to_le_bytes).collect()),
    }
}

/// Writes a name or path under `key`, and its UTF-16LE bytes under `key` with `_hex` when it is no Unicode.
pub(super) fn name_field<W: Write>(out: &mut JsonWriter<W>, key: &str, name: &[u8]) -> io::Result<()> {
    out.text_field(key, &text(name))?;
    if let Some(stored) = stored_if_inexact(name) {
        out.key(&format!("{key}_hex"))?;
        out.hex(&stored)?;
    }
    Ok(())
}

/// The name of a type.
pub(super) fn kind_name(kind: ValueType) -> &'static str {
    kind.name().unwrap_or("UNIDENTIFIED")
}

/// Writes `[name, type, data]` as the Python program did.
pub(super) fn triple<W: Write>(
    out: &mut JsonWriter<W>,
    name: &[u8],
    kind: ValueType,
    data: Option<&[u8]>,
) -> io::Result<()> {
    out.begin_array()?;
    out.string(&text(name))?;
    out.string(kind_name(kind))?;
    match data {
        Some(data) => plain(out, kind, data)?,
        None => out.null()?,
    }
    out.end_array()
}

/// Writes `[name, type, data]`.
pub(super) fn triple_of<W: Write>(out: &mut JsonWriter<W>, value: &ValueFacts) -> io::Result<()> {
    triple(out, &value.name, value.kind, Some(&value.data))
}

/// Writes data as the Python program did: numbers with a sign, text up to its first NUL, and what is neither, or does
/// not fit its type, as base64.
fn plain<W: Write>(out: &mut JsonWriter<W>, kind: ValueType, data: &[u8]) -> io::Result<()> {
    match kind {
        ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK => out.string_by(|out| {
            let is_whole = data.len().is_multiple_of(2);
            if !is_whole || !escape::json_utf16(out, &data[..first_nul(data)]) {
                base64::push_json(out, data);
            }
        }),
        ValueType::MULTI_SZ => match Decoded::of(kind, data) {
            Decoded::Texts(texts) => strings(out, &texts),
            _ => encoded(out, data),
        },
        ValueType::DWORD => match data.try_into() {
            Ok(bytes) => out.digits(format_args!("{}", i32::from_le_bytes(bytes))),
            Err(_) => encoded(out, data),
        },
        ValueType::DWORD_BIG_ENDIAN => match data.try_into() {
            Ok(bytes) => out.digits(format_args!("{}", i32::from_be_bytes(bytes))),
            Err(_) => encoded(out, data),
        },
        ValueType::QWORD => match data.try_into() {
            Ok(bytes) => out.digits(format_args!("{}", i64::from_le_bytes(bytes))),
            Err(_) => encoded(out, data),
        },
        _ => encoded(out, data),
    }
}

/// Where the first NUL of UTF-16LE text begins, or its end.
fn first_nul(data: &[u8]) -> usize {
    let (units, _) = data.as_chunks::<2>();
    units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len()) * 2
}

fn encoded<W: Write>(out: &mut JsonWriter<W>, data: &[u8]) -> io::Result<()> {
    out.string_by(|out| base64::push_json(out, data))
}

fn strings<W: Write>(out: &mut JsonWriter<W>, texts: &[String]) -> io::Result<()> {
    out.begin_array()?;
    texts.iter().try_for_each(|text| out.string(text))?;
    out.end_array()
}

/// Data as their type wants them, and whether that says all of them.
pub(super) struct Shown<'d> {
    pub(super) decoded: Decoded<'d>,
    pub(super) bytes: &'d [u8],
    pub(super) is_exact: bool,
}

impl<'d> Shown<'d> {
    pub(super) fn of(kind: ValueType, data: &'d [u8]) -> Self {
        let decoded = Decoded::of(kind, data);
        let is_exact = match &decoded {
            Decoded::Text(..) => first_nul(data) + 2 == data.len(),
            // Each text with a NUL behind it, and one NUL more.
            Decoded::Texts(texts) if texts.is_empty() => *data == [0, 0],
            Decoded::Texts(_) => data.ends_with(&[0; 4]),
            Decoded::Dword(_) | Decoded::Qword(_) => true,
            Decoded::Bytes(_) => false,
        };
        Self { decoded, bytes: data, is_exact }
    }

    /// Writes `type`, `type_number`, `data`, and `data_hex` where `data` does not say all of it. `before` stands
    /// before these keys.
    pub(super) fn write<W: Write>(
        &self,
        out: &mut JsonWriter<W>,
        kind: ValueType,
        before: &str,
    ) -> io::Result<()> {
        write_type(out, kind, before)?;
        out.key(&format!("{before}data"))?;
        match &self.decoded {
            Decoded::Text(text, _) => out.string(text)?,
            Decoded::Texts(texts) => strings(out, texts)?,
            Decoded::Dword(number) => out.number(u64::from(*number))?,
            Decoded::Qword(number) => out.number(*number)?,
            Decoded::Bytes(_) => out.null()?,
        }
        if !self.is_exact {
            out.key(&format!("{before}data_hex"))?;
            out.hex(self.bytes)?;
        }
        Ok(())
    }

    /// The data as a field of CSV: texts stand on lines of their own. What is not text or a number is empty.
    pub(super) fn field(&self) -> Cow<'_, str> {
        match &self.decoded {
            Decoded::Text(text, _) => Cow::Borrowed(text),
            Decoded::Texts(texts) => Cow::Owned(texts.join("\n")),
            Decoded::Dword(number) => Cow::Owned(number.to_string()),
            Decoded::Qword(number) => Cow::Owned(number.to_string()),
            Decoded::Bytes(_) => Cow::Borrowed(""),
        }
    }

    /// Whether [`Shown::field`] says all of the data.
    pub(super) fn field_is_exact(&self) -> bool {
        self.is_exact
            && match &self.decoded {
                Decoded::Texts(texts) => {
                    !texts.iter().any(|text| text.contains('\n'))
                        && (texts.len() != 1 || !texts[0].is_empty())
                }
                _ => true,
            }
    }

    /// The data on one line for a person, not escaped yet.
    pub(super) fn line(&self) -> Cow<'_, str> {
        match &self.decoded {
            Decoded::Texts(texts) => Cow::Owned(texts.join(" | ")),
            Decoded::Dword(number) => Cow::Owned(format!("{number} ({number:#x})")),
            Decoded::Qword(number) => Cow::Owned(format!("{number} ({number:#x})")),
            Decoded::Bytes(bytes) if bytes.len() > MOST_SHOWN => {
                Cow::Owned(format!("{}… ({} bytes)", escape::to_hex(&bytes[..MOST_SHOWN]), bytes.len()))
            }
            Decoded::Bytes(bytes) => Cow::Owned(escape::to_hex(bytes)),
            Decoded::Text(text, _) => Cow::Borrowed(text),
        }
    }
}

/// Writes the type of a value: its name, where it has one, and its number.
pub(super) fn write_type<W: Write>(out: &mut JsonWriter<W>, kind: ValueType, before: &str) -> io::Result<()> {
    out.optional_text_field(&format!("{before}value_type"), kind.name())?;
    out.number_field(&format!("{before}type_number"), u64::from(kind.0))
}
