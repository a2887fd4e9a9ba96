use std::sync::Arc;

use crate::{ByteRange, Extent, Extents, Origin, ReadError, Window};

/// Read-only bytes at fixed positions, safe to read from many threads at once. There is no write.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// A range that passes the end is an error, never a short or zero fill. So is anything below that
    /// cannot be read.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// Where a non-empty prefix of the non-empty `range` comes from, without reading its bytes.
    ///
    /// # Errors
    /// When a table that maps the range cannot be read.
    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        Ok(Extent { range, origin: Origin::Unknown })
    }

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Arc<R> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_exact_at(offset, buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        (**self).extent_at(range)
    }
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_exact_at(offset, buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        (**self).extent_at(range)
    }
}

/// Conveniences over [`ReadAt`].
pub trait ReadAtExt: ReadAt {
    /// The extents of `range`, cut to the length.
    fn extents(&self, range: ByteRange) -> Extents<'_, Self> {
        Extents::new(self, range.intersection(ByteRange::at(0, self.len())))
    }

    /// `length` bytes from `offset`.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`]. A range past the end fails before anything is allocated.
    fn read_vec(&self, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        check_range("range", offset, length as u64, self.len())?;
        let mut bytes = vec![0; length];
        self.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// `N` bytes from `offset`.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`].
    fn read_array<const N: usize>(&self, offset: u64) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// All bytes, when there are at most `limit` of them.
    ///
    /// # Errors
    /// `Unsupported` when there are more, and as [`ReadAt::read_exact_at`].
    fn read_all(&self, limit: u64) -> Result<Vec<u8>, ReadError> {
        match usize::try_from(self.len()) {
            Ok(length) if self.len() <= limit => self.read_vec(0, length),
            _ => Err(ReadError::unsupported("size")
                .expected(format!("at most {limit} bytes"))
                .found(format!("{} bytes", self.len()))),
        }
    }

    /// A part of these bytes as bytes of its own.
    ///
    /// # Errors
    /// When the part passes the end.
    fn window(self, range: ByteRange) -> Result<Window<Self>, ReadError>
    where
        Self: Sized,
    {
        Window::new(self, range)
    }
}

impl<R: ReadAt + ?Sized> ReadAtExt for R {}

/// Checks that `length` bytes at `offset` of `structure` lie within its `available` bytes.
///
/// # Errors
/// When they do not.
pub fn check_range(
    structure: &'static str,
    offset: u64,
    length: u64,
    available: u64,
) -> Result<(), ReadError> {
    match offset.checked_add(length) {
        Some(end) if end <= available => Ok(()),
        _ => Err(ReadError::past_end(structure, offset, length, available)),
    }
}
