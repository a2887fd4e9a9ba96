//! What libmagic adds about text: its encoding, long lines, line ends.

/// Bytes of which libmagic judges the encoding.
const JUDGED: usize = 65_536;
/// The length from which a line is very long.
const LONG_LINE: usize = 300;

/// What a script is by the interpreter in its first line, for those that rules of source code mistake.
pub(super) fn script(start: &[u8]) -> Option<String> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut interpreter = base(words.next()?);
    if interpreter == "env" {
        interpreter = base(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    let language = match interpreter.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "perl" => return Some("Perl script text executable".to_owned()),
        "python" => "Python script",
        "sh" | "dash" => "POSIX shell script",
        "bash" => "Bourne-Again shell script",
        _ => return None,
    };
    Some(describe(format!("{language} text executable"), start))
}

/// Puts the encoding and the line ends where a rule says no more than that it is text.
pub(super) fn describe(said: String, start: &[u8]) -> String {
    // The rules know no 8-bit encodings but UTF-8.
    let eight_bit = said == "data" && encoding(start.get(..JUDGED).unwrap_or(start)).is_some();
    let said = if eight_bit { "ISO-8859 text".to_owned() } else { said };
    let (what, executable) = match said.strip_suffix(" text executable") {
        Some(what) if !what.starts_with("Perl") => (what, " executable"),
        Some(_) => return said,
        None => match said.strip_suffix(" text") {
            Some(what) => (what, ""),
            None => return said,
        },
    };
    let judged = start.get(..JUDGED).unwrap_or(start);
    let Some(encoding) = encoding(judged) else {
        return said;
    };
    // Text of which no rule says more is named by its encoding alone.
    let only_text =
        ["ASCII", "UTF-8 Unicode", "Unicode text, UTF-8", "UTF-8", "ISO-8859", "Non-ISO extended-ASCII"];
    let kind = if only_text.contains(&what) { String::new() } else { format!("{what}, ") };
    format!("{kind}{encoding} text{executable}{}", lines(judged))
}

fn encoding(text: &[u8]) -> Option<&'static str> {
    if text.iter().any(|byte| matches!(byte, 0..=6 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)) {
        return None;
    }
    if text.is_ascii() {
        return Some("ASCII");
    }
    // The judged bytes may end in the middle of a character.
    let unicode = match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && text.len() == JUDGED,
    };
    Some(match (unicode, text.starts_with(b"\xef\xbb\xbf")) {
        (true, true) => "Unicode text, UTF-8 (with BOM)",
        (true, false) => "Unicode text, UTF-8",
        (false, _) if text.iter().any(|byte| matches!(byte, 0x80..=0x9f)) => "Non-ISO extended-ASCII",
        (false, _) => "ISO-8859",
    })
}

fn lines(text: &[u8]) -> String {
    let mut said = String::new();
    // Characters count, not bytes; of UTF-8, continuation bytes do not begin one.
    let unicode = std::str::from_utf8(text).is_ok();
    let length = |line: &[u8]| line.iter().filter(|byte| !unicode || (**byte & 0xc0) != 0x80).count();
    let longest = text.split(|byte| matches!(byte, b'\n' | b'\r')).map(length).max().unwrap_or(0);
    if longest >= LONG_LINE {
        said.push_str(&format!(", with very long lines ({longest})"));
    }
    let both = text.windows(2).filter(|pair| *pair == b"\r\n").count();
    let returns = text.iter().filter(|byte| **byte == b'\r').count() - both;
    let feeds = text.iter().filter(|byte| **byte == b'\n').count() - both;
    if both + returns + feeds == 0 {
        said.push_str(", with no line terminators");
    } else if both + returns > 0 {
        let kinds = [(both, "CRLF"), (returns, "CR"), (feeds, "LF")];
        let kinds: Vec<&str> = kinds.iter().filter(|(count, _)| *count > 0).map(|(_, name)| *name).collect();
        said.push_str(&format!(", with {} line terminators", kinds.join(", ")));
    }
    if text.contains(&0x1b) {
        said.push_str(", with escape sequences");
    }
    if text.contains(&8) {
        said.push_str(", with overstriking");
    }
    said
}
