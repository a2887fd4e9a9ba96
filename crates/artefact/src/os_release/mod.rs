//! `os-release`: assignments that name an operating system, also `lsb-release` and other files that a shell
//! could read as plain assignments.
//!
//! Specification: [os-release(5)](https://www.freedesktop.org/software/systemd/man/latest/os-release.html).
//! Values may be bare, in single quotes or in double quotes, where a backslash takes the meaning from `"`, `$`,
//! `` ` `` and `\`. Nothing is expanded.

#[cfg(test)]
mod tests;

use vminspect_bytes::ReadError;

use crate::lines::{Line, lines};

/// An assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// Name of the variable: letters, digits and underscores.
    pub name: String,
    /// Value with its quotes resolved, by custom UTF-8.
    pub value: Vec<u8>,
}

/// The assignments of a file, in order. A name may come twice; in a shell the last one counts. A line that is no
/// assignment is an error, and the next one follows.
pub fn assignments(file: &[u8]) -> impl Iterator<Item = Result<Assignment, ReadError>> + '_ {
    lines(file).filter_map(|line| {
        let trimmed = line.bytes.trim_ascii();
        let is_blank = trimmed.is_empty() || trimmed.starts_with(b"#");
        (!is_blank).then(|| assignment(&line, trimmed))
    })
}

/// The value that a shell would have for `name` at the end of the file, bad lines left out.
#[must_use]
pub fn value(file: &[u8], name: &str) -> Option<Vec<u8>> {
    let found = assignments(file).filter_map(Result::ok).filter(|assignment| assignment.name == name);
    found.last().map(|assignment| assignment.value)
}

fn assignment(line: &Line<'_>, text: &[u8]) -> Result<Assignment, ReadError> {
    let error = |found: &'static str| ReadError::corrupt("assignment").at(line.offset).found(found);
    let equals = text.iter().position(|byte| *byte == b'=').ok_or_else(|| error("a line without ="))?;
    let (name, value) = text.split_at_checked(equals).ok_or_else(|| error("a line without ="))?;
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if !is_name {
        return Err(error("a name with other than letters, digits and underscores"));
    }
    let value =
        unquote(value.get(1..).unwrap_or_default()).ok_or_else(|| error("a quote without its end"))?;
    Ok(Assignment { name: String::from_utf8_lossy(name).into_owned(), value })
}

/// Resolves quotes as a shell does, up to the first blank or comment outside of them.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b' ' | b'\t' | b';') => break,
            (Some(open), _) if byte == open => quote = None,
            (None, b'\\') => value.extend(bytes.next()),
            (Some(b'"'), b'\\') => match bytes.next()? {
                plain @ (b'"' | b'$' | b'`' | b'\\') => value.push(plain),
                other => value.extend([b'\\', other]),
            },
            _ => value.push(byte),
        }
    }
    quote.is_none().then_some(value)
}
