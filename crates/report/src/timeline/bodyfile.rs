//! Version 3 of the body file, as `fls -m` writes it and `mactime` reads it:
//! `MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime`.
//!
//! Names are escaped as Plaso takes them back: `\\`, `\|`, and `\xNN` for controls and for bytes that are no UTF-8.

use vminspect_analysis::timeline::{FileRow, State};
use vminspect_bytes::Timestamp;
use vminspect_filesystem::{FileKind, NameEncoding, RecordName, StoredAttribute, Times};

use crate::decimal;

/// Type codes of NTFS's attributes.
const FILE_NAME: u32 = 0x30;
const DATA: u32 = 0x80;
const INDEX_ROOT: u32 = 0x90;
/// Attributes of DOS and NTFS.
const READ_ONLY: u64 = 0x1;
const HIDDEN: u64 = 0x2;

/// What one line tells of a file.
enum Part<'a> {
    /// The file itself.
    File,
    /// One of its attributes.
    Attribute(&'a StoredAttribute),
    /// Its name, with the times of when it was given.
    Name(&'a RecordName),
}

/// Appends the lines of a file: one for each stream, index and long name of a file of NTFS, and one for any other.
pub fn row(row: &FileRow<'_>, out: &mut Vec<u8>) {
    let format = row.filesystem.identity().format;
    let line = Line { row, is_ntfs: format.starts_with("ntfs"), is_fat: format.contains("fat") };
    // `fls` leaves out the root, but not its streams.
    if row.is_root() {
        let path = [row.path, &[row.separator], b"."].concat();
        let line = Line { row: &row.at(&path), ..line };
        let streams = row.facts.attributes.iter().filter(|attribute| attribute.kind == DATA);
        return streams.for_each(|stream| line.write(&Part::Attribute(stream), out));
    }
    if row.facts.attributes.is_empty() {
        line.write(&Part::File, out);
    }
    for attribute in &row.facts.attributes {
        line.write(&Part::Attribute(attribute), out);
    }
    if let Some(name) = row.facts.names.iter().rev().find(|name| !name.is_short()) {
        line.write(&Part::Name(name), out);
    }
}

struct Line<'a> {
    row: &'a FileRow<'a>,
    is_ntfs: bool,
    is_fat: bool,
}

impl Line<'_> {
    fn write(&self, part: &Part<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"0|");
        self.name(part, out);
        out.push(b'|');
        self.inode(part, out);
        out.push(b'|');
        self.mode(out);
        out.push(b'|');
        let metadata = &self.row.record.metadata;
        let owner = self.row.facts.owner_id.filter(|_| self.is_ntfs).unwrap_or(metadata.uid);
        let (size, times) = match part {
            Part::File => (metadata.size, metadata.times),
            Part::Attribute(attribute) => (attribute.size, metadata.times),
            Part::Name(name) => (name.size, name.times),
        };
        for number in [u64::from(owner), u64::from(metadata.gid), size] {
            decimal::push(out, number);
            out.push(b'|');
        }
        self.times(times, out);
        out.push(b'\n');
    }

    fn name(&self, part: &Part<'_>, out: &mut Vec<u8>) {
        let encoding = self.row.filesystem.name_encoding();
        push_name(self.row.path, encoding, out);
        if let Part::Attribute(attribute) = part
            && !attribute.name.is_empty()
            && (attribute.kind != INDEX_ROOT || attribute.name != b"$I30")
        {
            out.push(b':');
            push_name(&attribute.name, encoding, out);
        }
        if !self.is_ntfs
            && let Some(target) = self.row.link_target()
        {
            out.extend_from_slice(b" -> ");
            push_name(&target, encoding, out);
        }
        if matches!(part, Part::Name(_)) {
            out.extend_from_slice(b" ($FILE_NAME)");
        }
        out.extend_from_slice(match self.row.state {
            State::Allocated | State::Orphan => b"",
            State::Deleted(_) => b" (deleted)",
            State::Reallocated => b" (deleted-realloc)",
        });
    }

    fn inode(&self, part: &Part<'_>, out: &mut Vec<u8>) {
        decimal::push(out, self.row.filesystem.record_number(self.row.record.metadata.id));
        let (kind, id) = match part {
            Part::File => return,
            Part::Attribute(attribute) => (attribute.kind, attribute.id),
            Part::Name(name) => (FILE_NAME, name.attribute),
        };
        for number in [kind, u32::from(id)] {
            out.push(b'-');
            decimal::push(out, number.into());
        }
    }

    /// The kind of file, a slash, and what `ls` prints. DOS and NTFS have no mode: everyone may run everything, hidden
    /// files are not written to and read-only ones not read, as The Sleuth Kit has it.
    fn mode(&self, out: &mut Vec<u8>) {
        let metadata = &self.row.record.metadata;
        let kind = if self.is_ntfs { self.ntfs_kind() } else { kind_letter(metadata.kind) };
        let mode =
            if self.is_ntfs || self.is_fat { mode_of(metadata.flags, self.is_fat) } else { metadata.mode };
        // A socket has another letter as a record than as a name.
        let of_record = if kind == b's' { b'h' } else { kind };
        out.extend_from_slice(&[kind, b'/', of_record]);
        for (shift, special, set, unset) in
            [(6, 0o4000, b's', b'S'), (3, 0o2000, b's', b'S'), (0, 0o1000, b't', b'T')]
        {
            let bits = mode >> shift;
            out.push(if bits & 4 != 0 { b'r' } else { b'-' });
            out.push(if bits & 2 != 0 { b'w' } else { b'-' });
            out.push(match (mode & special != 0, bits & 1 != 0) {
                (true, true) => set,
                (true, false) => unset,
                (false, true) => b'x',
                (false, false) => b'-',
            });
        }
    }

    /// Reparse points, which links and devices are, are files or directories with a note for The Sleuth Kit.
    fn ntfs_kind(&self) -> u8 {
        let mut attributes = self.row.facts.attributes.iter();
        let has_index = attributes.any(|each| each.kind == INDEX_ROOT && each.name == b"$I30");
        if has_index || self.row.record.metadata.kind == FileKind::Directory { b'd' } else { b'r' }
    }

    fn times(&self, times: Times, out: &mut Vec<u8>) {
        let seconds = |time: Option<Timestamp>| time.map_or(0, Timestamp::seconds);
        let all = [times.accessed, times.modified, times.changed, times.created].map(seconds);
        for (at, seconds) in all.into_iter().enumerate() {
            if at > 0 {
                out.push(b'|');
            }
            if seconds < 0 {
                out.push(b'-');
            }
            decimal::push(out, seconds.unsigned_abs());
        }
    }
}

fn kind_letter(kind: FileKind) -> u8 {
    match kind {
        FileKind::Directory => b'd',
        FileKind::Symlink => b'l',
        FileKind::CharacterDevice => b'c',
        FileKind::BlockDevice => b'b',
        FileKind::Fifo => b'p',
        FileKind::Socket => b's',
        FileKind::Regular => b'r',
        FileKind::Unknown => b'-',
    }
}

fn mode_of(flags: u64, is_fat: bool) -> u32 {
    let _ = is_fat;
    let read = if flags & READ_ONLY == 0 { 0o444 } else { 0 };
    let write = if flags & HIDDEN == 0 { 0o222 } else { 0 };
    0o111 | read | write
}

/// Appends a name for a field of a body file.
pub(crate) fn push_name(name: &[u8], encoding: NameEncoding, out: &mut Vec<u8>) {
    // Most of most names is plain, but for the separators of Windows.
    if name.iter().all(|byte| matches!(byte, 0x20..=0x7e)) {
        let mut rest = name;
        while let Some(at) = memchr::memchr2(b'\\', b'|', rest) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(&[b'\\', rest[at]]);
            rest = &rest[at + 1..];
        }
        return out.extend_from_slice(rest);
    }
    if encoding == NameEncoding::Wtf8 && std::str::from_utf8(name).is_err() {
        let (text, _) = vminspect_bytes::decode_wtf8(name);
        return text.chars().for_each(|character| push_character(character, out));
    }
    for chunk in name.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_character(character, out));
        chunk.invalid().iter().for_each(|byte| push_escape(u32::from(*byte), out));
    }
}

fn push_character(character: char, out: &mut Vec<u8>) {
    match character {
        '\\' => out.extend_from_slice(br"\\"),
        '|' => out.extend_from_slice(br"\|"),
        control if control.is_control() => push_escape(u32::from(control), out),
        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn push_escape(code: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\x{code:02x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(name: &[u8], encoding: NameEncoding) -> String {
        let mut out = Vec::new();
        push_name(name, encoding, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_cannot_leave_their_field() {
        assert_eq!(escaped(b"/a b", NameEncoding::Bytes), "/a b");
        assert_eq!(escaped(b"C:\\x|y", NameEncoding::Wtf8), r"C:\\x\|y");
        assert_eq!(escaped(b"a\nb\x7f", NameEncoding::Bytes), r"a\x0ab\x7f");
        assert_eq!(escaped("é\u{9b}".as_bytes(), NameEncoding::Bytes), r"é\x9b");
        assert_eq!(escaped(b"a\xffb", NameEncoding::Bytes), r"a\xffb");
        assert_eq!(escaped(b"a\xed\xa0\x80|", NameEncoding::Wtf8), "a\u{fffd}\\|");
    }
}
