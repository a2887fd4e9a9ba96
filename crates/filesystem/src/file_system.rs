use std::sync::Arc;

use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError, Timestamp};

use crate::{
    Error, ExtendedAttribute, FactsScan, FileId, FileKind, LocalTimes, Metadata, Record, RecordFacts, Result,
};

/// How a filesystem stores names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NameEncoding {
    /// Bytes, by custom UTF-8.
    Bytes,
    /// UTF-16 on the disk; handed out as WTF-8 ([`vminspect_bytes::push_wtf8`]), in which no unit is lost.
    Wtf8,
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
    /// The content as it is stored: compressed, or encrypted. The same as [`Stream::Data`] where it is neither.
    Stored,
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

/// A name that a file's own record gives it (`$FILE_NAME`), whether or not a directory still has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkName {
    /// The directory, as it was when the name was given.
    pub parent: FileId,
    /// The name, as [`Entry::name`].
    pub name: Vec<u8>,
}

/// A fact of a file's record that only its format has, in the format's own terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detail {
    /// What it is: `owner`, `dacl`, `file_name.created`.
    pub field: &'static str,
    /// Its value.
    pub value: DetailValue,
    /// Whether it changes with nearly every change of the file (a sequence number of a log), so that a
    /// comparison leaves it out.
    pub volatile: bool,
}

/// The value of a [`Detail`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DetailValue {
    /// A number.
    Number(u64),
    /// Text, such as a security identifier.
    Text(String),
    /// A time.
    Time(Timestamp),
    /// Bytes.
    Bytes(Vec<u8>),
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

    /// What two names have in common that the guest takes for one, where it ignores case: the name in upper
    /// case, by the volume's own table. `None` where case counts.
    fn fold_name(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The root directory.
    fn root(&self) -> FileId;

    /// The volume as this filesystem sees it: with its journal replayed, in memory, where it needs that.
    /// All places are positions of this view.
    fn view(&self) -> &Arc<dyn ReadAt>;

    /// What the meaning of records depends on, besides their own bytes: geometry, features, seeds. A record
    /// with equal bytes at the same place under an equal key is an equal record.
    fn layout_key(&self) -> Vec<u8>;

    /// Whether a record with equal bytes at the same place of a filesystem with the key `before` is an equal record of
    /// this one, for all places that both have: more of them may have been added here.
    fn shares_layout(&self, before: &[u8]) -> bool {
        self.layout_key() == before
    }

    /// An id as those who know the format would say it: the number of an inode, the record and the sequence number of
    /// a file of NTFS (`86-1`).
    fn id_text(&self, file: FileId) -> String {
        file.0.to_string()
    }

    /// The number of a file's record, without what tells successive files with one record apart.
    fn record_number(&self, file: FileId) -> u64 {
        file.0
    }

    /// The id that [`FileSystem::id_text`] makes this text of. It need not be a file's.
    fn parse_id(&self, text: &str) -> Option<FileId> {
        text.parse().ok().map(FileId)
    }

    /// What was found wrong, or noteworthy, while the filesystem was opened.
    fn problems(&self) -> Vec<Error>;

    /// Whether a file is the filesystem's own, such as ext's journal: in use though no directory names it.
    fn is_internal(&self, _record: &Record) -> bool {
        false
    }

    /// Names of the bits of [`Metadata::flags`] that a user sets. Bits that only say how content is stored are
    /// left out.
    fn flag_names(&self, _flags: u64) -> Vec<&'static str> {
        Vec::new()
    }

    /// What else the record of a file says, sorted by field.
    ///
    /// # Errors
    /// When a structure that holds it cannot be read.
    fn details(&self, _record: &Record) -> Result<Vec<Detail>> {
        Ok(Vec::new())
    }

    /// The names that the file's own record gives it, also of a deleted file. Empty where records hold none.
    ///
    /// # Errors
    /// When there is no such file or its record cannot be read.
    fn names(&self, _file: FileId) -> Result<Vec<LinkName>> {
        Ok(Vec::new())
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

    /// The record of a deleted file as it was before it was deleted, where the filesystem keeps older copies of it (ext's
    /// journal) and its record says less; its [`Record::whereabouts`] tells. Any other file's as
    /// [`FileSystem::record`]. The journal is read when this is asked for the first time.
    ///
    /// # Errors
    /// As [`FileSystem::record`].
    fn restored(&self, file: FileId) -> Result<Record> {
        self.record(file)
    }

    /// Deleted files of which older copies of records alone tell, since others use their records by now. Their ids
    /// can be used like any. With them, what could not be read of older copies. The journal is read for this.
    fn displaced(&self) -> (Vec<FileId>, Vec<Error>) {
        (Vec::new(), Vec::new())
    }

    /// As [`FileSystem::deleted_entries`], with the names that are found in older copies of the directory (ext's journal),
    /// which may be deleted itself. The journal is read for this.
    ///
    /// # Errors
    /// As [`FileSystem::entries`].
    fn former_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        self.deleted_entries(directory)
    }

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

    /// The same, for a record that is at hand.
    ///
    /// # Errors
    /// As [`FileSystem::entries`].
    fn deleted_entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        self.deleted_entries(directory.metadata.id)
    }

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

    /// Which parts of a stretch of the view are in use: by files, or by the filesystem itself. Where the filesystem
    /// itself keeps no account, such as in front of its clusters, all counts as used.
    ///
    /// # Errors
    /// When what says so cannot be read, or is not there.
    fn allocated(&self, _range: ByteRange) -> Result<RangeSet> {
        Err(Error::from(ReadError::unsupported("use of clusters")))
    }

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

    /// Every record, deleted ones too, with what it says besides the file's metadata: in one pass.
    fn scan_facts(&self) -> FactsScan<'_> {
        let Scan { units, problems, visit } = self.scan(None, true);
        let visit = move |unit: &ScanUnit, take: &mut dyn FnMut(Result<(Record, RecordFacts)>)| {
            visit(unit, &mut |record| take(record.map(|record| (record, RecordFacts::default()))));
        };
        FactsScan { units, problems, visit: Box::new(visit) }
    }

    /// Which times of a file are local times of a place that is not known.
    fn local_times(&self, _file: FileId) -> LocalTimes {
        LocalTimes::default()
    }

    /// The last time at which the volume is known to have been in use, by the filesystem's own account: what was written
    /// there later cannot be. `None` where none is kept, or where it was not brought up to date when last in use.
    fn last_use(&self) -> Option<Timestamp> {
        None
    }
}
