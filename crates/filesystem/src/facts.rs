//! What a record says besides its file's metadata, for those who tell what happened when.

use crate::Error;
use crate::{FileId, Record, Result, ScanUnit, Times};

/// What the record of a file says of its own names and attributes, in a format that keeps such (NTFS). Empty elsewhere.
#[derive(Clone, Debug, Default)]
pub struct RecordFacts {
    /// Its `$FILE_NAME`s, short ones included, in the order in which the records have them.
    pub names: Vec<RecordName>,
    /// Its attributes that hold content, names or the root of an index, in stored order.
    pub attributes: Vec<StoredAttribute>,
    /// Sequence number of its last change in the log of the filesystem.
    pub log_sequence: u64,
    /// Links as the record counts them: names, short second ones included.
    pub counted_links: u16,
    /// Update sequence number of its last record in the change journal.
    pub usn: Option<u64>,
    /// Number of its security descriptor in the volume's store.
    pub security_id: Option<u32>,
    /// Number of its owner in the volume's quotas.
    pub owner_id: Option<u32>,
    /// The identifier by which links are tracked.
    pub object_id: Option<[u8; 16]>,
    /// The name of its `$LOGGED_UTILITY_STREAM`, such as `$EFS`.
    pub logged_stream: Option<Box<[u8]>>,
    /// Where it leads, as WTF-8, if it is a reparse point that leads anywhere.
    pub reparse_target: Option<Box<[u8]>>,
}

/// A name in a file's own record.
#[derive(Clone, Debug)]
pub struct RecordName {
    /// The directory, as it was when the name was given; `None` when no volume has such a record.
    pub parent: Option<FileId>,
    /// The name, in the filesystem's encoding.
    pub name: Vec<u8>,
    /// Which names are allowed, by their number: 0 POSIX, 1 Win32, 2 DOS, 3 both of these.
    pub namespace: u8,
    /// **The times of when the name was given or moved**, in UTC.
    pub times: Times,
    /// Tells apart the attributes of one file.
    pub attribute: u16,
    /// Bytes of the attribute's value.
    pub size: u64,
}

impl RecordName {
    /// Whether it is a file's second, short name.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.namespace == 2
    }
}

/// An attribute of a record.
#[derive(Clone, Debug)]
pub struct StoredAttribute {
    /// Its type, by number: 0x80 for content, 0x90 for the root of an index.
    pub kind: u32,
    /// Tells apart the attributes of one file.
    pub id: u16,
    /// Its name, in the filesystem's encoding; mostly empty.
    pub name: Vec<u8>,
    /// Bytes of its value.
    pub size: u64,
}

/// Which times of a record are local times of a place that is not known, and are read as if they were UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LocalTimes {
    /// That of the last change of the content.
    pub modified: bool,
    /// That of the last access.
    pub accessed: bool,
    /// That of the creation.
    pub created: bool,
}

impl LocalTimes {
    /// All of them.
    pub const ALL: Self = Self { modified: true, accessed: true, created: true };
}

/// A [`crate::Scan`] that yields deleted records, too, and what each record says besides.
pub struct FactsScan<'a> {
    /// The units, in storage order.
    pub units: Vec<ScanUnit>,
    /// What could not be planned.
    pub problems: Vec<Error>,
    /// Calls its second argument with each record of a unit. A bad record is passed on as an error.
    #[expect(clippy::type_complexity, reason = "one visitor, named nowhere else")]
    pub visit: Box<dyn Fn(&ScanUnit, &mut dyn FnMut(Result<(Record, RecordFacts)>)) + Send + Sync + 'a>,
}
