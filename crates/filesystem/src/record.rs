use smallvec::SmallVec;
use vminspect_bytes::ByteRange;

use crate::{Error, FileId, Metadata, Whereabouts};

/// Where a run of a file's content lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// From this byte of [`crate::FileSystem::view`] on. Beyond the end of the view where the tables that say
    /// so are damaged or the volume is cut short: reading there fails.
    Volume(u64),
    /// Nowhere: a hole, or blocks that were reserved and never written. Reads as zeros.
    Zero,
}

/// A contiguous piece of a file's content, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// First position in the file.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Where they are.
    pub place: Place,
}

/// How a file's content is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// As runs, in order; what no run covers is a hole. The last run may pass the file's size.
    Runs(SmallVec<[Run; 2]>),
    /// Inside metadata: inline data, a fast symlink's target.
    Inline(Box<[u8]>),
    /// As runs of compressed or encrypted bytes. Where these are equal and at the same places, so is the
    /// content; otherwise it has to be read through [`crate::FileSystem::open`].
    Encoded(SmallVec<[Run; 2]>),
    /// The file can only be read through [`crate::FileSystem::open`]; its bytes have no place of their own.
    Opaque,
    /// None: devices, pipes, sockets.
    None,
}

/// A named stream of a file (NTFS's alternate data streams). It has an id of its own, by which it is opened
/// and described as if it were a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedStream {
    /// The stream. Its metadata is that of the file, but for the size.
    pub id: FileId,
    /// Name, as stored in [`crate::FileSystem::name_encoding`].
    pub name: Vec<u8>,
    /// Length in bytes.
    pub size: u64,
    /// Where it is.
    pub content: Content,
    /// Whether it is the filesystem's own, such as the compressed form of the file's content.
    pub internal: bool,
}

/// A file as [`crate::FileSystem::scan`] yields it: everything its record says, merged from wherever the
/// format spreads it.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the record says.
    pub metadata: Metadata,
    /// The record itself, on [`crate::FileSystem::view`].
    pub place: ByteRange,
    /// Everything else on the view that this record was made from: extent blocks, indirect blocks, the
    /// external attribute block, the inodes that hold large attribute values. With `place` and the
    /// filesystem's [`crate::FileSystem::layout_key`], they determine the record entirely (with its extended
    /// attributes), but for what its content blocks hold.
    pub depends: SmallVec<[ByteRange; 1]>,
    /// Where the content is.
    pub content: Content,
    /// Its named streams, sorted by name. Directories can have some, too.
    pub streams: Vec<NamedStream>,
    /// Whether it has extended attributes.
    pub has_attributes: bool,
    /// Of a deleted file: how it is known where its content is.
    pub whereabouts: Whereabouts,
    /// What is wrong with the record. It was read as far as it could be.
    pub problems: Vec<Error>,
}

impl Record {
    /// A record of which no more is known.
    pub(crate) fn new(metadata: Metadata, place: ByteRange) -> Self {
        Self {
            metadata,
            place,
            depends: SmallVec::new(),
            content: Content::None,
            streams: Vec::new(),
            has_attributes: false,
            whereabouts: Whereabouts::Recorded,
            problems: Vec::new(),
        }
    }
}
