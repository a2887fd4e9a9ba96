//! A file's records as the record that the rest of the workspace knows.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::address::FileKey;
use super::compression::wof::{self, STREAM_NAME};
use super::directory::INDEX_NAME;
use super::file::{File, MOST_PROBLEMS, Part};
use super::file_name::FileName;
use super::file_record::RecordHeader;
use super::layout::{
    FILE_ATTRIBUTE_OFFLINE, FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS, FILE_ATTRIBUTE_RECALL_ON_OPEN,
    attribute_type,
};
use super::reparse::{self, DEDUPLICATED, ReparsePoint, Target};
use super::standard_information::StandardInformation;
use super::value::{Storage, Value};
use super::volume::Ntfs;
use crate::{
    Allocation, Content, Error, FileId, FileKind, Metadata, NamedStream, Place, Record, Run, Whereabouts,
};

/// Named streams of a file that get a number of their own.
const MOST_STREAMS: usize = 65_535;

/// Why the content of a file is not that of its unnamed `$DATA`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Overlay {
    /// The Windows overlay filter puts it together; its reparse data.
    Wof(Box<[u8]>),
    /// It is in the store of deduplicated chunks.
    Deduplicated,
    /// It is in a cloud; the tag.
    Cloud(String),
}

/// What a file's attributes say, before it is known who asks.
pub(super) struct Facts {
    pub(super) information: Option<StandardInformation>,
    pub(super) links: u32,
    /// The value of `$REPARSE_POINT`, and where it lies.
    pub(super) reparse: Option<(Box<[u8]>, u64)>,
    pub(super) overlay: Option<Overlay>,
    pub(super) kind: FileKind,
}

impl Facts {
    /// Reads the facts of a file; what is wrong is added to its problems.
    pub(super) fn of(fs: &Ntfs, file: &mut File<'_>) -> Self {
        let information = file.value(attribute_type::STANDARD_INFORMATION).map(StandardInformation::parse);
        if information == Some(None) {
            let error = super::file_record::damaged_record(file.header.number, file.header.place);
            file.problems.push(error.found("standard information cut short"));
        }
        let information = information.flatten();
        let names = file.of_type(attribute_type::FILE_NAME).filter_map(|part| part.attribute.value());
        let links = names.filter(|value| FileName::parse(value).is_some_and(|name| !name.is_dos())).count();
        let reparse = read_reparse(fs, file);
        let point = reparse.as_ref().and_then(|(value, _)| ReparsePoint::parse(value).ok());
        let overlay = point.and_then(|point| overlay(&point, information.as_ref()));
        let plain = if file.header.is_directory { FileKind::Directory } else { FileKind::Regular };
        let kind = point.and_then(|point| point.kind()).unwrap_or(plain);
        Self { information, links: u32::try_from(links).unwrap_or(u32::MAX), reparse, overlay, kind }
    }
}

impl Facts {
    /// Where the file leads, if it is a link of any kind.
    ///
    /// # Errors
    /// When its reparse point is cut short.
    pub(super) fn target(&self) -> Result<Option<Target>, ReadError> {
        let Some((value, place)) = &self.reparse else { return Ok(None) };
        match ReparsePoint::parse(value) {
            Ok(point) => point.target(*place),
            Err(found) => Err(ReadError::corrupt("reparse point").at(*place).found(found)),
        }
    }
}

fn overlay(point: &ReparsePoint<'_>, information: Option<&StandardInformation>) -> Option<Overlay> {
    let attributes = information.map_or(0, |information| information.file_attributes);
    let recall =
        FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_RECALL_ON_OPEN | FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS;
    match point.tag {
        reparse::WOF => Some(Overlay::Wof(point.data.into())),
        DEDUPLICATED => Some(Overlay::Deduplicated),
        _ if point.is_cloud() && attributes & recall != 0 => Some(Overlay::Cloud(point.name())),
        _ => None,
    }
}

/// The value of the reparse point, which a long one has outside its record.
fn read_reparse(fs: &Ntfs, file: &mut File<'_>) -> Option<(Box<[u8]>, u64)> {
    let parts = file.parts_of(attribute_type::REPARSE_POINT, "");
    let first = parts.first()?;
    let place = first.record.place.start();
    let mut problems = Vec::new();
    let value = Value::of(fs, &parts, &mut problems);
    file.problems.append(&mut problems);
    let value = value?;
    let bytes = match value.resident() {
        Some(bytes) => Ok(bytes.to_vec()),
        None => {
            add_places(&value, &mut file.depends);
            let content = fs.open_value(&value);
            content.and_then(|content| vminspect_bytes::ReadAtExt::read_all(&content, reparse::LONGEST))
        }
    };
    let checked = bytes.and_then(|bytes| {
        let error = |found| {
            super::attribute::damaged(
                format!("reparse point of MFT record {}", file.header.number.0),
                place,
                first.attribute.offset,
            )
            .found(found)
        };
        ReparsePoint::parse(&bytes).map_err(error)?;
        Ok(bytes)
    });
    match checked {
        Ok(bytes) => Some((bytes.into(), place)),
        Err(error) => {
            file.problems.push(error);
            None
        }
    }
}

/// Adds where a value lies on the view.
fn add_places(value: &Value, depends: &mut SmallVec<[ByteRange; 1]>) {
    if let Storage::Runs(runs) = &value.storage {
        for run in &runs.runs {
            if let Place::Volume(start) = run.place {
                depends.push(ByteRange::at(start, run.length));
            }
        }
    }
}

/// The named streams of a file, sorted by name, by the parts of their values.
pub(super) fn stream_parts<'a>(file: &File<'a>) -> Vec<SmallVec<[Part<'a>; 2]>> {
    let mut streams: Vec<SmallVec<[Part<'a>; 2]>> = Vec::new();
    for part in file.of_type(attribute_type::DATA).filter(|part| !part.attribute.name.is_empty()) {
        match streams.last_mut() {
            Some(last) if last.first().is_some_and(|first| first.attribute.name == part.attribute.name) => {
                last.push(*part);
            }
            _ => streams.push(SmallVec::from_slice(&[*part])),
        }
    }
    if streams.len() > 1 {
        // Records have them in the order of the volume's upper case.
        streams.sort_by_cached_key(|parts| parts.first().map(|first| first.attribute.name_wtf8()));
    }
    streams
}

/// Makes records of files.
#[derive(Clone, Copy)]
pub(super) struct Recorder<'a> {
    pub(super) fs: &'a Ntfs,
}

impl Recorder<'_> {
    /// The record of a file, whose problems it takes.
    pub(super) fn record(self, file: &mut File<'_>) -> Record {
        let facts = Facts::of(self.fs, file);
        let data = self.value(file, attribute_type::DATA, "");
        let (streams, compressed) = self.streams(file, &facts);
        let (content, size) = self.content(file, &facts, data.as_ref(), compressed);
        let has_attributes = file.of_type(attribute_type::EA).next().is_some();
        let key = FileKey { reference: file.header.reference(), stream: 0 };
        let metadata = self.metadata(key.id(), &file.header, &facts, size);
        if facts.information.is_none() && self.fs.is_user_file(file.header.number) {
            let error = super::file_record::damaged_record(file.header.number, file.header.place);
            file.problems.push(error.expected("standard information").found("none"));
        }
        file.problems.truncate(MOST_PROBLEMS);
        Record {
            metadata,
            place: file.header.place,
            depends: std::mem::take(&mut file.depends),
            content,
            streams,
            has_attributes,
            whereabouts: Whereabouts::Recorded,
            problems: file.problems.drain(..).map(Error::from).collect(),
        }
    }

    fn value(self, file: &mut File<'_>, type_code: u32, name: &str) -> Option<Value> {
        let parts = file.parts_of(type_code, name);
        let mut problems = Vec::new();
        let value = Value::of(self.fs, &parts, &mut problems);
        file.problems.append(&mut problems);
        value
    }

    /// The content of a file, and its length.
    fn content(
        self,
        file: &mut File<'_>,
        facts: &Facts,
        data: Option<&Value>,
        compressed: Option<Value>,
    ) -> (Content, u64) {
        let size = data.map_or(0, |value| value.size);
        match facts.kind {
            FileKind::Directory => return self.directory(file),
            FileKind::Regular => {}
            FileKind::Symlink => {
                let target = facts.target().map(|target| target.map(|target| target.path));
                let target = target.unwrap_or_else(|error| {
                    file.problems.push(error);
                    None
                });
                let target = target.unwrap_or_default();
                let length = super::widen(target.len());
                return (Content::Inline(target.into()), length);
            }
            _ => return (Content::None, size),
        }
        match &facts.overlay {
            Some(Overlay::Wof(data)) => match (wof::Provider::from_bytes(data), compressed) {
                (Ok(wof::Provider::File { .. }), Some(value)) => (encoded(&value), size),
                _ => (Content::Opaque, size),
            },
            // Its content lies elsewhere, but what it is depends on the record alone.
            Some(Overlay::Deduplicated | Overlay::Cloud(_)) => (Content::Encoded(SmallVec::new()), size),
            None => (data.map_or(Content::Inline(Box::default()), plain), size),
        }
    }

    /// Where the names in a directory lie. Small ones have all in the record.
    fn directory(self, file: &mut File<'_>) -> (Content, u64) {
        let root = file.parts_of(attribute_type::INDEX_ROOT, INDEX_NAME);
        let root = root.first().and_then(|part| part.attribute.value());
        let blocks = self.value(file, attribute_type::INDEX_ALLOCATION, INDEX_NAME);
        let Some(blocks) = blocks else {
            let root = root.unwrap_or_default();
            return (Content::Inline(root.into()), super::widen(root.len()));
        };
        if let Some(bitmap) = self.value(file, attribute_type::BITMAP, INDEX_NAME) {
            add_places(&bitmap, &mut file.depends);
        }
        match blocks.storage {
            Storage::Runs(stored) => (Content::Runs(stored.written(blocks.size)), blocks.size),
            Storage::Resident { .. } => (Content::Opaque, blocks.size),
        }
    }

    /// The named streams, and apart from them that of the overlay filter.
    fn streams(self, file: &mut File<'_>, facts: &Facts) -> (Vec<NamedStream>, Option<Value>) {
        let is_overlay = matches!(facts.overlay, Some(Overlay::Wof(_)));
        let mut streams = Vec::new();
        let mut compressed = None;
        let all = stream_parts(file);
        if all.len() > MOST_STREAMS {
            let error = super::file_record::damaged_record(file.header.number, file.header.place);
            file.problems.push(
                error
                    .expected(format!("at most {MOST_STREAMS} named streams"))
                    .found(format!("{}, the last of which are left out", all.len())),
            );
        }
        for (number, parts) in (1_u16..=u16::MAX).zip(all) {
            let mut problems = Vec::new();
            let (Some(first), Some(value)) = (parts.first(), Value::of(self.fs, &parts, &mut problems))
            else {
                continue;
            };
            file.problems.append(&mut problems);
            let internal = is_overlay && first.attribute.has_name(STREAM_NAME);
            let key = FileKey { reference: file.header.reference(), stream: number };
            streams.push(NamedStream {
                id: key.id(),
                name: first.attribute.name_wtf8(),
                size: value.size,
                content: plain(&value),
                internal,
            });
            if internal {
                compressed = Some(value);
            }
        }
        (streams, compressed)
    }

    pub(super) fn metadata(self, id: FileId, header: &RecordHeader, facts: &Facts, size: u64) -> Metadata {
        let allocation = if !header.in_use {
            Allocation::Deleted
        } else if self.fs.is_orphan(header.reference()) {
            Allocation::Orphan
        } else {
            Allocation::Allocated
        };
        Metadata {
            id,
            kind: facts.kind,
            allocation,
            size,
            links: facts.links,
            mode: 0,
            uid: 0,
            gid: 0,
            project: None,
            generation: u64::from(header.sequence),
            flags: facts.information.map_or(0, |information| information.flags()),
            device: None,
            times: facts.information.map(|information| information.times).unwrap_or_default(),
        }
    }
}

/// A value as content.
fn plain(value: &Value) -> Content {
    match &value.storage {
        Storage::Resident { bytes, .. } => Content::Inline(bytes.clone()),
        Storage::Runs(runs) if runs.encrypted || runs.compression.is_some() => {
            Content::Encoded(runs.runs.clone())
        }
        Storage::Runs(runs) => Content::Runs(runs.written(value.size)),
    }
}

/// Compressed content whose bytes are in a value.
fn encoded(value: &Value) -> Content {
    match &value.storage {
        // In the record: where that is equal, so is the content.
        Storage::Resident { .. } => Content::Encoded(SmallVec::new()),
        Storage::Runs(runs) => Content::Encoded(runs.runs.clone()),
    }
}

/// Runs on the volume.
pub(super) fn stored_runs(content: &Content) -> impl Iterator<Item = Run> + '_ {
    let runs = match content {
        Content::Runs(runs) | Content::Encoded(runs) => runs.as_slice(),
        _ => &[],
    };
    runs.iter().copied()
}

/// Says that content is elsewhere.
pub(super) fn elsewhere(overlay: &Overlay) -> ReadError {
    match overlay {
        Overlay::Deduplicated => ReadError::unsupported("deduplicated file")
            .found("content that is in the chunk store (reparse tag DEDUP, 0x80000013)"),
        Overlay::Cloud(tag) => ReadError::unsupported("cloud file")
            .found(format!("content that is in a cloud (reparse tag {tag}) and not on this disk")),
        Overlay::Wof(_) => ReadError::unsupported("file of the Windows overlay filter"),
    }
}
