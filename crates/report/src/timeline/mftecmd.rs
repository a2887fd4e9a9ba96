//! The CSV that MFTECmd writes of an `$MFT`: a line for each long name of a file, and one for each named stream.

use std::io::Write;

use vminspect_analysis::timeline::{FileRow, State};
use vminspect_bytes::{Guid, Timestamp};
use vminspect_filesystem::{Content, FileKind, RecordName, StoredAttribute, Times};

use super::words;
use crate::csv::Line;

/// The first line.
pub const HEADER: &str = "EntryNumber,SequenceNumber,InUse,ParentEntryNumber,ParentSequenceNumber,ParentPath,\
FileName,Extension,FileSize,ReferenceCount,ReparseTarget,IsDirectory,HasAds,IsAds,SI<FN,uSecZeros,Copied,SiFlags,\
NameType,Created0x10,Created0x30,LastModified0x10,LastModified0x30,LastRecordChange0x10,LastRecordChange0x30,\
LastAccess0x10,LastAccess0x30,UpdateSequenceNumber,LogfileSequenceNumber,SecurityId,ObjectIdFileDroid,\
LoggedUtilStream,ZoneIdContents,SourceFile";

/// Type code of `$DATA`.
const DATA: u32 = 0x80;

/// Names of the bits of `$STANDARD_INFORMATION`'s file attributes.
const FLAGS: &[(u64, &str)] = &[
    (0x1, "ReadOnly"),
    (0x2, "Hidden"),
    (0x4, "System"),
    (0x8, "VolumeLabel"),
    (0x10, "Directory"),
    (0x20, "Archive"),
    (0x40, "NtfsDevice"),
    (0x80, "Normal"),
    (0x100, "Temporary"),
    (0x200, "SparseFile"),
    (0x400, "ReparsePoint"),
    (0x800, "Compressed"),
    (0x1000, "Offline"),
    (0x2000, "NotContentIndexed"),
    (0x4000, "Encrypted"),
    (0x8000, "IntegrityStream"),
    (0x1_0000, "Virtual"),
    (0x2_0000, "NoScrubData"),
    (0x1000_0000, "IsDirectory"),
    (0x2000_0000, "IsIndexView"),
];

/// Appends the lines of a file of NTFS: those of the name that this row's path is, and of the named streams. `source` is
/// what the records were read from. Nothing of files of other filesystems.
pub fn row(row: &FileRow<'_>, source: &str, out: &mut Vec<u8>) {
    if row.state == State::Reallocated {
        return;
    }
    let long = || row.facts.names.iter().filter(|name| !name.is_short());
    let of_path: Vec<&RecordName> = long().filter(|name| is_path_of(row, name)).collect();
    // A file whose names lead nowhere has one path, which is made up.
    let names = if of_path.is_empty() && row.is_first { long().collect() } else { of_path };
    for name in names {
        let line = MftLine { row, name, source };
        line.write(None, out);
        for stream in row.facts.attributes.iter().filter(|each| each.kind == DATA && !each.name.is_empty()) {
            line.write(Some(stream), out);
        }
    }
}

fn is_path_of(row: &FileRow<'_>, name: &RecordName) -> bool {
    row.is_root() || (row.name() == name.name && row.path_of_name(name) == row.path)
}

struct MftLine<'a> {
    row: &'a FileRow<'a>,
    name: &'a RecordName,
    source: &'a str,
}

impl MftLine<'_> {
    fn write(&self, stream: Option<&StoredAttribute>, out: &mut Vec<u8>) {
        // Memory takes all that is written.
        let _ = self.fields(stream, &mut Line::new(out));
        out.extend_from_slice(b"\r\n");
    }

    fn fields(&self, stream: Option<&StoredAttribute>, line: &mut Line<'_, Vec<u8>>) -> std::io::Result<()> {
        let (row, metadata, facts) = (self.row, &self.row.record.metadata, self.row.facts);
        let filesystem = row.filesystem;
        let text = |bytes: &[u8]| vminspect_bytes::decode_wtf8(bytes).0;
        let name = match stream {
            Some(stream) => format!("{}:{}", text(&self.name.name), text(&stream.name)),
            None => text(&self.name.name),
        };
        let is_directory = metadata.kind == FileKind::Directory || metadata.flags & 0x1000_0000 != 0;
        line.field(&filesystem.record_number(metadata.id).to_string())?;
        line.field(&metadata.generation.to_string())?;
        line.field(boolean(row.state.is_allocated()))?;
        let parent = self.name.parent.map(|parent| filesystem.id_text(parent)).unwrap_or_default();
        let (parent, sequence) = parent.split_once('-').unwrap_or((&parent, ""));
        line.field(parent)?;
        line.field(sequence)?;
        line.field(&self.parent_path())?;
        line.field(&name)?;
        line.field(&extension(&name, is_directory && stream.is_none()))?;
        line.field(&self.size(stream).to_string())?;
        line.field(&metadata.links.to_string())?;
        line.field(&facts.reparse_target.as_deref().map_or_else(String::new, text))?;
        line.field(boolean(is_directory && stream.is_none()))?;
        let has_streams = facts.attributes.iter().any(|each| each.kind == DATA && !each.name.is_empty());
        line.field(boolean(has_streams && stream.is_none()))?;
        line.field(boolean(stream.is_some()))?;
        self.signs(line)?;
        line.field(&flags(metadata.flags))?;
        line.field(match self.name.namespace {
            0 => "Posix",
            1 => "Windows",
            2 => "Dos",
            3 => "DosWindows",
            _ => "",
        })?;
        self.times(line)?;
        line.field(&facts.usn.map_or_else(String::new, |usn| usn.to_string()))?;
        line.field(&facts.log_sequence.to_string())?;
        line.field(&facts.security_id.map_or_else(String::new, |id| id.to_string()))?;
        line.field(&facts.object_id.map_or_else(String::new, |id| Guid(id).to_string().to_lowercase()))?;
        line.field(&facts.logged_stream.as_deref().map_or_else(String::new, text))?;
        line.field(&self.zone(stream))?;
        line.field(self.source)
    }

    /// The directory's path from the root of the volume, which is `.`.
    fn parent_path(&self) -> String {
        if self.row.is_root() {
            return ".".to_owned();
        }
        let path = self.row.path_of_name(self.name);
        let end = path.len().saturating_sub(self.name.name.len() + 1);
        let (directory, _) = vminspect_bytes::decode_wtf8(path.get(..end).unwrap_or_default());
        let inside = directory.split_once(char::from(self.row.separator)).map_or("", |(_, inside)| inside);
        if inside.is_empty() { ".".to_owned() } else { format!(".\\{inside}") }
    }

    fn size(&self, stream: Option<&StoredAttribute>) -> u64 {
        let data = self.row.facts.attributes.iter().find(|each| each.kind == DATA && each.name.is_empty());
        stream.or(data).map_or(0, |attribute| attribute.size)
    }

    fn signs(&self, line: &mut Line<'_, Vec<u8>>) -> std::io::Result<()> {
        let (times, given) = (self.row.times(), self.name.times);
        let earlier = |x: Option<Timestamp>, y: Option<Timestamp>| x.zip(y).is_some_and(|(x, y)| x < y);
        let zero = |time: Option<Timestamp>| time.is_some_and(|time| time.nanoseconds() == 0);
        line.field(boolean(earlier(times.created, given.created)))?;
        line.field(boolean(zero(times.created) || zero(times.modified)))?;
        line.field(boolean(earlier(times.modified, times.created)))
    }

    /// The times of `$STANDARD_INFORMATION`, each before that of the name where this is another.
    fn times(&self, line: &mut Line<'_, Vec<u8>>) -> std::io::Result<()> {
        let all = |times: Times| [times.created, times.modified, times.changed, times.accessed];
        for (own, given) in all(self.row.times()).into_iter().zip(all(self.name.times)) {
            line.field(&own.map_or_else(String::new, time))?;
            line.field(&given.filter(|given| Some(*given) != own).map_or_else(String::new, time))?;
        }
        Ok(())
    }

    /// What `Zone.Identifier` says.
    fn zone(&self, stream: Option<&StoredAttribute>) -> String {
        let is_zone = stream.is_some_and(|stream| stream.name.eq_ignore_ascii_case(b"Zone.Identifier"));
        let mut streams = self.row.record.streams.iter().filter(|_| is_zone);
        let zone = streams.find(|each| each.name.eq_ignore_ascii_case(b"Zone.Identifier"));
        match zone.map(|zone| &zone.content) {
            Some(Content::Inline(bytes)) => String::from_utf8_lossy(bytes).trim_end().to_owned(),
            _ => String::new(),
        }
    }
}

fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn extension(name: &str, is_directory: bool) -> String {
    match name.rfind('.') {
        Some(at) if !is_directory && at + 1 < name.len() => name[at..].to_owned(),
        _ => String::new(),
    }
}

fn flags(bits: u64) -> String {
    let set: Vec<&str> = FLAGS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "None".to_owned() } else { set.join("|") }
}

/// `yyyy-MM-dd HH:mm:ss.fffffff`.
fn time(time: Timestamp) -> String {
    let Some((year, month, day, hour, minute, second)) = words::civil(time) else {
        return crate::time::iso(time);
    };
    let mut text = Vec::new();
    let ticks = time.nanoseconds() / 100;
    let _ = write!(text, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ticks:07}");
    String::from_utf8(text).unwrap_or_default()
}
