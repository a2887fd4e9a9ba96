//! Text that Windows' registry editor imports, in the form in which it exports: UTF-16LE with a byte order mark and
//! lines ended by CR LF.
//!
//! Format: <https://support.microsoft.com/help/310516>; how bytes are broken into lines is as the editor exports
//! them. Class names, flags, times and security descriptors have no place in it.

use std::io::{self, Write};

use vminspect_analysis::registry::{KeyRow, KeySink, ValueRow};
use vminspect_artefact::registry::ValueType;
use vminspect_bytes::wtf8_units;
use vminspect_guest::Coverage;

use super::{HiveReport, data};
use crate::escape;

/// The column after which a line of bytes is broken.
const WIDTH: usize = 76;

/// Roots as reports and as the editor call them.
const ROOTS: &[(&str, &str)] =
    &[("HKLM", "HKEY_LOCAL_MACHINE"), ("HKU", "HKEY_USERS"), ("HKCU", "HKEY_CURRENT_USER")];

/// Prints the keys of a hive.
pub(super) struct Dump<W> {
    out: W,
    /// What is not sent on yet, in UTF-16LE.
    text: Vec<u8>,
    /// Whether the key at hand could not be written: its values cannot be either.
    is_left_out: bool,
    left_out: u64,
}

impl<W: Write> Dump<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut dump = Self { out, text: vec![0xff, 0xfe], is_left_out: false, left_out: 0 };
        dump.ascii("Windows Registry Editor Version 5.00\r\n");
        dump.end_line()?;
        Ok(dump)
    }

    fn ascii(&mut self, text: &str) {
        self.text.extend(text.bytes().flat_map(|byte| [byte, 0]));
    }

    fn unit(&mut self, unit: u16) {
        self.text.extend_from_slice(&unit.to_le_bytes());
    }

    fn wtf8(&mut self, text: &[u8]) {
        match text.is_ascii() {
            true => self.text.extend(text.iter().flat_map(|byte| [*byte, 0])),
            false => wtf8_units(text).into_iter().for_each(|unit| self.unit(unit)),
        }
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.ascii("\r\n");
        if self.text.len() > 64 << 10 {
            self.out.write_all(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    /// Leaves a comment for what the format cannot hold.
    fn leave_out(&mut self, what: &str, name: &[u8]) -> io::Result<()> {
        self.left_out = self.left_out.saturating_add(1);
        let name = escape::terminal(&data::text(name)).into_owned();
        self.wtf8(format!("; {what} cannot be written here: {name}").as_bytes());
        self.end_line()
    }

    fn quoted(&mut self, units: impl Iterator<Item = u16>) {
        self.ascii("\"");
        for unit in units {
            if unit == u16::from(b'"') || unit == u16::from(b'\\') {
                self.ascii("\\");
            }
            self.unit(unit);
        }
        self.ascii("\"");
    }

    /// Bytes with commas between them, on as many lines as it takes. `column` is where the first line stands.
    fn bytes(&mut self, column: usize, bytes: &[u8]) -> io::Result<()> {
        let mut column = column;
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 {
                self.ascii(",");
                column += 1;
                if column > WIDTH {
                    self.ascii("\\");
                    self.end_line()?;
                    self.ascii("  ");
                    column = 2;
                }
            }
            self.ascii(&escape::to_hex(&[*byte]));
            column += 2;
        }
        Ok(())
    }
}

/// Whether a name holds what would end its line.
fn breaks_line(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// The units of a text that reads back as the same data: it ends with its only NUL, and nothing in it is a control
/// or half a character.
fn plain_text(data: &[u8]) -> Option<&[[u8; 2]]> {
    let (units, odd) = data.as_chunks::<2>();
    let (last, text) = units.split_last()?;
    let numbers = text.iter().map(|unit| u16::from_le_bytes(*unit));
    let is_plain = char::decode_utf16(numbers).all(|each| each.is_ok_and(|each| !each.is_control()));
    (odd.is_empty() && *last == [0, 0] && is_plain).then_some(text)
}

impl<W: Write> KeySink for Dump<W> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        self.is_left_out = row.key.is_none() || row.deleted.is_some() || breaks_line(row.path);
        if self.is_left_out {
            return self.leave_out("a key", row.path);
        }
        let root = row.path.split(|byte| *byte == b'\\').next().unwrap_or_default();
        self.ascii("[");
        match ROOTS.iter().find(|(short, _)| short.as_bytes() == root) {
            Some((short, long)) => {
                self.ascii(long);
                self.wtf8(&row.path[short.len()..]);
            }
            // Where the editor would load a hive that is none of the system's.
            None => {
                self.ascii(r"HKEY_LOCAL_MACHINE\");
                self.wtf8(row.path);
            }
        }
        self.ascii("]");
        self.end_line()
    }

    fn value(&mut self, row: &ValueRow<'_>) -> io::Result<()> {
        let Some(bytes) = row.data.filter(|_| !self.is_left_out && !breaks_line(row.name)) else {
            return self.leave_out("a value", row.name);
        };
        let start = self.text.len();
        match row.name {
            b"" => self.ascii("@"),
            name => self.quoted(wtf8_units(name).into_iter()),
        }
        self.ascii("=");
        let kind = row.value.kind();
        match (kind, plain_text(bytes), <[u8; 4]>::try_from(bytes)) {
            (ValueType::SZ, Some(text), _) => self.quoted(text.iter().map(|unit| u16::from_le_bytes(*unit))),
            (ValueType::DWORD, _, Ok(number)) => {
                self.ascii(&format!("dword:{:08x}", u32::from_le_bytes(number)));
            }
            _ => {
                match kind {
                    ValueType::BINARY => self.ascii("hex:"),
                    _ => self.ascii(&format!("hex({:x}):", kind.0)),
                }
                self.bytes((self.text.len() - start) / 2, bytes)?;
            }
        }
        self.end_line()
    }

    fn end_key(&mut self) -> io::Result<()> {
        self.end_line()
    }
}

impl<W: Write> HiveReport for Dump<W> {
    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        self.out.flush()
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}
