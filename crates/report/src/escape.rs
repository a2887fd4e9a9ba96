//! Text from a guest, made harmless for where it goes.

use std::borrow::Cow;
use std::io::{self, Write};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes bytes as lower-case hexadecimal digits.
///
/// # Errors
/// Those of the output.
pub fn hex(out: &mut (impl Write + ?Sized), bytes: &[u8]) -> io::Result<()> {
    let mut text = [0; 128];
    for chunk in bytes.chunks(text.len() / 2) {
        for (pair, byte) in text.chunks_exact_mut(2).zip(chunk) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.write_all(&text[..chunk.len() * 2])?;
    }
    Ok(())
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// Whether a character acts on a terminal or a text view instead of being seen: controls, and the format
/// characters that reorder or hide text.
pub(crate) fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Which bytes stand for themselves inside a JSON string.
const PLAIN_JSON: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Whether every byte stands for itself inside a JSON string.
pub(crate) fn is_plain_json(bytes: &[u8]) -> bool {
    // Without an early end, so that the compiler can look at many bytes at once.
    bytes
        .iter()
        .fold(true, |plain, byte| plain & (0x20..=0x7e).contains(byte) & (*byte != b'"') & (*byte != b'\\'))
}

/// Writes a JSON string with its quotes. Besides what JSON asks for, characters that steer a terminal or
/// reorder text are written as `\uXXXX`, which every reader undoes.
///
/// # Errors
/// Those of the output.
pub fn json(out: &mut (impl Write + ?Sized), text: &str) -> io::Result<()> {
    out.write_all(b"\"")?;
    if is_plain_json(text.as_bytes()) {
        out.write_all(text.as_bytes())?;
    } else {
        json_slowly(out, text)?;
    }
    out.write_all(b"\"")
}

/// Appends text as the inside of a JSON string.
pub(crate) fn json_inside(out: &mut Vec<u8>, text: &str) {
    // A vector takes everything.
    let _ = json_slowly(out, text);
}

fn json_slowly(out: &mut (impl Write + ?Sized), text: &str) -> io::Result<()> {
    let bytes = text.as_bytes();
    let (mut done, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        if PLAIN_JSON[usize::from(*byte)] {
            at += 1;
            continue;
        }
        // Every byte of another character is no plain one, so that this is its first.
        let Some(character) = text[at..].chars().next() else { break };
        let length = character.len_utf8();
        if !byte.is_ascii() && !acts(character) {
            at += length;
            continue;
        }
        out.write_all(&bytes[done..at])?;
        json_escape(out, character)?;
        at += length;
        done = at;
    }
    out.write_all(&bytes[done..])
}

/// Writes a character as JSON's escape of it.
fn json_escape(out: &mut (impl Write + ?Sized), character: char) -> io::Result<()> {
    match character {
        '"' => out.write_all(b"\\\""),
        '\\' => out.write_all(b"\\\\"),
        '\n' => out.write_all(b"\\n"),
        '\r' => out.write_all(b"\\r"),
        '\t' => out.write_all(b"\\t"),
        other => other.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
    }
}

/// Appends UTF-16LE text as the inside of a JSON string. Returns false, with nothing appended, when it is no
/// Unicode: for a lone surrogate or an odd byte.
pub(crate) fn json_utf16(out: &mut Vec<u8>, mut units: &[u8]) -> bool {
    let start = out.len();
    out.reserve(units.len() / 2);
    while let Some((chunk, rest)) = units.split_first_chunk::<16>() {
        let mut plain = [0; 8];
        let mut all = true;
        for (byte, unit) in plain.iter_mut().zip(chunk.as_chunks::<2>().0) {
            *byte = unit[0];
            all &= unit[1] == 0 && PLAIN_JSON[usize::from(unit[0])];
        }
        if all {
            out.extend_from_slice(&plain);
            units = rest;
        } else if !json_utf16_character(out, &mut units) {
            out.truncate(start);
            return false;
        }
    }
    while !units.is_empty() {
        if !json_utf16_character(out, &mut units) {
            out.truncate(start);
            return false;
        }
    }
    true
}

/// Moves one character from `units` to `out`.
fn json_utf16_character(out: &mut Vec<u8>, units: &mut &[u8]) -> bool {
    let (pairs, _) = units.as_chunks::<2>();
    let two = pairs.iter().take(2).map(|pair| u16::from_le_bytes(*pair));
    let Some(Ok(character)) = char::decode_utf16(two).next() else { return false };
    *units = &units[character.len_utf16() * 2..];
    let plain = u8::try_from(character).is_ok_and(|byte| PLAIN_JSON[usize::from(byte)]);
    if plain || !(character.is_ascii() || acts(character)) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return true;
    }
    json_escape(out, character).is_ok()
}

/// Text for a terminal. Characters that act instead of being seen become `\u{1b}`; a backslash that would
/// read like the beginning of such an escape is doubled, and all others stay as they are.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && !text.contains("\\u{") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        if acts(character) {
            safe.extend(character.escape_unicode());
        } else if text[at..].starts_with("\\u{") {
            safe.push_str("\\\\");
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A field of CSV, quoted where RFC 4180 asks for it. What a spreadsheet could take for a formula gets an
/// apostrophe before it; so does what begins with an apostrophe, so that a first apostrophe is always ours.
#[must_use]
pub fn csv(field: &str) -> Cow<'_, str> {
    let guard = starts_formula(field);
    let quote = field.bytes().any(|byte| matches!(byte, b',' | b'"' | 0..=0x1f))
        || field.starts_with(' ')
        || field.ends_with(' ');
    if !guard && !quote {
        return Cow::Borrowed(field);
    }
    let mut safe = String::with_capacity(field.len() + 4);
    if quote {
        safe.push('"');
    }
    if guard {
        safe.push('\'');
    }
    if quote {
        safe.push_str(&field.replace('"', "\"\""));
        safe.push('"');
    } else {
        safe.push_str(field);
    }
    Cow::Owned(safe)
}

/// Whether a spreadsheet could run a field. Some trim white space or take full-width signs for signs.
fn starts_formula(field: &str) -> bool {
    let first = field.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).chars().next();
    let marked =
        matches!(first, Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'));
    marked || field.starts_with(['\'', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_text(text: &str) -> String {
        let mut out = Vec::new();
        json(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_read_back_whatever_the_text() {
        let hostile = "a\"b\\c\n\t\r\u{0}\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}é日\u{1f600}\u{e0041}\u{feff}";
        let text = json_text(hostile);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
        assert!(!text.chars().any(acts), "{text}");
        for code in (0..0x0011_0000).step_by(7).filter_map(char::from_u32) {
            let text = json_text(&format!("x{code}"));
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), format!("x{code}"));
            let long = format!("a run of text{code}and more {code}");
            let mut utf16 = b"\"".to_vec();
            assert!(json_utf16(&mut utf16, &units(&long)));
            utf16.push(b'"');
            assert_eq!(String::from_utf8(utf16).unwrap(), json_text(&long));
        }
    }

    fn units(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn what_is_no_unicode_is_not_written() {
        let mut out = b"before".to_vec();
        let surrogate = [units("a run of text"), vec![0, 0xd8], units("more")].concat();
        for wrong in [&b"a"[..], b"\0\xd8", b"a\0\0\xdc", &surrogate, &units("a run of text")[..25]] {
            assert!(!json_utf16(&mut out, wrong));
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn a_terminal_sees_no_control() {
        assert_eq!(terminal("/plain \\x2d name"), "/plain \\x2d name");
        assert_eq!(terminal("a\u{1b}[31m\nb\u{9b}\u{202e}"), "a\\u{1b}[31m\\u{a}b\\u{9b}\\u{202e}");
        assert_eq!(terminal("a\\u{1b}"), "a\\\\u{1b}");
        assert_eq!(terminal("日本"), "日本");
    }

    #[test]
    fn csv_is_quoted_and_no_formula() {
        assert_eq!(csv("/etc/passwd"), "/etc/passwd");
        assert_eq!(csv("a,b"), "\"a,b\"");
        assert_eq!(csv("a\"b\nc"), "\"a\"\"b\nc\"");
        assert_eq!(csv("=1+1"), "'=1+1");
        assert_eq!(csv("  @SUM(A1)"), "\"'  @SUM(A1)\"");
        assert_eq!(csv("\u{ff1d}1"), "'\u{ff1d}1");
        assert_eq!(csv("'x"), "''x");
        assert_eq!(csv("-2"), "'-2");
    }

    #[test]
    fn hexadecimal_of_any_length() {
        for length in [0, 1, 63, 64, 65, 200] {
            let bytes: Vec<u8> = (0..length).map(|each| u8::try_from(each % 251).unwrap()).collect();
            let mut out = Vec::new();
            hex(&mut out, &bytes).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), to_hex(&bytes));
        }
        assert_eq!(to_hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
