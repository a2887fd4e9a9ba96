use vminspect_artefact::evtx::xml::{Piece, Pieces, attributes};

/// What an event holds besides its `System` element, on one line: `name=value` for each value, with blanks between
/// them. At most some `limit` bytes; where there is more, it ends in `…`.
#[must_use]
pub fn message(xml: &str, limit: usize) -> String {
    let mut out = String::new();
    // The element that is open, or the name that its attribute gives it.
    let mut name: Vec<String> = Vec::new();
    for piece in Pieces::new(after_system(xml)) {
        match piece {
            Piece::Open { is_empty: true, .. } => {}
            Piece::Open { name: element, attributes: text, .. } => {
                let named =
                    attributes(text).find(|(name, _)| *name == "Name").map(|(_, value)| value.into_owned());
                name.push(named.unwrap_or_else(|| if element == "Data" { "" } else { element }.to_owned()));
            }
            Piece::Close => drop(name.pop()),
            Piece::Text(text) if !text.trim().is_empty() => {
                push(&mut out, name.last().map_or("", |name| name), &text);
                if out.len() > limit {
                    cut(&mut out, limit);
                    break;
                }
            }
            Piece::Text(_) => {}
        }
    }
    out
}

/// What follows the `System` element.
pub(super) fn after_system(xml: &str) -> &str {
    xml.split_once("</System>").map_or("", |(_, rest)| rest)
}

fn push(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(' ');
    }
    if !name.is_empty() {
        out.push_str(name);
        out.push('=');
    }
    let mut words = value.split_whitespace();
    out.push_str(words.next().unwrap_or_default());
    for word in words {
        out.push(' ');
        out.push_str(word);
    }
}

fn cut(out: &mut String, limit: usize) {
    let mut end = limit.min(out.len());
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out.push('…');
}
