use vminspect_bytes::{HostFile, ReadAt, ReadAtExt, ReadError};
use zerocopy::{BigEndian, FromBytes, U64};

use super::descriptor::Defect;
use super::geometry::{Geometry, HostOffset};
use super::layout;
use super::number::as_usize;

/// Where an L1 table is.
#[derive(Clone, Copy, Debug)]
pub(super) struct L1Place {
    pub(super) offset: u64,
    pub(super) entries: u32,
}

/// An L1 table in memory: where the L2 tables are.
#[derive(Debug)]
pub(super) struct L1Table {
    entries: Box<[u64]>,
    geometry: Geometry,
    file_length: u64,
}

/// What an L1 entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum L1Entry {
    Unallocated,
    Table(HostOffset),
    Bad(Defect),
}

impl L1Table {
    /// Reads the part of the table that maps `needed` bytes, as far as it lies in the file.
    pub(super) fn read(
        file: &HostFile,
        place: L1Place,
        geometry: Geometry,
        needed: u64,
    ) -> Result<Self, ReadError> {
        let error = |found: String| ReadError::corrupt("qcow2 L1 table").at(place.offset).found(found);
        if geometry.within_cluster(place.offset) != 0 {
            return Err(error("an offset that is not a multiple of the cluster size".into()));
        }
        let wanted = geometry.l1_entries(needed).min(u64::from(place.entries));
        if wanted.saturating_mul(8) > layout::MOST_L1_BYTES {
            return Err(ReadError::unsupported("qcow2 L1 table")
                .at(place.offset)
                .expected(format!("at most {} bytes", layout::MOST_L1_BYTES))
                .found(format!("{wanted} entries of 8 bytes")));
        }
        let available = file.len().saturating_sub(place.offset) / 8;
        if wanted > 0 && (place.offset == 0 || available == 0) {
            return Err(error(format!("a place outside of the file's {} bytes", file.len()))
                .expected("a table after the header and within the file"));
        }
        let length = as_usize(wanted.min(available)).saturating_mul(8);
        let bytes = file.read_vec(place.offset, length)?;
        let entries = <[U64<BigEndian>]>::ref_from_bytes(&bytes).unwrap_or_default();
        let entries = entries.iter().map(|entry| entry.get()).collect();
        Ok(Self { entries, geometry, file_length: file.len() })
    }

    /// Entries that could be read.
    pub(super) fn len(&self) -> u64 {
        super::number::as_u64(self.entries.len())
    }

    /// The stored number of an entry.
    pub(super) fn value(&self, index: u64) -> u64 {
        self.entries.get(as_usize(index)).copied().unwrap_or(0)
    }

    /// The entry at `index`.
    pub(super) fn entry(&self, index: u64) -> L1Entry {
        let Some(&value) = self.entries.get(as_usize(index)) else {
            return L1Entry::Bad(Defect::NoL1Entry);
        };
        if value == 0 {
            return L1Entry::Unallocated;
        }
        let offset = value & layout::OFFSET_MASK;
        if value & layout::L1_RESERVED != 0 {
            L1Entry::Bad(Defect::L1Reserved)
        } else if offset == 0 {
            L1Entry::Unallocated
        } else if self.geometry.within_cluster(offset) != 0 {
            L1Entry::Bad(Defect::TableUnaligned)
        } else if offset >= self.file_length {
            L1Entry::Bad(Defect::TablePastEnd)
        } else {
            L1Entry::Table(HostOffset(offset))
        }
    }
}
