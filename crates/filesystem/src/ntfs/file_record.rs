//! A record of the MFT: its header and the attributes that stand in it.

use vminspect_bytes::{ByteRange, ReadError};
use zerocopy::FromBytes;

use super::address::{RecordNumber, Reference};
use super::attribute::{Attribute, damaged};
use super::fixup::{self, Fixed};
use super::layout::{BAAD_SIGNATURE, FILE_SIGNATURE, RECORD_IN_USE, RECORD_IS_DIRECTORY, RawFileRecord};

/// What a record's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordHeader {
    pub(super) number: RecordNumber,
    /// On the view.
    pub(super) place: ByteRange,
    pub(super) lsn: u64,
    pub(super) sequence: u16,
    pub(super) links: u16,
    pub(super) in_use: bool,
    pub(super) is_directory: bool,
    /// The record that this one extends, if it is not a file's first.
    pub(super) base: Option<Reference>,
    /// Where its update sequence lies, when the whole record belongs together.
    pub(super) update_sequence: Option<usize>,
    first_attribute: usize,
}

impl RecordHeader {
    pub(super) fn reference(&self) -> Reference {
        Reference { record: self.number, sequence: self.sequence }
    }

    /// Whether a reference means this file. Deleting a file counts up the sequence number, so that one to a record
    /// that is not in use may have been made while it was.
    pub(super) fn is_meant_by(&self, reference: Reference) -> bool {
        reference.record == self.number
            && (reference.fits(self.sequence)
                || (!self.in_use && reference.fits(self.sequence.wrapping_sub(1))))
    }
}

/// Whether bytes are a record that is worth parsing, by its signature.
pub(super) fn is_record(bytes: &[u8]) -> bool {
    bytes.starts_with(&FILE_SIGNATURE)
}

/// Whether bytes lie where a record should, are none, and are not merely unused.
pub(super) fn is_damaged(bytes: &[u8]) -> bool {
    !is_record(bytes) && bytes.iter().any(|byte| *byte != 0)
}

/// An error about a record.
pub(super) fn damaged_record(number: RecordNumber, place: ByteRange) -> ReadError {
    ReadError::corrupt(format!("MFT record {}", number.0)).at(place.start())
}

/// Says what lies where a record should.
pub(super) fn no_record(number: RecordNumber, place: ByteRange, bytes: &[u8]) -> ReadError {
    let error = damaged_record(number, place).expected("the signature FILE");
    match bytes.first_chunk::<4>() {
        Some(&BAAD_SIGNATURE) => error.found("BAAD: a check of the disk found it torn"),
        Some(signature) => error.found(format!("the bytes {signature:02x?}")),
        None => error.found("the end"),
    }
}

/// A record whose update sequence was applied, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileRecord<'a> {
    pub(super) header: RecordHeader,
    /// The part that can be trusted to belong together.
    bytes: &'a [u8],
}

impl<'a> FileRecord<'a> {
    /// Parses the record in `bytes`, which is changed: its update sequence is applied. What is wrong with it, and
    /// yet leaves something to read, is added to `problems`.
    ///
    /// # Errors
    /// When it is no record, or has no sound header.
    pub(super) fn parse(
        number: RecordNumber,
        bytes: &'a mut [u8],
        place: ByteRange,
        problems: &mut Vec<ReadError>,
    ) -> Result<Self, ReadError> {
        if !is_record(bytes) {
            return Err(no_record(number, place, bytes));
        }
        let fixed = fixup::apply(bytes, "MFT record", place.start())
            .map_err(|error| damaged_record(number, place).caused_by(error))?;
        let update_sequence = (fixed == Fixed::Whole).then(|| fixup::array_offset(bytes)).flatten();
        let bytes: &'a [u8] = bytes;
        let usable = match fixed {
            Fixed::Whole => bytes,
            Fixed::Torn(from) => {
                problems.push(torn(number, place, from));
                // Where the first part is torn, there is nothing better than all of it.
                bytes.get(..from).filter(|part| !part.is_empty()).unwrap_or(bytes)
            }
        };
        let (raw, _) = RawFileRecord::ref_from_prefix(usable)
            .map_err(|_| damaged_record(number, place).found("an end within its header"))?;
        let in_use = usize::try_from(raw.bytes_in_use.get()).unwrap_or(usize::MAX);
        if in_use > bytes.len() {
            problems.push(
                damaged_record(number, place)
                    .expected(format!("at most {} bytes in use", bytes.len()))
                    .found(in_use.to_string()),
            );
        }
        let base = raw.base_record.get();
        let header = RecordHeader {
            number,
            place,
            lsn: raw.lsn.get(),
            sequence: raw.sequence_number.get(),
            links: raw.link_count.get(),
            in_use: raw.flags.get() & RECORD_IN_USE != 0,
            is_directory: raw.flags.get() & RECORD_IS_DIRECTORY != 0,
            base: if base == 0 { None } else { Reference::from_stored(base) },
            update_sequence,
            first_attribute: usize::from(raw.first_attribute_offset.get()),
        };
        if base != 0 && header.base.is_none() {
            problems.push(
                damaged_record(number, place)
                    .expected("a base record that a volume can have")
                    .found(format!("{base:#x}")),
            );
        }
        let bytes = usable.get(..in_use.max(size_of::<RawFileRecord>())).unwrap_or(usable);
        Ok(Self { header, bytes })
    }

    /// Its attributes, in the order in which they stand. An error ends them.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes { record: *self, next: Some(self.header.first_attribute) }
    }
}

fn torn(number: RecordNumber, place: ByteRange, from: usize) -> ReadError {
    damaged_record(number, place)
        .expected("one update sequence number throughout")
        .found(format!("a write cut short: from byte {from} on it belongs to another"))
}

/// The attributes of a record.
#[derive(Clone, Debug)]
pub(super) struct Attributes<'a> {
    record: FileRecord<'a>,
    next: Option<usize>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.next.take()?;
        match Attribute::parse(self.record.bytes, offset) {
            Ok(None) => None,
            Ok(Some((attribute, next))) => {
                self.next = Some(next);
                Some(Ok(attribute))
            }
            Err(found) => {
                let RecordHeader { number, place, .. } = self.record.header;
                let error = damaged(format!("MFT record {}", number.0), place.start(), offset);
                Some(Err(error.found(found)))
            }
        }
    }
}
