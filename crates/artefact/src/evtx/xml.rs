//! A look at the XML of a record, as the decoder writes it.

use std::borrow::Cow;

/// Bytes of a reference to a character, with its `;`, in which it has to end.
const LONGEST_REFERENCE: usize = 12;

/// A piece of XML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece<'x> {
    /// The beginning of an element.
    Open {
        /// Its name.
        name: &'x str,
        /// Its attributes, as written; see [`attributes`].
        attributes: &'x str,
        /// Whether it has no content, and no end either.
        is_empty: bool,
    },
    /// Text, with references resolved.
    Text(Cow<'x, str>),
    /// The end of an element.
    Close,
}

/// The pieces of XML, in their order. What is no XML ends them.
#[derive(Clone, Debug)]
pub struct Pieces<'x>(&'x str);

impl<'x> Pieces<'x> {
    /// The pieces of `xml`.
    #[must_use]
    pub const fn new(xml: &'x str) -> Self {
        Self(xml)
    }

    fn tag(&mut self) -> Option<Piece<'x>> {
        while let Some(instruction) = self.0.strip_prefix("<?") {
            self.0 = instruction.split_once("?>")?.1;
        }
        if !self.0.starts_with('<') {
            return self.text();
        }
        let rest = self.0.strip_prefix('<')?;
        if let Some(cdata) = rest.strip_prefix("![CDATA[") {
            let (text, after) = cdata.split_once("]]>")?;
            self.0 = after;
            return Some(Piece::Text(Cow::Borrowed(text)));
        }
        let end = end_of_tag(rest)?;
        let (tag, after) = rest.split_at_checked(end)?;
        self.0 = after.strip_prefix('>')?;
        if tag.starts_with('/') {
            return Some(Piece::Close);
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        Some(Piece::Open { name, attributes, is_empty })
    }

    fn text(&mut self) -> Option<Piece<'x>> {
        let end = memchr::memchr(b'<', self.0.as_bytes()).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!text.is_empty()).then(|| Piece::Text(unescape(text)))
    }
}

impl<'x> Iterator for Pieces<'x> {
    type Item = Piece<'x>;

    fn next(&mut self) -> Option<Piece<'x>> {
        if self.0.starts_with('<') { self.tag() } else { self.text() }
    }
}

/// Where the `>` of a tag is, outside of quotes.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), close) if open == close => {
            quote = None;
            false
        }
        _ => false,
    })
}

/// The names and values of attributes, as a [`Piece::Open`] has them.
pub fn attributes(mut text: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    std::iter::from_fn(move || {
        let (name, rest) = text.trim_start().split_once('=')?;
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
        text = rest;
        Some((name, unescape(value)))
    })
}

/// Text with its references resolved.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match split_reference(after) {
            Some((character, after)) => {
                plain.push(character);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The character of the reference that text begins with, behind its `&`, and what follows.
fn split_reference(text: &str) -> Option<(char, &str)> {
    let head = text.as_bytes().get(..text.len().min(LONGEST_REFERENCE))?;
    let (name, after) = text.split_at_checked(memchr::memchr(b';', head)?)?;
    Some((reference(name)?, after.strip_prefix(';')?))
}

fn reference(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
