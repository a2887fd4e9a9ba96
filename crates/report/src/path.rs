//! Paths and other names of a guest, which are bytes or UTF-16 and need not be Unicode.

use std::io::{self, Write};

use vminspect_analysis::finding::GuestPath;

use crate::JsonWriter;

/// Writes a path under `key`, and its raw bytes under `key` with `_hex` when it is no Unicode.
///
/// # Errors
/// Those of the output.
pub fn write<W: Write>(out: &mut JsonWriter<W>, key: &str, path: &GuestPath) -> io::Result<()> {
    let (text, exact) = path.to_text();
    out.text_field(key, &text)?;
    if exact { Ok(()) } else { write_hex(out, key, &path.to_stored()) }
}

/// Writes bytes that are text by custom, such as a link target, in the same manner.
///
/// # Errors
/// Those of the output.
pub fn write_bytes<W: Write>(out: &mut JsonWriter<W>, key: &str, bytes: &[u8]) -> io::Result<()> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return out.text_field(key, text);
    }
    out.text_field(key, &String::from_utf8_lossy(bytes))?;
    write_hex(out, key, bytes)
}

fn write_hex<W: Write>(out: &mut JsonWriter<W>, key: &str, bytes: &[u8]) -> io::Result<()> {
    out.key(&format!("{key}_hex"))?;
    out.hex(bytes)
}
