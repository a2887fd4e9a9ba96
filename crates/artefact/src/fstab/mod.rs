//! `/etc/fstab`: which filesystem is mounted where.
//!
//! Specification: [fstab(5)](https://man7.org/linux/man-pages/man5/fstab.5.html). Fields are separated by blanks;
//! a blank, tab, newline or backslash inside a field is written as a backslash and three octal digits. The value
//! of `UUID=` and its like may be quoted, as libmount allows.

mod device;
#[cfg(test)]
mod tests;

use vminspect_bytes::ReadError;

pub use device::Device;

use crate::lines::{Line, lines};

/// A line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What is mounted.
    pub device: Device,
    /// Where, as written: an absolute path, or `none`.
    pub mount_point: Vec<u8>,
    /// Type of the filesystem: `ext4`, `swap`, `auto`, or several with commas.
    pub kind: Vec<u8>,
    /// Options, as written, split at commas.
    pub options: Vec<Vec<u8>>,
    /// Byte of the file at which the line begins.
    pub offset: u64,
}

impl Entry {
    /// Whether an option is given, such as `noauto`.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|given| given == option.as_bytes())
    }
}

/// The entries of a file, in order. A line with too few fields is an error, and the next one follows.
pub fn entries(file: &[u8]) -> impl Iterator<Item = Result<Entry, ReadError>> + '_ {
    lines(file).filter_map(|line| {
        let trimmed = line.bytes.trim_ascii_start();
        let is_blank = trimmed.is_empty() || trimmed.starts_with(b"#");
        (!is_blank).then(|| entry(&line))
    })
}

fn entry(line: &Line<'_>) -> Result<Entry, ReadError> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut fields = line.bytes.split(blank).filter(|field| !field.is_empty()).map(unescape);
    let (Some(device), Some(mount_point), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(ReadError::corrupt("fstab entry")
            .at(line.offset)
            .expected("a device, a mount point and a type")
            .found("fewer fields"));
    };
    let options = fields.next().unwrap_or_default();
    let options = options.split(|byte| *byte == b',').filter(|option| !option.is_empty());
    Ok(Entry {
        device: Device::parse(&device),
        mount_point,
        kind,
        options: options.map(<[u8]>::to_vec).collect(),
        offset: line.offset,
    })
}

/// Resolves `\040` and its like; a backslash before anything else stays.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        match (byte, octal(after)) {
            (b'\\', Some(value)) => {
                plain.push(value);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..3)?).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    u8::from_str_radix(digits, 8).ok()
}
