//! What an event holds as JSON, in the form in which .NET's libraries turn XML into it: attributes are `@name`, text
//! is `#text`, elements of one name are an array.

use std::collections::HashMap;

use vminspect_artefact::evtx::xml::{Piece, Pieces, attributes};

use super::message::after_system;

/// Elements below one another that are shown; hostile events have more.
const MOST_DEPTH: usize = 64;

#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
    is_closed_empty: bool,
}

/// The `EventData` or `UserData` of an event as JSON; empty when it has neither.
#[must_use]
pub fn payload(xml: &str) -> String {
    let mut open: Vec<Element> = vec![Element::default()];
    for piece in Pieces::new(after_system(xml)) {
        match piece {
            Piece::Open { name, attributes: text, is_empty } => {
                let element = Element {
                    name: name.to_owned(),
                    attributes: attributes(text)
                        .map(|(name, value)| (name.to_owned(), value.into_owned()))
                        .collect(),
                    is_closed_empty: is_empty,
                    ..Element::default()
                };
                match open.last_mut() {
                    Some(parent) if is_empty => parent.children.push(element),
                    _ => open.push(element),
                }
            }
            Piece::Text(text) => open.last_mut().into_iter().for_each(|element| element.text.push_str(&text)),
            Piece::Close => {
                // The end of the event.
                if open.len() < 2 {
                    break;
                }
                let is_shown = open.len() <= MOST_DEPTH;
                let element = open.pop().filter(|_| is_shown);
                if let (Some(element), Some(parent)) = (element, open.last_mut()) {
                    parent.children.push(element);
                }
            }
        }
    }
    let mut out = String::new();
    if let Some(root) = open.into_iter().next().filter(|root| !root.children.is_empty()) {
        members(&root, &mut out);
    }
    out
}

fn members(element: &Element, out: &mut String) {
    out.push('{');
    let mut is_first = true;
    let mut key = |out: &mut String, name: &str| {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        string(name, out);
        out.push(':');
    };
    for (name, value) in &element.attributes {
        key(out, &format!("@{name}"));
        string(value, out);
    }
    if !element.text.trim().is_empty() {
        key(out, "#text");
        string(&element.text, out);
    }
    let mut order: Vec<&str> = Vec::new();
    let mut named: HashMap<&str, Vec<&Element>> = HashMap::new();
    for child in &element.children {
        let same = named.entry(&child.name).or_default();
        if same.is_empty() {
            order.push(&child.name);
        }
        same.push(child);
    }
    for name in order {
        key(out, name);
        match named.get(name).map(Vec::as_slice).unwrap_or_default() {
            [one] => value(one, out),
            many => {
                out.push('[');
                for (index, each) in many.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    value(each, out);
                }
                out.push(']');
            }
        }
    }
    out.push('}');
}

fn value(element: &Element, out: &mut String) {
    if !element.attributes.is_empty() || !element.children.is_empty() {
        members(element, out);
    } else if element.text.is_empty() && element.is_closed_empty {
        out.push_str("null");
    } else {
        string(&element.text, out);
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
