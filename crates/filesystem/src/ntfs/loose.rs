//! An MFT without its volume. Indexes mostly lie outside the MFT, so that directories are put together from the
//! names that the records of files hold.

use foldhash::{HashMap, HashMapExt};
use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};

use super::address::{RecordNumber, Reference};
use super::file_name::FileName;
use super::file_record::{FileRecord, is_record};
use super::layout::{RawFileRecord, attribute_type};
use super::mft::RecordBytes;
use super::volume::Ntfs;
use crate::{Entry, FileKind, ScanUnit};
use zerocopy::FromBytes;

/// Which names stand in which directory, by the directory's record.
pub(super) type Parents = HashMap<RecordNumber, Vec<(u16, Entry)>>;

/// Bytes of a record, when a file begins with the record of an MFT itself.
///
/// # Errors
/// When it cannot be read.
pub(super) fn record_size(view: &dyn ReadAt) -> Result<Option<u32>, ReadError> {
    if view.len() < 1024 {
        return Ok(None);
    }
    let mut bytes = view.read_vec(0, usize::try_from(view.len().min(4096)).unwrap_or(0))?;
    let size = RawFileRecord::ref_from_prefix(&bytes).map(|(raw, _)| raw.bytes_allocated.get());
    let Ok(size @ (1024 | 2048 | 4096)) = size else { return Ok(None) };
    let Some(bytes) = usize::try_from(size).ok().and_then(|size| bytes.get_mut(..size)) else {
        return Ok(None);
    };
    let place = vminspect_bytes::ByteRange::at(0, u64::from(size));
    let record = FileRecord::parse(RecordNumber(0), bytes, place, &mut Vec::new());
    let is_mft = record.is_ok_and(|record| {
        record.attributes().filter_map(Result::ok).any(|attribute| {
            attribute.type_code == attribute_type::FILE_NAME
                && attribute.value().and_then(FileName::parse).is_some_and(|name| name.name() == b"$MFT")
        })
    });
    Ok(is_mft.then_some(size))
}

/// Whether a file is a loose MFT.
///
/// # Errors
/// When it cannot be read.
pub(super) fn probe(view: &dyn ReadAt) -> Result<bool, ReadError> {
    Ok(record_size(view)?.is_some())
}

impl Ntfs {
    /// The names in a directory of a loose MFT, those with another sequence number left out.
    pub(super) fn loose_entries(&self, directory: Reference) -> Vec<Entry> {
        let Some(parents) = &self.parents else { return Vec::new() };
        let parents = parents.get_or_init(|| self.read_parents());
        let names = parents.get(&directory.record).map(Vec::as_slice).unwrap_or_default();
        names
            .iter()
            .filter(|(sequence, entry)| {
                let parent = Reference { record: directory.record, sequence: *sequence };
                parent.fits(directory.sequence) && entry.id != directory.file()
            })
            .map(|(_, entry)| entry.clone())
            .collect()
    }

    /// Gathers the names of all files that are in use.
    fn read_parents(&self) -> Parents {
        let mut parents = Parents::new();
        for unit in self.plan(None, false).units {
            self.add_names(&unit, &mut parents);
        }
        parents
    }

    fn add_names(&self, unit: &ScanUnit, parents: &mut Parents) {
        for number in unit.first..unit.first.saturating_add(unit.count) {
            let Ok(number) = u32::try_from(number).map(RecordNumber) else { return };
            let Ok((mut bytes, place)) = self.mft.read(number) else { continue };
            self.add_names_of(number, &mut bytes, place, parents);
        }
    }

    fn add_names_of(
        &self,
        number: RecordNumber,
        bytes: &mut RecordBytes,
        place: vminspect_bytes::ByteRange,
        parents: &mut Parents,
    ) {
        if !is_record(bytes) {
            return;
        }
        let Ok(record) = FileRecord::parse(number, bytes, place, &mut Vec::new()) else { return };
        if !record.header.in_use {
            return;
        }
        // A name in an extension record is one of the file that this extends.
        let file = record.header.base.unwrap_or_else(|| record.header.reference());
        let names: Vec<FileName<'_>> = record
            .attributes()
            .filter_map(Result::ok)
            .filter(|attribute| attribute.type_code == attribute_type::FILE_NAME)
            .filter_map(|attribute| attribute.value().and_then(FileName::parse))
            .collect();
        let has_long = names.iter().any(|name| !name.is_dos());
        for name in names.iter().filter(|name| !(has_long && name.is_dos())) {
            let Some(parent) = name.parent() else { continue };
            let kind = record.header.is_directory.then_some(FileKind::Directory);
            let entry = Entry { name: name.name(), id: file.file(), kind };
            parents.entry(parent.record).or_default().push((parent.sequence, entry));
        }
    }
}
