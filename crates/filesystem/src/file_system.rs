use std::sync::Arc;

use vminspect_bytes::{ByteRange, RangeSet, ReadAt};

use crate::{Error, ExtendedAttribute, FileId, FileKind, Metadata, Record, Result};

/// How a filesystem stores names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameEncoding {
    /// Bytes, by custom UTF-8.
    Bytes,
    /// UTF-16, little-endian.
    Utf16Le,
}

/// What tells one filesystem from another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// The exact format, such as `ext4`.
    pub format: &'static str,
    /// UUID or serial number as `blkid` and `fstab` spell it.
    pub uuid: Option<String>,
    /// Label, as stored.
    pub label: Option<Vec<u8>>,
    /// Bytes in an allocation unit.
    pub block_size: u64,
    /// Bytes of the filesystem as it records its own size.
    pub size: u64,
    /// Files (inodes) in use, where the format counts them.
    pub files: Option<u64>,
    /// Features and states worth telling, in the format's words: `64bit`, `needs_recovery`.
    pub features: Vec<String>,
}

/// A stream of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream<'a> {
    /// The content.
    Data,
    /// A named stream, its name as stored.
    Named(&'a [u8]),
}

/// A name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name as stored, in [`FileSystem::name_encoding`]. Not a directory's own `.` and `..`; damage can
    /// leave such a name elsewhere, and it is then yielded after an error that says so.
    pub name: Vec<u8>,
    /// The file it names.
    pub id: FileId,
    /// The kind that the directory records, where it does. The file's own record decides.
    pub kind: Option<FileKind>,
}

/// The entries of a directory. Goes on after an error.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry>> + Send + 'a>;

/// A part of a [`Scan`] that one thread works on: a stretch of an inode table or of the MFT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanUnit {
    /// The stretch, on [`FileSystem::view`].
    pub range: ByteRange,
    /// The first record in it, in the format's own count.
    pub first: u64,
    /// How many records it holds.
    pub count: u64,
}

/// The work of reading every record of some areas, in units that can be read in parallel and whose order is
/// storage order.
pub struct Scan<'a> {
    /// The units, in storage order.
    pub units: Vec<ScanUnit>,
    /// What could not be planned, such as a group with a damaged descriptor.
    pub problems: Vec<Error>,
    /// Calls its second argument with each record of a unit. A bad record is passed on as an error.
    #[expect(clippy::type_complexity, reason = "one visitor, named nowhere else")]
    pub visit: Box<dyn Fn(&ScanUnit, &mut dyn FnMut(Result<Record>)) + Send + Sync + 'a>,
}

/// A filesystem, read-only and readable from many threads at once.
pub trait FileSystem: Send + Sync {
    /// What tells it from others.
    fn identity(&self) -> Identity;

    /// How names are stored.
    fn name_encoding(&self) -> NameEncoding;

    /// The root directory.
    fn root(&self) -> FileId;

    /// The volume as this filesystem sees it: with its journal replayed, in memory, where it needs that.
    /// All places are positions of this view.
    fn view(&self) -> &Arc<dyn ReadAt>;

    /// What the meaning of records depends on, besides their own bytes: geometry, features, seeds. A record
    /// with equal bytes at the same place under an equal key is an equal record.
    fn layout_key(&self) -> Vec<u8>;

    /// What was found wrong, or noteworthy, while the filesystem was opened.
    fn problems(&self) -> Vec<Error>;

    /// Whether a file is the filesystem's own, such as ext's journal: in use though no directory names it.
    fn is_internal(&self, _record: &Record) -> bool {
        false
    }

    /// What the filesystem records of a file.
    ///
    /// # Errors
    /// When there is no such file or its record cannot be read.
    fn metadata(&self, file: FileId) -> Result<Metadata>;

    /// The whole record of a file, as a scan yields it.
    ///
    /// # Errors
    /// When there is no such file or its record cannot be read.
    fn record(&self, file: FileId) -> Result<Record>;

    /// Extended attributes of a file, sorted by name.
    ///
    /// # Errors
    /// When a structure that holds them cannot be read.
    fn attributes(&self, file: FileId) -> Result<Vec<ExtendedAttribute>>;

    /// The entries of a directory, in the order in which they are stored, without `.` and `..`.
    ///
    /// # Errors
    /// When it is no directory or cannot be read at all.
    fn entries(&self, directory: FileId) -> Result<Entries<'_>> {
        let record = self.record(directory)?;
        self.entries_of(&record)
    }

    /// The same, for a record that is at hand.
    ///
    /// # Errors
    /// As [`FileSystem::entries`].
    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>>;

    /// Names that a directory held once and whose slots were not used again. Best effort: the file a name
    /// points to may have another content by now.
    ///
    /// # Errors
    /// As [`FileSystem::entries`].
    fn deleted_entries(&self, directory: FileId) -> Result<Entries<'_>>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it has no such stream or its runs cannot be read.
    fn open(&self, file: FileId, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        let record = self.record(file)?;
        self.open_record(&record, stream)
    }

    /// The same, for a record that is at hand.
    ///
    /// # Errors
    /// As [`FileSystem::open`].
    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>>;

    /// Target of a symbolic link, as stored.
    ///
    /// # Errors
    /// When the file is no link or its target cannot be read.
    fn read_link(&self, file: FileId) -> Result<Vec<u8>>;

    /// Where the records of files lie, as far as any were ever used.
    fn record_areas(&self) -> RangeSet;

    /// Every record in `areas` of the view (`None`: all that are in use), in storage order. With `deleted`, records that are
    /// not in use are yielded too, also from beyond the part that the format says was ever used.
    fn scan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_>;
}
