//! Values of metadata fields.

use std::borrow::Cow;
use std::io::{self, Write};

use vminspect_analysis::finding::{FieldChange, Value};

use crate::attribute::{self, Shown};
use crate::{JsonWriter, path, time};

/// Writes `{field: [before, after]}`.
pub(crate) fn write_changes<W: Write>(out: &mut JsonWriter<W>, changes: &[FieldChange]) -> io::Result<()> {
    out.begin_object()?;
    for change in changes {
        out.key(&change.field)?;
        out.begin_array()?;
        write(out, &change.field, &change.before)?;
        write(out, &change.field, &change.after)?;
        out.end_array()?;
    }
    out.end_object()
}

/// Writes the value of a field.
pub(crate) fn write<W: Write>(out: &mut JsonWriter<W>, field: &str, value: &Value) -> io::Result<()> {
    match value {
        Value::Absent => out.null(),
        Value::Number(number) => out.number(*number),
        Value::Text(text) => out.string(text),
        Value::Mode(_) | Value::Time(_) | Value::Device(_) => out.string(&one_line(field, value)),
        Value::Flags(names) => {
            out.begin_array()?;
            names.iter().try_for_each(|name| out.string(name))?;
            out.end_array()
        }
        Value::Bytes(bytes) => write_bytes(out, field, bytes),
    }
}

/// Text is a string. What is no text is an object with its bytes under `hex`, and its meaning under `text`
/// where that is known.
fn write_bytes<W: Write>(out: &mut JsonWriter<W>, field: &str, bytes: &[u8]) -> io::Result<()> {
    let Some(name) = field.strip_prefix("xattr:") else {
        return match std::str::from_utf8(bytes) {
            Ok(text) => out.string(text),
            Err(_) => {
                out.begin_object()?;
                path::write_bytes(out, "text", bytes)?;
                out.end_object()
            }
        };
    };
    let meaning = match attribute::show(name, bytes) {
        Shown::Text(text) => return out.string(&text),
        Shown::Decoded(text) => Some(text),
        Shown::Binary => None,
    };
    out.begin_object()?;
    if let Some(meaning) = meaning {
        out.text_field("text", &meaning)?;
    }
    out.key("hex")?;
    out.hex(bytes)?;
    out.end_object()
}

/// A value on one line, not escaped yet.
pub(crate) fn one_line<'a>(field: &str, value: &'a Value) -> Cow<'a, str> {
    match value {
        Value::Absent => Cow::Borrowed(""),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Mode(mode) => Cow::Owned(format!("{mode:04o}")),
        Value::Time(at) => Cow::Owned(time::iso(*at)),
        Value::Flags(names) => Cow::Owned(names.join(",")),
        Value::Device(device) => Cow::Owned(format!("{}:{}", device.major, device.minor)),
        Value::Bytes(bytes) => match field.strip_prefix("xattr:") {
            Some(name) => Cow::Owned(attribute::one_line(name, bytes)),
            None => String::from_utf8_lossy(bytes),
        },
    }
}
