//! An attribute of a record: its header, and its value or where that lies.

use vminspect_bytes::{ReadError, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::layout::{RawAttribute, RawNonResident, RawResident, attribute_type};
use super::widen;

/// An attribute as it stands in one record. A long one has parts in several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) type_code: u32,
    /// UTF-16, little-endian.
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    /// Tells apart the attributes of one file.
    pub(super) id: u16,
    /// Where it begins in its record.
    pub(super) offset: usize,
    pub(super) form: Form<'a>,
}

/// Where the value of an attribute is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// In the record, from an offset of it.
    Resident {
        value: &'a [u8],
        offset: usize,
    },
    NonResident(NonResident<'a>),
}

/// A part of a value that lies in clusters.
#[derive(Clone, Copy, Debug)]
pub(super) struct NonResident<'a> {
    /// First and last cluster of the value that this part maps.
    pub(super) lowest_vcn: u64,
    pub(super) highest_vcn: u64,
    pub(super) mapping_pairs: &'a [u8],
    /// Where the mapping pairs begin in the record.
    pub(super) pairs_offset: usize,
    pub(super) compression_unit: u8,
    pub(super) data_size: u64,
    pub(super) initialised_size: u64,
}

impl<'a> Attribute<'a> {
    /// The attribute at `offset` of a record, and where the next one begins. `None` at their end.
    ///
    /// # Errors
    /// What is wrong with it, in words, when there is none.
    pub(super) fn parse(record: &'a [u8], offset: usize) -> Result<Option<(Self, usize)>, &'static str> {
        let bytes = record.get(offset..).unwrap_or_default();
        let end = bytes.first_chunk::<4>().map(|code| u32::from_le_bytes(*code));
        if end == Some(attribute_type::END) {
            return Ok(None);
        }
        let (raw, _) = RawAttribute::ref_from_prefix(bytes).map_err(|_| "no end of the attributes")?;
        let length = usize::try_from(raw.length.get()).unwrap_or(usize::MAX);
        if length < size_of::<RawAttribute>() || !length.is_multiple_of(8) {
            return Err("an attribute of an impossible length");
        }
        let bytes = bytes.get(..length).ok_or("an attribute longer than its record")?;
        let name_length = usize::from(raw.name_length).saturating_mul(2);
        let name_offset = usize::from(raw.name_offset.get());
        let name = match name_length {
            0 => &[],
            _ => part(bytes, name_offset, name_length).ok_or("an attribute whose name passes its end")?,
        };
        let form = match raw.form {
            0 => Self::resident(bytes, offset)?,
            1 => Self::non_resident(bytes, offset)?,
            _ => return Err("an attribute that is neither resident nor not"),
        };
        let (type_code, flags, id) = (raw.type_code.get(), raw.flags.get(), raw.instance.get());
        let attribute = Self { type_code, name, flags, id, offset, form };
        Ok(Some((attribute, offset.saturating_add(length))))
    }

    fn resident(bytes: &'a [u8], offset: usize) -> Result<Form<'a>, &'static str> {
        let rest = bytes.get(size_of::<RawAttribute>()..).unwrap_or_default();
        let (raw, _) = RawResident::ref_from_prefix(rest).map_err(|_| "an attribute cut short")?;
        let start = usize::from(raw.value_offset.get());
        let length = usize::try_from(raw.value_length.get()).unwrap_or(usize::MAX);
        let value = part(bytes, start, length).ok_or("an attribute whose value passes its end")?;
        Ok(Form::Resident { value, offset: offset.saturating_add(start) })
    }

    fn non_resident(bytes: &'a [u8], offset: usize) -> Result<Form<'a>, &'static str> {
        let rest = bytes.get(size_of::<RawAttribute>()..).unwrap_or_default();
        let (raw, _) = RawNonResident::ref_from_prefix(rest).map_err(|_| "an attribute cut short")?;
        let start = usize::from(raw.mapping_pairs_offset.get());
        if start < size_of::<RawAttribute>().saturating_add(size_of::<RawNonResident>()) {
            return Err("mapping pairs inside the header of their attribute");
        }
        let mapping_pairs = bytes.get(start..).ok_or("mapping pairs past the end of their attribute")?;
        Ok(Form::NonResident(NonResident {
            lowest_vcn: raw.lowest_vcn.get(),
            highest_vcn: raw.highest_vcn.get(),
            mapping_pairs,
            pairs_offset: offset.saturating_add(start),
            compression_unit: raw.compression_unit,
            data_size: raw.data_size.get(),
            initialised_size: raw.initialised_size.get(),
        }))
    }

    /// The value, where it is resident.
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Resident { value, .. } => Some(value),
            Form::NonResident(_) => None,
        }
    }

    /// Whether it has this type and, in ASCII, this name.
    pub(super) fn is(&self, type_code: u32, name: &str) -> bool {
        self.type_code == type_code && self.has_name(name)
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.name.len() == name.len().saturating_mul(2)
            && utf16le_units(self.name).eq(name.bytes().map(u16::from))
    }

    /// The name as WTF-8.
    pub(super) fn name_wtf8(&self) -> Vec<u8> {
        wtf8(self.name)
    }

    /// First cluster of the value that this part holds; 0 of a resident one.
    pub(super) fn lowest_vcn(&self) -> u64 {
        match self.form {
            Form::Resident { .. } => 0,
            Form::NonResident(part) => part.lowest_vcn,
        }
    }
}

/// Bytes of UTF-16 as WTF-8.
pub(super) fn wtf8(utf16: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(utf16.len() / 2);
    // Names are mostly ASCII.
    if utf16.chunks_exact(2).all(|unit| matches!(unit, [0..=0x7f, 0])) {
        bytes.extend(utf16.iter().step_by(2));
    } else {
        push_wtf8(utf16le_units(utf16), &mut bytes);
    }
    bytes
}

fn part(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(length)?)
}

/// An error about an attribute of a record that lies at `place`.
pub(super) fn damaged(structure: impl Into<String>, place: u64, offset: usize) -> ReadError {
    ReadError::corrupt(structure.into()).at(place.saturating_add(widen(offset)))
}
