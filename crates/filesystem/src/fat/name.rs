//! Names: short ones in a code page, long ones in UTF-16.

use vminspect_bytes::{push_wtf8, wtf8_units};

use super::layout::{
    FREE_SLOT, KANJI_LEAD, LOWER_BASE, LOWER_EXTENSION, MOST_LONG_ENTRIES, RawLongEntry, RawShortEntry,
};

/// Characters 0x80 to 0xFF of code page 437.
const CODE_PAGE_437: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Stands for the first character of a deleted name.
pub(super) const LOST_CHARACTER: u8 = b'_';

fn character(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(index) => CODE_PAGE_437.chars().nth(usize::from(index)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

fn push_part(part: &[u8], lower: bool, text: &mut String) {
    let length = part.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last.saturating_add(1));
    for byte in part.iter().take(length) {
        let character = character(*byte);
        if lower {
            text.extend(character.to_lowercase());
        } else {
            text.push(character);
        }
    }
}

/// A short name with its dot, `flags` saying which part is in lower case.
pub(super) fn short_name(stored: &[u8; 11], flags: u8) -> String {
    let mut stored = *stored;
    match stored.first_mut() {
        Some(first) if *first == KANJI_LEAD => *first = FREE_SLOT,
        Some(first) if *first == FREE_SLOT => *first = LOST_CHARACTER,
        _ => {}
    }
    let (base, extension) = stored.split_at(8);
    let mut text = String::with_capacity(12);
    push_part(base, flags & LOWER_BASE != 0, &mut text);
    if extension.iter().any(|byte| *byte != b' ') {
        text.push('.');
        push_part(extension, flags & LOWER_EXTENSION != 0, &mut text);
    }
    text
}

/// A label, trailing spaces left out.
pub(super) fn label(stored: &[u8; 11]) -> Vec<u8> {
    let mut label = stored.to_vec();
    if let Some(first) = label.first_mut()
        && *first == KANJI_LEAD
    {
        *first = FREE_SLOT;
    }
    let length =
        label.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last.saturating_add(1));
    label.truncate(length);
    label
}

/// Whether a short name has only characters that one can have; its first is left out.
pub(super) fn is_plausible_tail(stored: &[u8; 11]) -> bool {
    let legal =
        |byte: &u8| *byte >= b' ' && !byte.is_ascii_lowercase() && !br#""*+,./:;<=>?[\]|"#.contains(byte);
    stored.iter().skip(1).all(legal)
}

/// The sum of a short name that the slots of its long name hold.
pub(super) fn checksum(stored: &[u8; 11]) -> u8 {
    stored.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The first character of a deleted short name whose checksum is known: there is exactly one that fits.
pub(super) fn first_character(stored: &[u8; 11], sum: u8) -> u8 {
    stored.iter().skip(1).rev().fold(sum, |sum, byte| sum.wrapping_sub(*byte).rotate_left(1))
}

/// The units of a long name as WTF-8.
pub(super) fn wtf8(units: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.len());
    push_wtf8(units.iter().copied(), &mut bytes);
    bytes
}

/// The units of one slot.
pub(super) fn units(raw: &RawLongEntry) -> [u16; 13] {
    let mut units = [0; 13];
    let stored = raw.ldir_name1.iter().chain(&raw.ldir_name2).chain(&raw.ldir_name3);
    for (unit, stored) in units.iter_mut().zip(stored) {
        *unit = stored.get();
    }
    units
}

/// A name in upper case, unit by unit, as Windows compares names.
pub(super) fn fold(name: &[u8]) -> Vec<u8> {
    wtf8(&wtf8_units(name).into_iter().map(upper).collect::<Vec<_>>())
}

fn upper(unit: u16) -> u16 {
    // Greek letters with iota below have one in upper case, which Unicode's full mapping writes as two.
    match unit {
        0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7 => return unit.saturating_add(8),
        0x1FB3 | 0x1FC3 | 0x1FF3 => return unit.saturating_add(9),
        _ => {}
    }
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => u16::try_from(u32::from(single)).unwrap_or(unit),
        _ => unit,
    }
}

/// Gathers the slots of a long name, which stand in front of its short one, last part first.
#[derive(Default)]
pub(super) struct LongName {
    parts: Vec<[u16; 13]>,
    checksum: u8,
    /// The part that has to follow; 0 when all are there.
    next: u8,
    /// Where the first slot stands.
    pub(super) place: u64,
}

impl LongName {
    /// Whether any slot was gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    /// Begins a name with the slot that is stored first. `count` is how many it says there are.
    pub(super) fn begin(&mut self, raw: &RawLongEntry, count: u8, place: u64) {
        self.parts.clear();
        if matches!(count, 1..=MOST_LONG_ENTRIES) {
            self.parts.push(units(raw));
            (self.checksum, self.next, self.place) = (raw.ldir_chksum, count.saturating_sub(1), place);
        }
    }

    /// Adds the slot of a part; false when it does not belong to the name.
    pub(super) fn add(&mut self, raw: &RawLongEntry, part: u8) -> bool {
        let fits = !self.is_empty() && self.next == part && part != 0 && self.checksum == raw.ldir_chksum;
        if fits {
            self.parts.push(units(raw));
            self.next = self.next.saturating_sub(1);
        }
        fits
    }

    /// Adds the slot of a deleted name, whose part is not known.
    pub(super) fn add_deleted(&mut self, raw: &RawLongEntry, place: u64) {
        let full = self.parts.len() >= usize::from(MOST_LONG_ENTRIES);
        if self.is_empty() || self.checksum != raw.ldir_chksum || full {
            self.begin(raw, 1, place);
        } else {
            self.parts.push(units(raw));
        }
    }

    /// The long name of a short one, if it is its own.
    pub(super) fn of(&self, short: &RawShortEntry) -> Option<Vec<u16>> {
        let fits = !self.is_empty() && self.next == 0 && self.checksum == checksum(&short.dir_name);
        fits.then(|| self.joined())
    }

    /// The long name of a deleted short one, and the first character of that.
    pub(super) fn of_deleted(&self, short: &RawShortEntry) -> Option<(Vec<u16>, u8)> {
        if self.is_empty() {
            return None;
        }
        let first = first_character(&short.dir_name, self.checksum);
        let legal = first == KANJI_LEAD || (first > b' ' && first != FREE_SLOT);
        legal.then(|| (self.joined(), first))
    }

    fn joined(&self) -> Vec<u16> {
        let units = self.parts.iter().rev().flatten().copied();
        units.take_while(|unit| *unit != 0).collect()
    }
}
