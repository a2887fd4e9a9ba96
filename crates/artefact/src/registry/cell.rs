use std::fmt;

use vminspect_bytes::ReadError;
use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::layout::{BASE_BLOCK_LENGTH, NOWHERE};

/// Position of a cell in bytes from the first hive bin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellOffset(u32);

impl CellOffset {
    /// `None` for the offset that points nowhere.
    #[must_use]
    pub fn new(offset: u32) -> Option<Self> {
        (offset != NOWHERE).then_some(Self(offset))
    }

    /// Bytes from the first hive bin.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// Bytes from the beginning of the hive's file.
    #[must_use]
    pub fn in_file(self) -> u64 {
        u64::from(self.0).saturating_add(BASE_BLOCK_LENGTH)
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for CellOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What is wrong with a cell that can be read all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    /// Something in use refers to it, but it is marked as free.
    Free,
    /// It passes the end of the hive, or its record passes the cell's.
    Cut,
}

/// The bytes of a cell, behind its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'h> {
    pub(super) offset: CellOffset,
    pub(super) data: &'h [u8],
    pub(super) flaw: Option<Flaw>,
}

impl<'h> Cell<'h> {
    /// The fixed part of a record, and what follows it.
    #[inline]
    pub(super) fn record<T>(&self, structure: &'static str) -> Result<(&'h T, &'h [u8]), ReadError>
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        T::ref_from_prefix(self.data).map_err(|_| self.too_small(structure, size_of::<T>()))
    }

    #[cold]
    fn too_small(&self, structure: &'static str, needed: usize) -> ReadError {
        ReadError::corrupt(structure)
            .at(self.offset.in_file())
            .expected(format!("{needed} bytes"))
            .found(format!("a cell of {}", self.data.len()))
    }

    #[cold]
    fn other_signature(&self, signature: [u8; 2], structure: &'static str) -> ReadError {
        ReadError::corrupt(structure)
            .at(self.offset.in_file())
            .expected(signature.escape_ascii().to_string())
            .found(self.signature().escape_ascii().to_string())
    }

    /// The fixed part of a record with a signature, and the name behind it, of which the cell may have a part alone.
    #[inline]
    pub(super) fn named<T>(
        &self,
        signature: [u8; 2],
        structure: &'static str,
        name_length: impl Fn(&T) -> U16,
    ) -> Result<(&'h T, &'h [u8], Option<Flaw>), ReadError>
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        if self.signature() != signature {
            return Err(self.other_signature(signature, structure));
        }
        let (record, rest) = self.record::<T>(structure)?;
        Ok(match rest.get(..usize::from(name_length(record).get())) {
            Some(name) => (record, name, self.flaw),
            None => (record, rest, Some(Flaw::Cut)),
        })
    }

    /// Its signature, where it has room for one.
    pub(super) fn signature(&self) -> [u8; 2] {
        self.data.first_chunk().copied().unwrap_or_default()
    }
}

/// Hive bins as a slice, and how their cells begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells<'h> {
    pub(super) bins: &'h [u8],
    /// Bytes before a cell's data: its size, and in version 1.1 the offset of the cell before it.
    pub(super) header: usize,
}

/// Cells begin and end at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

impl<'h> Cells<'h> {
    /// The cell at `offset`. One that is free or cut short is handed out with that flaw.
    #[inline]
    pub(super) fn at(self, offset: CellOffset, structure: &'static str) -> Result<Cell<'h>, ReadError> {
        let start = offset.index();
        let rest = self.bins.get(start..).unwrap_or_default();
        let size = rest.first_chunk().map_or(0, |size| i32::from_le_bytes(*size));
        let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
        if length <= self.header || !start.is_multiple_of(ALIGNMENT) {
            return Err(self.no_cell(offset, structure));
        }
        let (data, flaw) = match rest.get(self.header..length) {
            Some(data) => (data, (size > 0).then_some(Flaw::Free)),
            None => (rest.get(self.header..).unwrap_or_default(), Some(Flaw::Cut)),
        };
        Ok(Cell { offset, data, flaw })
    }

    /// Why there is no cell at `offset`.
    #[cold]
    fn no_cell(self, offset: CellOffset, structure: &'static str) -> ReadError {
        let found = match self.bins.get(offset.index()..).and_then(<[u8]>::first_chunk) {
            _ if !offset.index().is_multiple_of(ALIGNMENT) => "an offset that is no multiple of 8".to_owned(),
            Some(size) => format!("a size of {}", i32::from_le_bytes(*size)),
            None => format!("the end of the hive bins at {} bytes", self.bins.len()),
        };
        ReadError::corrupt(structure).at(offset.in_file()).expected("a cell").found(found)
    }

    /// Whether a cell may begin at `offset`, by the offset alone.
    pub(super) fn may_begin_at(self, offset: u32) -> bool {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        offset.is_multiple_of(ALIGNMENT) && offset < self.bins.len()
    }
}

/// `count` offsets at the beginning of a list, or as many as there is room for.
pub(super) fn offsets(list: &[u8], count: usize) -> &[U32] {
    let room = list.len().div_euclid(size_of::<U32>());
    <[U32]>::ref_from_prefix_with_elems(list, count.min(room)).map_or(&[], |(offsets, _)| offsets)
}

/// A length in memory as one of a file.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
