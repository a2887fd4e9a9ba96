//! The bits of a record's fields as reports spell them.

use std::fmt::Write as _;
use std::io::{self, Write};

use vminspect_artefact::usn::{FlagField, reason};

use crate::JsonWriter;

/// Writes the names of bits as an array. Where none are set, some fields have a blank, as in the Python program.
pub(super) fn json<W: Write>(out: &mut JsonWriter<W>, field: FlagField, bits: u32) -> io::Result<()> {
    out.begin_array()?;
    if bits == 0 && field != FlagField::Attributes {
        out.plain_string(" ")?;
    }
    json_names(out, field, bits)?;
    out.end_array()
}

/// The same without the blank.
pub(super) fn json_names<W: Write>(out: &mut JsonWriter<W>, field: FlagField, bits: u32) -> io::Result<()> {
    for (bit, name) in field.table() {
        if bits & bit != 0 {
            out.plain_string(if (field, *bit) == (FlagField::Reason, reason::CLOSE) {
                "CLOSED"
            } else {
                name
            })?;
        }
    }
    match field.unnamed(bits) {
        0 => Ok(()),
        unnamed => out.string(&format!("{unnamed:#x}")),
    }
}

/// The names as Microsoft has them in full, joined by `|`.
pub(super) fn full(field: FlagField, bits: u32) -> String {
    let mut text = String::new();
    for name in field.names(bits) {
        separate(&mut text);
        text.push_str(field.prefix());
        text.push_str(name);
    }
    add_unnamed(&mut text, field, bits);
    text
}

/// The names without what they all begin with, for people.
pub(super) fn short(field: FlagField, bits: u32) -> String {
    let mut text = String::new();
    for name in field.names(bits) {
        separate(&mut text);
        text.push_str(name);
    }
    add_unnamed(&mut text, field, bits);
    text
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('|');
    }
}

fn add_unnamed(text: &mut String, field: FlagField, bits: u32) {
    let unnamed = field.unnamed(bits);
    if unnamed != 0 {
        separate(text);
        let _ = write!(text, "{unnamed:#x}");
    }
}

/// The names in the spelling of `MFTECmd`: `RENAME_OLD_NAME` is `RenameOldName`.
pub(super) fn mftecmd(field: FlagField, bits: u32) -> String {
    let mut text = String::new();
    for (bit, name) in field.table() {
        if bits & bit == 0 {
            continue;
        }
        separate(&mut text);
        match (field, *bit) {
            (FlagField::Attributes, 0x1) => text.push_str("ReadOnly"),
            _ => camel(&mut text, name),
        }
    }
    add_unnamed(&mut text, field, bits);
    text
}

fn camel(text: &mut String, name: &str) {
    for word in name.split('_') {
        let mut letters = word.chars();
        text.extend(letters.next());
        text.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
}
