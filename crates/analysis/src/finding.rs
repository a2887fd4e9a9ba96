//! What an analysis finds. Reports print these and nothing else.

pub use vminspect_artefact::zone_identifier::ZoneIdentifier;
use vminspect_bytes::Timestamp;
use vminspect_filesystem::{DeviceNumber, FileKind, NameEncoding, Remains};
use vminspect_guest::Coverage;

use crate::digest::Digests;

/// A path inside a guest, in the bytes of its filesystem.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GuestPath {
    /// Full path: `/etc/passwd`, `vol2:/file`, `C:\\Windows\\notepad.exe`, `C:\\file.txt:stream`.
    pub bytes: Vec<u8>,
    /// What `bytes` are. [`NameEncoding::Wtf8`] stands for UTF-16 on the disk.
    pub encoding: NameEncoding,
}

impl GuestPath {
    /// A path in the encoding of its filesystem.
    #[must_use]
    pub fn new(bytes: Vec<u8>, encoding: NameEncoding) -> Self {
        Self { bytes, encoding }
    }

    /// The path as text. The flag is false when a part of it is no Unicode and was replaced by U+FFFD.
    #[must_use]
    pub fn to_text(&self) -> (String, bool) {
        match self.encoding {
            NameEncoding::Wtf8 => vminspect_bytes::decode_wtf8(&self.bytes),
            NameEncoding::Bytes => match String::from_utf8_lossy(&self.bytes) {
                std::borrow::Cow::Borrowed(text) => (text.to_owned(), true),
                std::borrow::Cow::Owned(text) => (text, false),
            },
        }
    }

    /// The path as the disk's own encoding spells it: UTF-16LE for [`NameEncoding::Wtf8`].
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        match self.encoding {
            NameEncoding::Wtf8 => {
                vminspect_bytes::wtf8_units(&self.bytes).into_iter().flat_map(u16::to_le_bytes).collect()
            }
            NameEncoding::Bytes => self.bytes.clone(),
        }
    }
}

/// Where a deleted file was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// At its path.
    InPlace,
    /// In a directory that does not exist any more; its path is made up from what is left of it.
    Displaced,
}

impl Deletion {
    /// As reports spell it: `in_place` or `displaced`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InPlace => "in_place",
            Self::Displaced => "displaced",
        }
    }
}

/// A file as one of the two sides, or a listing, has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileFacts {
    /// Where it is.
    pub path: GuestPath,
    /// What it is.
    pub kind: FileKind,
    /// Content in bytes.
    pub size: u64,
    /// Hashes of the content: of regular files, where it could be read.
    pub digests: Option<Digests>,
    /// What the content is, as libmagic would say it, when that was asked for.
    pub file_type: Option<String>,
    /// Target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Whether it is an orphan: in use, but deleted while open, so that no directory names it. Its path is made up.
    pub orphan: bool,
    /// Whether it is a named stream of a file; its path is the file's, a colon, and its name.
    pub stream: bool,
    /// Of a deleted file, of which only the record is left: whether its path is known.
    pub deleted: Option<Deletion>,
    /// Of a deleted file: how much of its content is left.
    pub remains: Option<Remains>,
    /// What is wrong with a deleted file, such as that other files use its clusters by now.
    pub problem: Option<String>,
    /// Where the file was downloaded from, by its stream `Zone.Identifier`, when streams are listed.
    pub zone: Option<ZoneIdentifier>,
}

/// A regular file whose content changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Modified {
    /// Before. Its path is the same as `after`'s.
    pub before: FileFacts,
    /// After.
    pub after: FileFacts,
    /// What changed of its metadata besides, sorted by field.
    pub metadata: Vec<FieldChange>,
}

/// Why two paths are one file that moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// Same inode, generation and creation time.
    SameFile,
    /// Equal content, not empty, that only one deleted and one created file have.
    SameContent,
}

/// A file that went from one path to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// Before.
    pub before: FileFacts,
    /// After.
    pub after: FileFacts,
    /// How we know.
    pub evidence: Evidence,
    /// What changed of its metadata besides, sorted by field.
    pub metadata: Vec<FieldChange>,
}

/// The value of a metadata field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// The field is not there on this side.
    Absent,
    /// A plain number: an owner, a group, a project id, links.
    Number(u64),
    /// Permission bits, printed in octal.
    Mode(u32),
    /// A time.
    Time(Timestamp),
    /// Names of flags.
    Flags(Vec<&'static str>),
    /// Text, such as a security identifier.
    Text(String),
    /// Bytes: an attribute's value, a link target.
    Bytes(Vec<u8>),
    /// Device numbers.
    Device(DeviceNumber),
}

/// One field of a file's metadata that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// Name of the field: `name` (its case, where the guest ignores that), `mode`, `uid`, `gid`, `modified`, `changed`, `created`, `accessed`, `flags`,
    /// `project`, `target`, `device`, or `xattr:` and the attribute's name.
    pub field: String,
    /// Value before.
    pub before: Value,
    /// Value after.
    pub after: Value,
}

/// A file whose metadata changed while its content did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataChange {
    /// Where it is.
    pub path: GuestPath,
    /// What it is.
    pub kind: FileKind,
    /// What changed, sorted by field.
    pub changes: Vec<FieldChange>,
}

/// A path that is another kind of file than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeChange {
    /// Before.
    pub before: FileFacts,
    /// After.
    pub after: FileFacts,
}

/// A part of a disk that no readable filesystem accounts for, and that changed: boot code, a gap between
/// volumes, a volume whose filesystem this version cannot read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AreaChange {
    /// What lies there: `outside volumes`, or the volume's prefix, such as `vol2:`.
    pub place: String,
    /// First differing byte of the disk.
    pub offset: u64,
    /// Bytes up to the end of the differing part, in units of 512.
    pub length: u64,
}

/// All that changed between two guests. Every list is sorted by path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Regular files that only the second has; also the new ends of renamed ones.
    pub created: Vec<FileFacts>,
    /// Regular files that only the first has; also the old ends of renamed ones.
    pub deleted: Vec<FileFacts>,
    /// Regular files whose content changed.
    pub modified: Vec<Modified>,
    /// Directories, links and other files that are not regular, that only the second has.
    pub created_other: Vec<FileFacts>,
    /// The same for the first.
    pub deleted_other: Vec<FileFacts>,
    /// Files of any kind that moved.
    pub renamed: Vec<Renamed>,
    /// Files of any kind of which only metadata changed.
    pub metadata_changed: Vec<MetadataChange>,
    /// Paths that are another kind of file than before.
    pub type_changed: Vec<TypeChange>,
    /// Parts of the disk outside any readable filesystem that changed, by offset.
    pub areas_changed: Vec<AreaChange>,
    /// What could not be read on either side.
    pub coverage: Coverage,
    /// What it took.
    pub statistics: Statistics,
}

impl Comparison {
    /// Whether nothing changed, as far as could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.deleted.is_empty()
            && self.modified.is_empty()
            && self.created_other.is_empty()
            && self.deleted_other.is_empty()
            && self.renamed.is_empty()
            && self.metadata_changed.is_empty()
            && self.type_changed.is_empty()
            && self.areas_changed.is_empty()
    }
}

/// What an analysis took, for `--stats`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Files and directories of the first disk.
    pub entries_before: u64,
    /// Files and directories of the second disk.
    pub entries_after: u64,
    /// Bytes of file content that provenance proved equal.
    pub bytes_proven_equal: u64,
    /// Bytes of file content that were read on both sides and compared.
    pub bytes_compared: u64,
    /// Bytes that were hashed.
    pub bytes_hashed: u64,
    /// Bytes read from host files.
    pub host_bytes_read: u64,
}

/// What a listing says at its end. Its rows are handed out one by one, as [`FileFacts`] of regular files in
/// the order of their paths, since a listing of millions of files need not be in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListSummary {
    /// What could not be read.
    pub coverage: Coverage,
    /// What it took.
    pub statistics: Statistics,
}
