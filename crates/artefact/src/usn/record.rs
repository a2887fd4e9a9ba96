use vminspect_bytes::{ReadError, Timestamp, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::flags::{ATTRIBUTE_DIRECTORY, FlagField};
use super::layout::{ALIGNMENT, LONGEST, PAGE, RawExtent, RawHeader, RawV2, RawV3, RawV4};
use super::reference::FileReference;

/// A record of the journal.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Position of its first byte in what was read: the stream `$J`, or what it was carved from.
    pub offset: u64,
    /// Bytes, with its name and padding.
    pub length: u32,
    /// Version: 2, 3 or 4.
    pub major_version: u16,
    /// Minor version.
    pub minor_version: u16,
    /// The file that changed.
    pub file: FileReference,
    /// The directory that holds it by the record's name.
    pub parent: FileReference,
    /// Update sequence number: the record's position in the journal as Windows counts it.
    pub usn: i64,
    /// What has changed since the file was opened, bits of [`FlagField::Reason`].
    pub reasons: u32,
    /// Who changed it, bits of [`FlagField::Source`].
    pub source: u32,
    /// What only some versions have.
    pub body: Body<'a>,
}

/// What versions of records differ in.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Versions 2 and 3: a change of a file.
    Change(Change<'a>),
    /// Version 4: the ranges of a file that were written, where these are tracked.
    Ranges(Ranges<'a>),
}

/// A change of a file.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// When, in UTC, in 100 ns since 1601.
    pub filetime: u64,
    /// Number of the file's security descriptor in `$Secure`, 0 where it is not told.
    pub security_id: u32,
    /// The file's attributes, bits of [`FlagField::Attributes`].
    pub attributes: u32,
    /// The file's name: UTF-16, little-endian.
    pub name: &'a [u8],
}

/// Ranges of a file that were written.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a> {
    /// How many more extents the following records of the file have.
    pub remaining: u32,
    extents: &'a [RawExtent],
}

/// A range of a file, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordExtent {
    /// First byte.
    pub offset: i64,
    /// How many.
    pub length: i64,
}

/// What stands where a record is expected.
pub(super) enum Parsed<'a> {
    Record(Record<'a>),
    /// The record goes on behind the bytes at hand.
    Beyond,
    Bad(Flaw),
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw {
    Length(u32),
    Version(u16, u16),
    Name { offset: u16, length: u16 },
    Extents { count: u16, size: u16 },
    Cut(u32),
    Remainder,
}

impl Flaw {
    pub(super) fn error(self, offset: u64) -> ReadError {
        let corrupt = || ReadError::corrupt("change journal record").at(offset);
        match self {
            Self::Length(length) => corrupt()
                .expected("a length that is a multiple of 8 and holds the record")
                .found(format!("{length} bytes")),
            Self::Version(major, minor) => ReadError::unsupported("change journal record")
                .at(offset)
                .expected("version 2, 3 or 4")
                .found(format!("version {major}.{minor}")),
            Self::Name { offset: at, length } => {
                corrupt().expected("a name within the record").found(format!("{length} bytes at {at}"))
            }
            Self::Extents { count, size } => corrupt()
                .expected("extents within the record")
                .found(format!("{count} extents of {size} bytes")),
            Self::Cut(length) => {
                corrupt().expected(format!("{length} bytes")).found("the end of the journal")
            }
            Self::Remainder => corrupt().expected("8 bytes at least").found("the end of the journal"),
        }
    }
}

impl<'a> Record<'a> {
    /// The record at the beginning of `bytes`, which begin at `offset`.
    pub(super) fn parse(bytes: &'a [u8], offset: u64) -> Parsed<'a> {
        let Ok((header, _)) = RawHeader::ref_from_prefix(bytes) else { return Parsed::Bad(Flaw::Remainder) };
        let (major, minor) = (header.major_version.get(), header.minor_version.get());
        let least = match major {
            2 => size_of::<RawV2>(),
            3 => size_of::<RawV3>(),
            4 => size_of::<RawV4>(),
            _ => return Parsed::Bad(Flaw::Version(major, minor)),
        };
        let claimed = header.record_length.get();
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length < least || length > LONGEST || !length.is_multiple_of(ALIGNMENT) {
            return Parsed::Bad(Flaw::Length(claimed));
        }
        let Some(bytes) = bytes.get(..length) else { return Parsed::Beyond };
        let parsed = match major {
            2 => Self::version_2(bytes, offset),
            3 => Self::version_3(bytes, offset),
            _ => Self::version_4(bytes, offset),
        };
        parsed.map_or_else(Parsed::Bad, Parsed::Record)
    }

    fn version_2(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, _) = RawV2::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let name = name(bytes, raw.file_name_offset.get(), raw.file_name_length.get(), size_of::<RawV2>())?;
        Ok(Self {
            offset,
            length: raw.header.record_length.get(),
            major_version: 2,
            minor_version: raw.header.minor_version.get(),
            file: FileReference::from_low(raw.file_reference_number.get()),
            parent: FileReference::from_low(raw.parent_file_reference_number.get()),
            usn: raw.usn.get(),
            reasons: raw.reason.get(),
            source: raw.source_info.get(),
            body: Body::Change(Change {
                filetime: raw.time_stamp.get(),
                security_id: raw.security_id.get(),
                attributes: raw.file_attributes.get(),
                name,
            }),
        })
    }

    fn version_3(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, _) = RawV3::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let name = name(bytes, raw.file_name_offset.get(), raw.file_name_length.get(), size_of::<RawV3>())?;
        Ok(Self {
            offset,
            length: raw.header.record_length.get(),
            major_version: 3,
            minor_version: raw.header.minor_version.get(),
            file: FileReference::from_bits(raw.file_reference_number.get()),
            parent: FileReference::from_bits(raw.parent_file_reference_number.get()),
            usn: raw.usn.get(),
            reasons: raw.reason.get(),
            source: raw.source_info.get(),
            body: Body::Change(Change {
                filetime: raw.time_stamp.get(),
                security_id: raw.security_id.get(),
                attributes: raw.file_attributes.get(),
                name,
            }),
        })
    }

    fn version_4(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, rest) = RawV4::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let (count, size) = (raw.number_of_extents.get(), raw.extent_size.get());
        let flaw = Flaw::Extents { count, size };
        if count > 0 && usize::from(size) != size_of::<RawExtent>() {
            return Err(flaw);
        }
        let (extents, _) =
            <[RawExtent]>::ref_from_prefix_with_elems(rest, usize::from(count)).map_err(|_| flaw)?;
        Ok(Self {
            offset,
            length: raw.header.record_length.get(),
            major_version: 4,
            minor_version: raw.header.minor_version.get(),
            file: FileReference::from_bits(raw.file_reference_number.get()),
            parent: FileReference::from_bits(raw.parent_file_reference_number.get()),
            usn: raw.usn.get(),
            reasons: raw.reason.get(),
            source: raw.source_info.get(),
            body: Body::Ranges(Ranges { remaining: raw.remaining_extents.get(), extents }),
        })
    }

    /// What versions 2 and 3 tell.
    #[must_use]
    pub fn change(&self) -> Option<&Change<'a>> {
        match &self.body {
            Body::Change(change) => Some(change),
            Body::Ranges(_) => None,
        }
    }

    /// Whether the record is one by all that Windows would write, and not by chance: for where records are looked for.
    pub(super) fn is_plausible(&self) -> bool {
        let sound = self.minor_version == 0
            && self.usn >= 0
            && self.reasons != 0
            && FlagField::Reason.unnamed(self.reasons) == 0
            && FlagField::Source.unnamed(self.source) == 0;
        sound
            && match &self.body {
                Body::Change(change) => self.is_plausible_change(change),
                Body::Ranges(_) => usize::try_from(self.length).is_ok_and(|length| length <= PAGE),
            }
    }

    fn is_plausible_change(&self, change: &Change<'_>) -> bool {
        let header = if self.major_version == 2 { size_of::<RawV2>() } else { size_of::<RawV3>() };
        let needed = header.saturating_add(change.name.len()).next_multiple_of(ALIGNMENT);
        // Windows counts the padding of a name to eight bytes, and some of its versions to a few more.
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let forbidden = |unit: u16| unit == 0 || unit == u16::from(b'\\') || unit == u16::from(b'/');
        (needed..=needed.saturating_add(ALIGNMENT)).contains(&length)
            && (2..=510).contains(&change.name.len())
            && !utf16le_units(change.name).any(forbidden)
    }
}

/// The name at `offset` of a record whose fixed part has `header` bytes.
fn name(bytes: &[u8], offset: u16, length: u16, header: usize) -> Result<&[u8], Flaw> {
    let start = usize::from(offset);
    let name = bytes.get(start..start.saturating_add(usize::from(length)));
    // An empty name may have any place.
    match name {
        Some(name) if start >= header && name.len().is_multiple_of(2) => Ok(name),
        None | Some(_) if length == 0 => Ok(&[]),
        _ => Err(Flaw::Name { offset, length }),
    }
}

impl Change<'_> {
    /// When, in UTC.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_filetime(self.filetime)
    }

    /// The file's name as WTF-8.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.name.len());
        push_wtf8(utf16le_units(self.name), &mut name);
        name
    }

    /// Whether the file is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.attributes & ATTRIBUTE_DIRECTORY != 0
    }
}

impl Ranges<'_> {
    /// The ranges.
    pub fn extents(&self) -> impl ExactSizeIterator<Item = RecordExtent> {
        self.extents.iter().map(|raw| RecordExtent { offset: raw.offset.get(), length: raw.length.get() })
    }
}
