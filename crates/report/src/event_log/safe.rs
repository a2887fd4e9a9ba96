//! Text of an event that may steer a terminal.

use std::io::Write;

use crate::escape::acts;

/// Whether text is but printable ASCII.
fn is_plain(text: &str) -> bool {
    // Without an early end, so that the compiler can look at many bytes at once.
    text.as_bytes().iter().fold(true, |plain, byte| plain & (0x20..=0x7e).contains(byte))
}

/// Appends JSON, in which characters that act instead of being seen are written as JSON's escapes of them. They stand
/// in strings alone.
pub(super) fn push_json(out: &mut Vec<u8>, json: &str) {
    replace(out, json, |out, character| {
        // Line breaks between members are ours.
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    });
}

/// Appends XML, in which characters that act instead of being seen are written as references to them. So are those
/// that XML 1.0 does not have; 1.1 has them, but for NUL.
pub(super) fn push_xml(out: &mut Vec<u8>, xml: &str) {
    replace(out, xml, |out, character| {
        let _ = match character {
            '\t' | '\n' | '\r' => write!(out, "{character}"),
            other => write!(out, "&#x{:x};", u32::from(other)),
        };
    });
}

fn replace(out: &mut Vec<u8>, text: &str, mut escape: impl FnMut(&mut Vec<u8>, char)) {
    if is_plain(text) {
        return out.extend_from_slice(text.as_bytes());
    }
    let mut done = 0;
    for (at, character) in text.char_indices() {
        if acts(character) {
            out.extend_from_slice(&text.as_bytes()[done..at]);
            escape(out, character);
            done = at + character.len_utf8();
        }
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: fn(&mut Vec<u8>, &str), text: &str) -> String {
        let mut out = Vec::new();
        push(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(pushed(push_json, "{\"a\":\"é\u{202e}\u{9b}\"}"), "{\"a\":\"é\\u202e\\u009b\"}");
        assert_eq!(
            pushed(push_xml, "<a>é\u{1b}[31m\u{202e}\nx\u{7f}</a>"),
            "<a>é&#x1b;[31m&#x202e;\nx&#x7f;</a>"
        );
        assert_eq!(pushed(push_xml, "<a/>"), "<a/>");
    }
}
