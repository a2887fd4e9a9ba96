//! The bits of a record's fields, by Microsoft's names without what they all begin with.

/// A field of bits that have names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagField {
    /// What happened to the file: `USN_REASON_…`.
    Reason,
    /// What made the change, where it was not a user: `USN_SOURCE_…`.
    Source,
    /// The file's attributes after the change: `FILE_ATTRIBUTE_…`.
    Attributes,
}

/// Bits of `Reason`.
pub mod reason {
    /// The file was created.
    pub const FILE_CREATE: u32 = 0x100;
    /// The file was deleted.
    pub const FILE_DELETE: u32 = 0x200;
    /// The record has the name before a rename.
    pub const RENAME_OLD_NAME: u32 = 0x1000;
    /// The record has the name after a rename.
    pub const RENAME_NEW_NAME: u32 = 0x2000;
    /// A hard link was added or removed.
    pub const HARD_LINK_CHANGE: u32 = 0x1_0000;
    /// The last handle was closed.
    pub const CLOSE: u32 = 0x8000_0000;
}

/// `FILE_ATTRIBUTE_DIRECTORY`.
pub const ATTRIBUTE_DIRECTORY: u32 = 0x10;

const REASONS: &[(u32, &str)] = &[
    (0x1, "DATA_OVERWRITE"),
    (0x2, "DATA_EXTEND"),
    (0x4, "DATA_TRUNCATION"),
    (0x10, "NAMED_DATA_OVERWRITE"),
    (0x20, "NAMED_DATA_EXTEND"),
    (0x40, "NAMED_DATA_TRUNCATION"),
    (reason::FILE_CREATE, "FILE_CREATE"),
    (reason::FILE_DELETE, "FILE_DELETE"),
    (0x400, "EA_CHANGE"),
    (0x800, "SECURITY_CHANGE"),
    (reason::RENAME_OLD_NAME, "RENAME_OLD_NAME"),
    (reason::RENAME_NEW_NAME, "RENAME_NEW_NAME"),
    (0x4000, "INDEXABLE_CHANGE"),
    (0x8000, "BASIC_INFO_CHANGE"),
    (reason::HARD_LINK_CHANGE, "HARD_LINK_CHANGE"),
    (0x2_0000, "COMPRESSION_CHANGE"),
    (0x4_0000, "ENCRYPTION_CHANGE"),
    (0x8_0000, "OBJECT_ID_CHANGE"),
    (0x10_0000, "REPARSE_POINT_CHANGE"),
    (0x20_0000, "STREAM_CHANGE"),
    (0x40_0000, "TRANSACTED_CHANGE"),
    (0x80_0000, "INTEGRITY_CHANGE"),
    (0x100_0000, "DESIRED_STORAGE_CLASS_CHANGE"),
    (reason::CLOSE, "CLOSE"),
];

const SOURCES: &[(u32, &str)] = &[
    (0x1, "DATA_MANAGEMENT"),
    (0x2, "AUXILIARY_DATA"),
    (0x4, "REPLICATION_MANAGEMENT"),
    (0x8, "CLIENT_REPLICATION_MANAGEMENT"),
];

const ATTRIBUTES: &[(u32, &str)] = &[
    (0x1, "READONLY"),
    (0x2, "HIDDEN"),
    (0x4, "SYSTEM"),
    (ATTRIBUTE_DIRECTORY, "DIRECTORY"),
    (0x20, "ARCHIVE"),
    (0x40, "DEVICE"),
    (0x80, "NORMAL"),
    (0x100, "TEMPORARY"),
    (0x200, "SPARSE_FILE"),
    (0x400, "REPARSE_POINT"),
    (0x800, "COMPRESSED"),
    (0x1000, "OFFLINE"),
    (0x2000, "NOT_CONTENT_INDEXED"),
    (0x4000, "ENCRYPTED"),
    (0x8000, "INTEGRITY_STREAM"),
    (0x1_0000, "VIRTUAL"),
    (0x2_0000, "NO_SCRUB_DATA"),
    (0x4_0000, "RECALL_ON_OPEN"),
    (0x8_0000, "PINNED"),
    (0x10_0000, "UNPINNED"),
    (0x40_0000, "RECALL_ON_DATA_ACCESS"),
    (0x2000_0000, "STRICTLY_SEQUENTIAL"),
];

impl FlagField {
    /// The bits that have names, in their order, and the names.
    #[must_use]
    pub const fn table(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::Reason => REASONS,
            Self::Source => SOURCES,
            Self::Attributes => ATTRIBUTES,
        }
    }

    /// What Microsoft's names begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Reason => "USN_REASON_",
            Self::Source => "USN_SOURCE_",
            Self::Attributes => "FILE_ATTRIBUTE_",
        }
    }

    /// The bits that are set, in their order, each with its name if it has one.
    pub fn each(self, bits: u32) -> impl Iterator<Item = (u32, Option<&'static str>)> {
        let mut table = self.table().iter();
        let mut rest = bits;
        let mut next = table.next();
        std::iter::from_fn(move || {
            let bit = rest & rest.wrapping_neg();
            if bit == 0 {
                return None;
            }
            rest &= !bit;
            while let Some((known, name)) = next {
                if *known >= bit {
                    return Some((bit, (*known == bit).then_some(*name)));
                }
                next = table.next();
            }
            Some((bit, None))
        })
    }

    /// The names of the bits that are set, and the digits of those without, joined by `|`. `before` stands before each name.
    #[must_use]
    pub fn joined(self, bits: u32, before: &str) -> String {
        let each = self.each(bits).map(|(bit, name)| match name {
            Some(name) => format!("{before}{name}"),
            None => format!("{bit:#x}"),
        });
        each.collect::<Vec<_>>().join("|")
    }

    /// The bits that are set and have no name.
    #[must_use]
    pub fn unnamed(self, bits: u32) -> u32 {
        self.table().iter().fold(bits, |rest, (bit, _)| rest & !bit)
    }
}
