use vminspect_artefact::evtx::xml::{Piece, Pieces, attributes};

/// Characters of a provider's, channel's, computer's or user's name that are kept.
const LONGEST_NAME: usize = 255;

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

/// A name in at most 255 characters, which Windows allows; where there are more, it ends in `…`.
pub(super) fn short(name: &str) -> String {
    let mut short = name.to_owned();
    if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
        cut(&mut short, end);
        short.shrink_to_fit();
    }
    short
}

fn cut(out: &mut String, limit: usize) {
    let mut end = limit.min(out.len());
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out.push('…');
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn hostile_names_are_cut() {
        let longest = "é".repeat(255);
        assert_eq!(short(&longest), longest);
        assert_eq!(short(&format!("{longest}x")), format!("{longest}…"));
        assert_eq!(short(""), "");
    }
}
