//! `$ATTRIBUTE_LIST`: which records hold the attributes of a file whose first record has no room for them.

use vminspect_bytes::{ReadAt, ReadError};
use zerocopy::FromBytes;

use super::address::Reference;
use super::attribute::{Attribute, Form, damaged};
use super::boot_sector::Geometry;
use super::data_runs::ClusterRuns;
use super::layout::RawAttributeListEntry;
use super::widen;

/// Longest list that is read. Windows stops at 256 KiB.
const LONGEST: u64 = 256 << 10;

/// A list, in memory.
pub(super) struct AttributeList {
    bytes: Vec<u8>,
    /// Where it, or the attribute that maps it, lies.
    offset: u64,
    /// Ranges of the view that it was read from, when it is not resident.
    pub(super) stored: Vec<vminspect_bytes::ByteRange>,
}

/// An entry of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ListEntry<'a> {
    pub(super) type_code: u32,
    /// UTF-16, little-endian.
    pub(super) name: &'a [u8],
    pub(super) lowest_vcn: u64,
    pub(super) reference: Reference,
}

impl AttributeList {
    /// Reads the list of a record that lies at `place`.
    ///
    /// # Errors
    /// When it is too long, or its clusters cannot be read.
    pub(super) fn read(
        view: &dyn ReadAt,
        geometry: &Geometry,
        attribute: &Attribute<'_>,
        place: u64,
    ) -> Result<Self, ReadError> {
        let part = match attribute.form {
            Form::Resident { value, offset } => {
                let offset = place.saturating_add(widen(offset));
                return Ok(Self { bytes: value.to_vec(), offset, stored: Vec::new() });
            }
            Form::NonResident(part) => part,
        };
        let corrupt = || damaged("attribute list", place, attribute.offset);
        if part.data_size > LONGEST {
            return Err(corrupt()
                .expected(format!("at most {LONGEST} bytes"))
                .found(format!("{} bytes", part.data_size)));
        }
        let mut list = Self { bytes: Vec::new(), offset: place, stored: Vec::new() };
        let mut rest = part.data_size;
        for run in ClusterRuns::new(part.mapping_pairs, 0) {
            let run = run.map_err(|found| corrupt().found(found))?;
            let lcn = run.lcn.filter(|lcn| geometry.contains(*lcn, run.length));
            let Some(lcn) = lcn else { return Err(corrupt().found("a run outside the volume")) };
            let length = geometry.cluster.of(run.length).min(rest);
            let range = vminspect_bytes::ByteRange::at(geometry.cluster.of(lcn), length);
            let start = list.bytes.len();
            list.bytes.resize(start.saturating_add(usize::try_from(length).unwrap_or(0)), 0);
            view.read_exact_at(range.start(), list.bytes.get_mut(start..).unwrap_or_default())?;
            list.stored.push(range);
            rest = rest.saturating_sub(length);
            if rest == 0 {
                break;
            }
        }
        if rest > 0 {
            return Err(corrupt().expected(format!("{} bytes", part.data_size)).found("fewer"));
        }
        list.offset = list.stored.first().map_or(place, |range| range.start());
        Ok(list)
    }

    /// Its entries. An error ends them.
    pub(super) fn entries(&self) -> ListEntries<'_> {
        ListEntries { rest: &self.bytes, offset: self.offset }
    }
}

/// The entries of a list.
pub(super) struct ListEntries<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> ListEntries<'a> {
    fn parse(&mut self) -> Result<ListEntry<'a>, &'static str> {
        let (raw, _) = RawAttributeListEntry::ref_from_prefix(self.rest).map_err(|_| "an entry cut short")?;
        let length = usize::from(raw.length.get());
        let entry = self.rest.get(..length).ok_or("an entry past the end of the list")?;
        if length < size_of::<RawAttributeListEntry>() {
            return Err("an entry of an impossible length");
        }
        let start = usize::from(raw.name_offset);
        let name = match usize::from(raw.name_length).saturating_mul(2) {
            0 => &[],
            bytes => {
                entry.get(start..start.saturating_add(bytes)).ok_or("an entry whose name passes its end")?
            }
        };
        let reference =
            Reference::from_stored(raw.reference.get()).ok_or("a record that no volume can have")?;
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.offset = self.offset.saturating_add(widen(length));
        Ok(ListEntry { type_code: raw.type_code.get(), name, lowest_vcn: raw.lowest_vcn.get(), reference })
    }
}

impl<'a> Iterator for ListEntries<'a> {
    type Item = Result<ListEntry<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Lists are padded to 8 bytes.
        if self.rest.len() < 8 {
            return None;
        }
        let offset = self.offset;
        let entry = self.parse();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry.map_err(|found| ReadError::corrupt("attribute list").at(offset).found(found)))
    }
}
