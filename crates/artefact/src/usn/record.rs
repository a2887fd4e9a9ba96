use vminspect_bytes::{ReadError, Timestamp, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::flags::{ATTRIBUTE_DIRECTORY, FlagField};
use super::layout::{ALIGNMENT, PAGE, RawExtent, RawHeader, RawRecord, RawV2, RawV3, RawV4};
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
    pub filetime: i64,
    /// Number of the file's security descriptor in `$Secure`, 0 where it is not told.
    pub security_id: u32,
    /// The file's attributes, bits of [`FlagField::Attributes`].
    pub attributes: u32,
    /// The file's name: UTF-16, little-endian.
    pub name: &'a [u8],
    /// Whether the name is not empty and stands right behind the fixed part.
    is_plain: bool,
}

/// Ranges of a file that were written.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a> {
    /// How many more extents the following records of the file have.
    pub remaining: u32,
    extents: &'a [u8],
    /// Bytes from one extent to the next.
    stride: usize,
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
    /// The record has this many bytes, and goes on behind those at hand.
    Beyond(u32),
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
    /// Whether the length of the record can be believed all the same.
    pub(super) fn has_length(self) -> bool {
        matches!(self, Self::Version(..) | Self::Name { .. } | Self::Extents { .. })
    }

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
            _ => size_of::<RawHeader>(),
        };
        let claimed = header.record_length.get();
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length < least || length > PAGE || !length.is_multiple_of(ALIGNMENT) {
            return Parsed::Bad(Flaw::Length(claimed));
        }
        let Some(bytes) = bytes.get(..length) else { return Parsed::Beyond(claimed) };
        let parsed = match major {
            2 => Self::version_2(bytes, offset),
            3 => Self::version_3(bytes, offset),
            4 => Self::version_4(bytes, offset),
            _ => Err(Flaw::Version(major, minor)),
        };
        parsed.map_or_else(Parsed::Bad, Parsed::Record)
    }

    fn version_2(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, _) = RawV2::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let references = [raw.file_reference_number, raw.parent_file_reference_number];
        Self::change_of(raw, bytes, offset, references.map(|number| FileReference::from_low(number.get())))
    }

    fn version_3(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, _) = RawV3::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let references = [raw.file_reference_number, raw.parent_file_reference_number];
        Self::change_of(raw, bytes, offset, references.map(|number| FileReference::from_bits(number.get())))
    }

    /// What versions 2 and 3 have in common.
    fn change_of<I>(
        raw: &RawRecord<I>,
        bytes: &'a [u8],
        offset: u64,
        [file, parent]: [FileReference; 2],
    ) -> Result<Self, Flaw> {
        let (name_offset, header) = (raw.file_name_offset.get(), size_of::<RawRecord<I>>());
        let name = name(bytes, name_offset, raw.file_name_length.get(), header)?;
        Ok(Self {
            offset,
            length: raw.header.record_length.get(),
            major_version: raw.header.major_version.get(),
            minor_version: raw.header.minor_version.get(),
            file,
            parent,
            usn: raw.usn.get(),
            reasons: raw.reason.get(),
            source: raw.source_info.get(),
            body: Body::Change(Change {
                filetime: raw.time_stamp.get(),
                security_id: raw.security_id.get(),
                attributes: raw.file_attributes.get(),
                name,
                is_plain: !name.is_empty() && usize::from(name_offset) == header,
            }),
        })
    }

    fn version_4(bytes: &'a [u8], offset: u64) -> Result<Self, Flaw> {
        let (raw, rest) = RawV4::ref_from_prefix(bytes).map_err(|_| Flaw::Remainder)?;
        let (count, size) = (raw.number_of_extents.get(), raw.extent_size.get());
        let stride = usize::from(size);
        let extents = rest.get(..usize::from(count).saturating_mul(stride));
        let extents = extents.filter(|_| count == 0 || stride >= size_of::<RawExtent>());
        let extents = extents.ok_or(Flaw::Extents { count, size })?;
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
            body: Body::Ranges(Ranges {
                remaining: raw.remaining_extents.get(),
                extents,
                stride: stride.max(1),
            }),
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

    /// Whether Windows could have written the record so: for where records are looked for after damage.
    pub(super) fn is_plain(&self) -> bool {
        self.minor_version == 0 && self.change().is_none_or(|change| change.is_plain)
    }

    /// Whether the record is one by every field, and not by chance: for where there need not be any.
    pub(super) fn is_certain(&self) -> bool {
        let sound = self.is_plain()
            && self.usn >= 0
            && self.reasons != 0
            && FlagField::Reason.unnamed(self.reasons) == 0
            && FlagField::Source.unnamed(self.source) == 0;
        sound && self.change().is_some_and(|change| self.has_sound_name(change))
    }

    fn has_sound_name(&self, change: &Change<'_>) -> bool {
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
    let name = name.filter(|name| start >= header && name.len().is_multiple_of(2));
    name.ok_or(Flaw::Name { offset, length })
}

impl Change<'_> {
    /// When, in UTC.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_signed_filetime(self.filetime)
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
        self.extents.chunks_exact(self.stride).map(|bytes| match RawExtent::ref_from_prefix(bytes) {
            Ok((raw, _)) => RecordExtent { offset: raw.offset.get(), length: raw.length.get() },
            Err(_) => RecordExtent { offset: 0, length: 0 },
        })
    }
}
