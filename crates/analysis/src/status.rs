//! Everything that is known of one file.

use std::path::PathBuf;
use std::sync::Arc;

use vminspect_bytes::{ByteRange, Origin, ReadAt, ReadAtExt};
use vminspect_filesystem::{
    Allocation, Content, Detail, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Metadata, Place,
    Record, Remains, Stream,
};
use vminspect_guest::{Guest, Located};

use crate::finding::GuestPath;
use crate::recover::remains_of;

/// Pieces of content that are told.
const MOST_PIECES: usize = 10_000;

/// All that is known of a file, or of a named stream of one.
#[derive(Clone, Debug)]
pub struct FileStatus {
    /// Where it is, as it was asked for.
    pub path: GuestPath,
    /// Position of its volume, from 1.
    pub volume: usize,
    /// The format of the filesystem.
    pub format: &'static str,
    /// Its id, as its format says it ([`FileSystem::id_text`]).
    pub id_text: String,
    /// What the filesystem records of it.
    pub metadata: Metadata,
    /// Names of its flags.
    pub flags: Vec<&'static str>,
    /// What only its format records, volatile things too.
    pub details: Vec<Detail>,
    /// Extended attributes.
    pub attributes: Vec<ExtendedAttribute>,
    /// The names that its own record gives it, with their directories.
    pub names: Vec<NameInRecord>,
    /// Its named streams.
    pub streams: Vec<StreamStatus>,
    /// Target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// The record, on the volume as the filesystem sees it.
    pub record: ByteRange,
    /// How the content is stored: `runs`, `inline`, `encoded`, `opaque` or `none`.
    pub storage: &'static str,
    /// Bytes that its runs take on the volume, where it has some.
    pub allocated: Option<u64>,
    /// Where the content lies.
    pub pieces: Vec<PieceStatus>,
    /// Whether there are more pieces than are told.
    pub more_pieces: bool,
    /// Of a deleted regular file: how much of its content is left.
    pub remains: Option<Remains>,
    /// What is wrong with it, or could not be read.
    pub problems: Vec<String>,
}

/// A name that a record gives its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameInRecord {
    /// The id of its directory.
    pub parent: FileId,
    /// That id, as its format says it.
    pub parent_text: String,
    /// The name.
    pub name: GuestPath,
}

/// A named stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamStatus {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: GuestPath,
    /// Its length.
    pub size: u64,
    /// How it is stored, as [`FileStatus::storage`].
    pub storage: &'static str,
}

/// A contiguous piece of content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PieceStatus {
    /// Its place in the stored content.
    pub range: ByteRange,
    /// Its place on the disk, from the disk's start; `None` for a hole.
    pub disk: Option<u64>,
    /// Where the bytes come from.
    pub host: HostPlace,
}

/// Where on the host bytes come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPlace {
    /// They lie in this file, from this byte.
    Stored {
        /// The host file.
        file: PathBuf,
        /// Byte in it.
        offset: u64,
    },
    /// They are decoded from a unit in this file that begins at this byte.
    Encoded {
        /// The host file.
        file: PathBuf,
        /// First byte of the unit.
        offset: u64,
        /// Bytes of the unit.
        length: u64,
    },
    /// Nowhere: zeros.
    Zero,
    /// Nothing can say.
    Unknown,
}

/// Looks at the file that `path` led to.
///
/// # Errors
/// When its volume has no filesystem, or its record cannot be read.
pub fn status(guest: &Guest, located: Located, path: &[u8]) -> Result<FileStatus, Error> {
    let volume = guest.volumes().get(located.volume);
    let filesystem = volume.and_then(|volume| volume.filesystem.as_ref());
    let (Some(volume), Some(filesystem)) = (volume, filesystem) else {
        return Err(Error::NotFound("a filesystem that can be read".to_owned()));
    };
    let record = filesystem.restored(located.file)?;
    let encoding = filesystem.name_encoding();
    let mut problems: Vec<String> = record.problems.iter().map(ToString::to_string).collect();
    let mut details = told(filesystem.details(&record), &mut problems);
    details.sort_by_key(|detail| detail.field);
    let names = told(filesystem.names(located.file), &mut problems).into_iter();
    let is_gone =
        record.metadata.allocation == Allocation::Deleted && record.metadata.kind == FileKind::Regular;
    let is_link = record.metadata.kind == FileKind::Symlink;
    let target = is_link.then(|| told(filesystem.read_link(located.file).map(Some), &mut problems)).flatten();
    let streams = record.streams.iter().map(|stream| StreamStatus {
        id: stream.id,
        name: GuestPath::new(stream.name.clone(), encoding),
        size: stream.size,
        storage: storage(&stream.content),
    });
    let mut status = FileStatus {
        path: GuestPath::new(path.to_vec(), encoding),
        volume: volume.position,
        format: filesystem.identity().format,
        id_text: filesystem.id_text(record.metadata.id),
        metadata: record.metadata,
        flags: filesystem.flag_names(record.metadata.flags),
        details,
        attributes: told(filesystem.attributes(located.file), &mut problems),
        names: names
            .map(|name| NameInRecord {
                parent: name.parent,
                parent_text: filesystem.id_text(name.parent),
                name: GuestPath::new(name.name, encoding),
            })
            .collect(),
        streams: streams.collect(),
        target,
        record: record.place,
        storage: storage(&record.content),
        allocated: allocated(&record.content),
        pieces: Vec::new(),
        more_pieces: false,
        remains: is_gone.then(|| remains_of(&**filesystem, &record, Stream::Data)),
        problems,
    };
    let start = volume.volume.range.start();
    match &record.content {
        Content::Runs(_) | Content::Encoded(_) => runs(guest, filesystem, start, &record, &mut status),
        Content::Inline(_) => inline(guest, filesystem, &record, &mut status),
        Content::Opaque | Content::None => {}
    }
    Ok(status)
}

/// What was read, or nothing and a problem.
fn told<T: Default>(result: Result<T, Error>, problems: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        problems.push(error.to_string());
        T::default()
    })
}

const fn storage(content: &Content) -> &'static str {
    match content {
        Content::Runs(_) => "runs",
        Content::Inline(_) => "inline",
        Content::Encoded(_) => "encoded",
        Content::Opaque => "opaque",
        Content::None => "none",
    }
}

/// Bytes of the runs that lie on the volume.
fn allocated(content: &Content) -> Option<u64> {
    match content {
        Content::Runs(runs) | Content::Encoded(runs) => {
            let stored = runs.iter().filter(|run| matches!(run.place, Place::Volume(_)));
            Some(stored.fold(0, |sum, run| sum.saturating_add(run.length)))
        }
        Content::Inline(_) => Some(0),
        Content::Opaque | Content::None => None,
    }
}

/// Tells where the runs lie, split where the host's places are.
fn runs(
    guest: &Guest,
    filesystem: &Arc<dyn FileSystem>,
    start: u64,
    record: &Record,
    status: &mut FileStatus,
) {
    let (Content::Runs(runs) | Content::Encoded(runs)) = &record.content else { return };
    let view = filesystem.view();
    for run in runs {
        let Place::Volume(place) = run.place else {
            let range = ByteRange::at(run.start, run.length);
            push(status, PieceStatus { range, disk: None, host: HostPlace::Zero });
            continue;
        };
        let inside = ByteRange::at(place, run.length).intersection(ByteRange::at(0, view.len()));
        for extent in view.extents(inside) {
            let Ok(extent) = extent.map_err(|error| status.problems.push(error.to_string())) else { break };
            let ahead = extent.range.start().saturating_sub(place);
            let range = ByteRange::at(run.start.saturating_add(ahead), extent.range.len());
            let disk = Some(start.saturating_add(extent.range.start()));
            if push(status, PieceStatus { range, disk, host: host_place(guest, extent.origin) }) {
                return;
            }
        }
    }
}

/// Tells where content in a record lies, as far as the filesystem can say.
fn inline(guest: &Guest, filesystem: &Arc<dyn FileSystem>, record: &Record, status: &mut FileStatus) {
    let Ok(content) = filesystem.open_record(record, Stream::Data) else { return };
    for extent in content.extents(ByteRange::at(0, content.len())).flatten() {
        let host = host_place(guest, extent.origin);
        if host != HostPlace::Unknown && push(status, PieceStatus { range: extent.range, disk: None, host }) {
            return;
        }
    }
}

/// Adds a piece, or to the last one where it goes on there. Whether there is no room for more.
fn push(status: &mut FileStatus, piece: PieceStatus) -> bool {
    if let Some(last) = status.pieces.last_mut()
        && last.range.end() == piece.range.start()
        && continues(last, &piece)
    {
        last.range = ByteRange::new(last.range.start(), piece.range.end());
        return false;
    }
    status.more_pieces = status.pieces.len() >= MOST_PIECES;
    if !status.more_pieces {
        status.pieces.push(piece);
    }
    status.more_pieces
}

fn continues(last: &PieceStatus, next: &PieceStatus) -> bool {
    let length = last.range.len();
    let disk = last.disk.map(|disk| disk.saturating_add(length)) == next.disk;
    let host = match (&last.host, &next.host) {
        (HostPlace::Stored { file, offset }, HostPlace::Stored { file: other, offset: at }) => {
            file == other && offset.saturating_add(length) == *at
        }
        (HostPlace::Zero, HostPlace::Zero) | (HostPlace::Unknown, HostPlace::Unknown) => true,
        _ => false,
    };
    disk && host
}

fn host_place(guest: &Guest, origin: Origin) -> HostPlace {
    let path = |store| {
        let file = guest.disk().host_files().iter().find(|file| file.store() == store);
        file.map(|file| file.path().to_owned())
    };
    let known = match origin {
        Origin::Stored { store, offset } => path(store).map(|file| HostPlace::Stored { file, offset }),
        Origin::Encoded { store, offset, length, .. } => {
            path(store).map(|file| HostPlace::Encoded { file, offset, length })
        }
        Origin::Zero => Some(HostPlace::Zero),
        Origin::Unknown => None,
    };
    known.unwrap_or(HostPlace::Unknown)
}
