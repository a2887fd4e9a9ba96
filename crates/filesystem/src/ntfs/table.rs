//! The MFT as a table: what each record says by itself, for those who read all of them and need it quickly. Nothing
//! is looked up elsewhere: an attribute that an extension record holds stands in the entry of that record.

use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt};

use super::address::RecordNumber;
use super::attribute::{Attribute, Form};
use super::file_name::FileName;
use super::file_record::{FileRecord, RecordHeader, is_damaged, is_record, no_record};
use super::layout::attribute_type;
use super::standard_information::StandardInformation;
use super::volume::Ntfs;
use crate::{FileId, Result, ScanUnit, Times};

/// The MFT of a volume, or a loose one.
pub struct MftTable {
    fs: Ntfs,
}

/// A record as it stands in the MFT.
#[derive(Clone, Debug)]
pub struct MftEntry<'a> {
    header: RecordHeader,
    information: Option<StandardInformation>,
    /// Its names, short second ones included.
    pub names: SmallVec<[MftName<'a>; 3]>,
    /// Bytes of the unnamed `$DATA`, where the record has its beginning.
    pub size: Option<u64>,
    /// Names of the named `$DATA` streams: UTF-16, little-endian.
    pub streams: SmallVec<[&'a [u8]; 2]>,
    /// The value of `$OBJECT_ID` that links are tracked by.
    pub object_id: Option<[u8; 16]>,
}

/// A `$FILE_NAME`.
#[derive(Clone, Copy, Debug)]
pub struct MftName<'a>(FileName<'a>);

impl MftTable {
    /// Opens the MFT of a volume, or a loose one.
    ///
    /// # Errors
    /// When `bytes` are neither, or are damaged beyond use.
    pub fn open(bytes: Arc<dyn ReadAt>) -> Result<Self> {
        let fs = if super::loose::probe(&*bytes)? { Ntfs::open_loose(bytes)? } else { Ntfs::open(bytes)? };
        Ok(Self { fs })
    }

    /// How many records there are, unused ones included.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.fs.mft.records()
    }

    /// The work of reading all records, in storage order: threads may share it.
    #[must_use]
    pub fn units(&self) -> Vec<ScanUnit> {
        self.fs.plan(None, true).units
    }

    /// Hands out the records of a unit, deleted ones too; those that were never used are left out. A damaged one is an
    /// error, and the next one follows. `buffer` is working memory.
    pub fn visit(
        &self,
        unit: &ScanUnit,
        buffer: &mut Vec<u8>,
        visitor: &mut dyn FnMut(Result<MftEntry<'_>>),
    ) {
        let size = self.fs.mft.record_size();
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        buffer.resize(usize::try_from(unit.range.len()).unwrap_or(0), 0);
        let whole = self.fs.view.read_exact_at(unit.range.start(), buffer).is_ok();
        for (index, number) in (unit.first..unit.first.saturating_add(unit.count)).enumerate() {
            let Ok(number) = u32::try_from(number).map(RecordNumber) else { return };
            let start = index.saturating_mul(length);
            let place = ByteRange::at(unit.range.start().saturating_add(super::widen(start)), size);
            match buffer.get_mut(start..start.saturating_add(length)) {
                Some(bytes) if whole => entry(number, bytes, place, visitor),
                // A record in two runs, or one that cannot be read.
                _ => match self.fs.mft.read(number) {
                    Ok((mut bytes, place)) => entry(number, &mut bytes, place, visitor),
                    Err(error) => visitor(Err(error.into())),
                },
            }
        }
    }
}

fn entry(
    number: RecordNumber,
    bytes: &mut [u8],
    place: ByteRange,
    visitor: &mut dyn FnMut(Result<MftEntry<'_>>),
) {
    if !is_record(bytes) {
        if is_damaged(bytes) {
            visitor(Err(no_record(number, place, bytes).into()));
        }
        return;
    }
    let mut problems = Vec::new();
    let record = match FileRecord::parse(number, bytes, place, &mut problems) {
        Ok(record) => record,
        Err(error) => return visitor(Err(error.into())),
    };
    problems.into_iter().for_each(|problem| visitor(Err(problem.into())));
    let mut entry = MftEntry {
        header: record.header,
        information: None,
        names: SmallVec::new(),
        size: None,
        streams: SmallVec::new(),
        object_id: None,
    };
    let mut any = false;
    for attribute in record.attributes() {
        match attribute {
            Ok(attribute) => entry.add(&attribute),
            Err(error) => visitor(Err(error.into())),
        }
        any = true;
    }
    if any || record.header.in_use {
        visitor(Ok(entry));
    }
}

impl<'a> MftEntry<'a> {
    fn add(&mut self, attribute: &Attribute<'a>) {
        let value = attribute.value();
        match attribute.type_code {
            attribute_type::STANDARD_INFORMATION => {
                self.information = value.and_then(StandardInformation::parse);
            }
            attribute_type::FILE_NAME => self.names.extend(value.and_then(FileName::parse).map(MftName)),
            attribute_type::OBJECT_ID => {
                self.object_id = value.and_then(|id| id.first_chunk::<16>().copied());
            }
            attribute_type::DATA if attribute.lowest_vcn() == 0 => {
                if attribute.name.is_empty() {
                    self.size = Some(match attribute.form {
                        Form::Resident { value, .. } => super::widen(value.len()),
                        Form::NonResident(part) => part.data_size,
                    });
                } else {
                    self.streams.push(attribute.name);
                }
            }
            _ => {}
        }
    }

    /// Number of the record.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.header.number.0
    }

    /// How many files had the record before.
    #[must_use]
    pub fn sequence(&self) -> u16 {
        self.header.sequence
    }

    /// The file that the record begins.
    #[must_use]
    pub fn file(&self) -> FileId {
        self.header.reference().file()
    }

    /// The record that this one extends, and its sequence number.
    #[must_use]
    pub fn base(&self) -> Option<(u32, u16)> {
        self.header.base.map(|base| (base.record.0, base.sequence))
    }

    /// Links as the record counts them: names, short second ones included.
    #[must_use]
    pub fn links(&self) -> u16 {
        self.header.links
    }

    /// `$LogFile` sequence number of its last change.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.header.lsn
    }

    /// Whether it is in use.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.header.in_use
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.header.is_directory
    }

    /// The times of `$STANDARD_INFORMATION`, in UTC.
    #[must_use]
    pub fn times(&self) -> Option<Times> {
        self.information.map(|information| information.times)
    }

    /// The file attributes of `$STANDARD_INFORMATION`.
    #[must_use]
    pub fn file_attributes(&self) -> Option<u32> {
        self.information.map(|information| information.file_attributes)
    }

    /// Number of its security descriptor in `$Secure`, where it has one.
    #[must_use]
    pub fn security_id(&self) -> Option<u32> {
        Some(self.information?.extension?.security_id)
    }

    /// Update sequence number of its last record in the change journal.
    #[must_use]
    pub fn usn(&self) -> Option<u64> {
        Some(self.information?.extension?.usn)
    }
}

impl MftName<'_> {
    /// The directory and its sequence number when the name was given. `None` when no volume has such a record.
    #[must_use]
    pub fn parent(&self) -> Option<(u32, u16)> {
        self.0.parent().map(|parent| (parent.record.0, parent.sequence))
    }

    /// The name as WTF-8.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.0.name()
    }

    /// Whether it is a file's second, short name.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.is_dos()
    }

    /// File attributes when the name was given or moved.
    #[must_use]
    pub fn file_attributes(&self) -> u32 {
        self.0.file_attributes()
    }

    /// **The times of when the name was given or moved**, in UTC.
    #[must_use]
    pub fn times(&self) -> Times {
        self.0.times()
    }
}
