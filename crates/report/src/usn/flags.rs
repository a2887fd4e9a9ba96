//! The bits of a record's fields as reports spell them.

use std::io::{self, Write};

use vminspect_artefact::usn::FlagField;

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
    for (bit, name) in field.each(bits) {
        match name {
            Some("CLOSE") if field == FlagField::Reason => out.plain_string("CLOSED")?,
            Some(name) => out.plain_string(name)?,
            None => out.string(&format!("{bit:#x}"))?,
        }
    }
    Ok(())
}

/// The names as Microsoft has them in full, joined by `|`.
pub(super) fn full(field: FlagField, bits: u32) -> String {
    field.joined(bits, field.prefix())
}

/// The names without what they all begin with, for people.
pub(super) fn short(field: FlagField, bits: u32) -> String {
    field.joined(bits, "")
}

/// The names in the spelling of `MFTECmd`: `RENAME_OLD_NAME` is `RenameOldName`.
pub(super) fn mftecmd(field: FlagField, bits: u32) -> String {
    let each = field.each(bits).map(|(bit, name)| match name {
        Some("READONLY") => "ReadOnly".to_owned(),
        Some(name) => camel(name),
        None => format!("{bit:#x}"),
    });
    each.collect::<Vec<_>>().join("|")
}

fn camel(name: &str) -> String {
    let mut text = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        text.extend(letters.next());
        text.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    text
}
