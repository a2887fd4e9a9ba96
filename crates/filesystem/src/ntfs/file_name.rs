//! `$FILE_NAME`: a name, the directory that it stands in, and what that directory is told of the file.
//!
//! **Its times and sizes are those of when the name was given or moved; Windows brings them up to date only
//! then.** The copies in directories are kept up to date more often, but not always.

use zerocopy::FromBytes;

use super::address::Reference;
use super::attribute::wtf8;
use super::layout::{FILE_NAME_IS_DIRECTORY, MOST_NAMESPACE, NAMESPACE_DOS, RawFileName};
use super::standard_information::time;
use crate::Times;

/// A file name, in a record or in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileName<'a> {
    raw: &'a RawFileName,
    /// UTF-16, little-endian.
    name: &'a [u8],
}

impl<'a> FileName<'a> {
    /// Parses a value; `None` when it is cut short.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (raw, rest) = RawFileName::ref_from_prefix(value).ok()?;
        let name = rest.get(..usize::from(raw.name_length).saturating_mul(2))?;
        Some(Self { raw, name })
    }

    /// Whether it looks like a name that somebody gave, for finding names in what is left of old ones.
    pub(super) fn is_plausible(&self) -> bool {
        // From 1980 to 2107: as FAT has it, and so wide that forged times pass.
        let plausible = |ticks: u64| (119_600_064_000_000_000..=160_000_000_000_000_000).contains(&ticks);
        let times = [&self.raw.created, &self.raw.modified, &self.raw.changed, &self.raw.accessed];
        self.raw.name_length > 0
            && self.raw.namespace <= MOST_NAMESPACE
            && times.into_iter().all(|time| plausible(time.get()))
            && !vminspect_bytes::utf16le_units(self.name).any(|unit| unit == 0 || unit == u16::from(b'/'))
    }

    /// The directory; `None` when no volume has such a record.
    pub(super) fn parent(&self) -> Option<Reference> {
        Reference::from_stored(self.raw.parent.get())
    }

    /// The name as WTF-8.
    pub(super) fn name(&self) -> Vec<u8> {
        wtf8(self.name)
    }

    /// The name as stored: UTF-16, little-endian.
    pub(super) fn stored(&self) -> &'a [u8] {
        self.name
    }

    /// Whether it is a file's second, short name.
    pub(super) fn is_dos(&self) -> bool {
        self.raw.namespace == NAMESPACE_DOS
    }

    /// Which names are allowed, by their number: 0 POSIX, 1 Win32, 2 DOS, 3 both of these.
    pub(super) fn namespace(&self) -> u8 {
        self.raw.namespace
    }

    pub(super) fn is_directory(&self) -> bool {
        self.raw.file_attributes.get() & FILE_NAME_IS_DIRECTORY != 0
    }

    pub(super) fn file_attributes(&self) -> u32 {
        self.raw.file_attributes.get()
    }

    pub(super) fn times(&self) -> Times {
        Times {
            modified: time(self.raw.modified.get()),
            changed: time(self.raw.changed.get()),
            accessed: time(self.raw.accessed.get()),
            created: time(self.raw.created.get()),
            deleted: None,
        }
    }
}
