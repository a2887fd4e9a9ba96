use crate::read_at::check_range;
use crate::{ByteRange, Extent, ReadAt, ReadError};

/// A part of another [`ReadAt`], with positions of its own: a partition, an embedded file.
#[derive(Clone, Debug)]
pub struct Window<R> {
    inner: R,
    range: ByteRange,
}

impl<R: ReadAt> Window<R> {
    /// The bytes of `inner` in `range`.
    ///
    /// # Errors
    /// When `range` passes the end of `inner`.
    pub fn new(inner: R, range: ByteRange) -> Result<Self, ReadError> {
        check_range("window", range.start(), range.len(), inner.len())?;
        Ok(Self { inner, range })
    }

    /// The part of `range` that `inner` holds: for a partition that passes the end of a truncated disk.
    #[must_use]
    pub fn clamped(inner: R, range: ByteRange) -> Self {
        let range = range.intersection(ByteRange::at(0, inner.len()));
        Self { inner, range }
    }

    /// Position of the first byte in the bytes below.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.range.start()
    }
}

impl<R: ReadAt> ReadAt for Window<R> {
    fn len(&self) -> u64 {
        self.range.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_range("window", offset, buf.len() as u64, self.range.len())?;
        self.inner.read_exact_at(self.range.start().saturating_add(offset), buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        check_range("window", range.start(), range.len(), self.range.len())?;
        let below = range.shifted(self.range.start()).unwrap_or_default();
        let extent = self.inner.extent_at(below)?;
        let end = extent.range.end().saturating_sub(self.range.start());
        Ok(Extent { range: ByteRange::new(range.start(), end.min(range.end())), origin: extent.origin })
    }
}
