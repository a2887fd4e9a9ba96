use vminspect_bytes::Timestamp;

/// A file within one filesystem: an inode number, an MFT reference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FileId(pub u64);

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device node.
    CharacterDevice,
    /// A block device node.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// The filesystem records a kind that it does not define.
    Unknown,
}

impl FileKind {
    /// The kind as reports spell it: `regular`, `directory`, `symlink` …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::CharacterDevice => "character_device",
            Self::BlockDevice => "block_device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a file is part of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Allocation {
    /// In use.
    Allocated,
    /// In use though no directory names it: deleted while open, and the machine stopped before it was closed.
    Orphan,
    /// Deleted; what is left of its record.
    Deleted,
}

/// Major and minor number of a device node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// The times a file records. `None` where the format has no such time, or records none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Times {
    /// Last change of the content.
    pub modified: Option<Timestamp>,
    /// Last change of the record itself (POSIX ctime).
    pub changed: Option<Timestamp>,
    /// Last access.
    pub accessed: Option<Timestamp>,
    /// Creation.
    pub created: Option<Timestamp>,
    /// Deletion (ext's dtime).
    pub deleted: Option<Timestamp>,
}

/// What a filesystem records of a file, its names, content and extended attributes apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// The file.
    pub id: FileId,
    /// What it is.
    pub kind: FileKind,
    /// Whether it is part of the tree.
    pub allocation: Allocation,
    /// Length of the content in bytes.
    pub size: u64,
    /// Number of hard links.
    pub links: u32,
    /// POSIX mode: file type and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Project id, where the format has one.
    pub project: Option<u32>,
    /// Tells apart successive files with one id.
    pub generation: u64,
    /// Inode flags as the format stores them (ext: `i_flags`, of which `immutable` is 0x10).
    pub flags: u64,
    /// Device numbers of a device node.
    pub device: Option<DeviceNumber>,
    /// Times.
    pub times: Times,
}

impl Metadata {
    /// An empty file that is in use and has one name; no more is known of it.
    pub(crate) fn new(id: FileId, kind: FileKind) -> Self {
        Self {
            id,
            kind,
            allocation: Allocation::Allocated,
            size: 0,
            links: 1,
            mode: 0,
            uid: 0,
            gid: 0,
            project: None,
            generation: 0,
            flags: 0,
            device: None,
            times: Times::default(),
        }
    }
}

/// An extended attribute.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct ExtendedAttribute {
    /// Full name with its namespace, such as `security.selinux`.
    pub name: Vec<u8>,
    /// Value, as stored.
    pub value: Vec<u8>,
}
