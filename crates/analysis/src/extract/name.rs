use std::fmt::Write;

/// Bytes that common host filesystems allow in a name.
const LONGEST: usize = 255;

/// The name on the host for a name of a guest. It is never empty, `.` or `..`, holds no separator, control
/// character, or byte that is no Unicode, begins with no `-` or `~`, and is at most 255 bytes long. Each such
/// byte is written as `%` and two hexadecimal digits, and so is `%` itself. A name that is too long is cut, and
/// `%~` is put at its end.
#[must_use]
pub fn host_name(name: &[u8]) -> String {
    let mut safe = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut safe, character);
        }
        chunk.invalid().iter().for_each(|byte| push_byte(&mut safe, *byte));
    }
    match safe.as_str() {
        "" => return "%".to_owned(),
        "." => return "%2e".to_owned(),
        ".." => return "%2e%2e".to_owned(),
        _ => {}
    }
    if safe.len() > LONGEST {
        cut(&mut safe, LONGEST - 2);
        safe.push_str("%~");
    }
    safe
}

/// A name to try when `name` is taken.
pub(super) fn another(name: &str, number: u32) -> String {
    let suffix = format!("%~{number}");
    let mut other = name.to_owned();
    cut(&mut other, LONGEST.saturating_sub(suffix.len()));
    other + &suffix
}

/// Shortens text to at most `length` bytes, without splitting a character or an escape.
fn cut(text: &mut String, length: usize) {
    if text.len() <= length {
        return;
    }
    let mut at = length;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    if let Some(escape) = text.rfind('%')
        && escape + 3 > text.len()
    {
        text.truncate(escape);
    }
}

fn push(safe: &mut String, character: char) {
    let first = safe.is_empty() && matches!(character, '-' | '~' | ' ');
    let separates = matches!(character, '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    // Characters that reorder or hide text would disguise the name.
    let disguises = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if first || separates || disguises || character.is_control() {
        character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_byte(safe, byte));
    } else {
        safe.push(character);
    }
}

fn push_byte(safe: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(safe, "%{byte:02x}");
}
