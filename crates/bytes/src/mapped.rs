use std::sync::Arc;

use crate::read_at::check_range;
use crate::{ByteRange, Extent, Origin, ReadAt, ReadError};

/// Where a segment of a [`Mapped`] gets its bytes.
#[derive(Clone, Debug)]
pub enum Source {
    /// From this position of the bytes below.
    Below(u64),
    /// From bytes in memory, beginning at an index.
    Bytes(Arc<[u8]>, usize),
    /// Zeros: a hole.
    Zero,
}

/// A piece of a [`Mapped`]: `length` bytes from `start`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// First position in the mapped bytes.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Where they are.
    pub source: Source,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// Bytes assembled from pieces of other bytes: a fragmented file, a volume with replayed journal blocks.
///
/// The one reader for everything that maps: a format yields segments, this reads them. What no segment
/// covers is read as `gap` says.
#[derive(Clone)]
pub struct Mapped<R> {
    below: R,
    segments: Arc<[Segment]>,
    length: u64,
    gap: Gap,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gap {
    /// A hole in a sparse file.
    Zero,
    /// The same position below.
    Same,
}

impl<R: ReadAt> Mapped<R> {
    /// A file of `length` bytes whose gaps are holes.
    ///
    /// # Errors
    /// When segments are not in order, overlap, or reach beyond the bytes below.
    pub fn sparse(below: R, segments: impl Into<Arc<[Segment]>>, length: u64) -> Result<Self, ReadError> {
        Self::new(below, segments.into(), length, Gap::Zero)
    }

    /// The bytes of `below` with some pieces replaced.
    ///
    /// # Errors
    /// As [`Mapped::sparse`].
    pub fn patched(below: R, segments: impl Into<Arc<[Segment]>>) -> Result<Self, ReadError> {
        let length = below.len();
        Self::new(below, segments.into(), length, Gap::Same)
    }

    fn new(below: R, segments: Arc<[Segment]>, length: u64, gap: Gap) -> Result<Self, ReadError> {
        let mut end = 0;
        for segment in segments.iter() {
            if segment.start < end {
                return Err(ReadError::corrupt("mapping")
                    .at(segment.start)
                    .expected(format!("a segment from byte {end} on"))
                    .found("an overlap with the segment before"));
            }
            end = segment.start.checked_add(segment.length).ok_or_else(|| {
                ReadError::corrupt("mapping").at(segment.start).found("a segment past the largest position")
            })?;
            match &segment.source {
                Source::Below(offset) => {
                    check_range("mapped segment", *offset, segment.length, below.len())?;
                }
                Source::Bytes(bytes, from) => {
                    check_range("mapped segment", *from as u64, segment.length, bytes.len() as u64)?;
                }
                Source::Zero => {}
            }
        }
        Ok(Self { below, segments, length, gap })
    }

    /// The segment that covers `position`, or where the gap there ends.
    fn find(&self, position: u64) -> Result<&Segment, u64> {
        let next = self.segments.partition_point(|segment| segment.end() <= position);
        match self.segments.get(next) {
            Some(segment) if segment.start <= position => Ok(segment),
            Some(segment) => Err(segment.start),
            None => Err(u64::MAX),
        }
    }
}

impl<R: ReadAt> ReadAt for Mapped<R> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_range("mapped bytes", offset, buf.len() as u64, self.length)?;
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let found = self.find(position);
            let end = match &found {
                Ok(segment) => segment.end(),
                Err(next) => *next,
            };
            let take = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX).min(rest.len());
            let (part, tail) = rest.split_at_mut(take);
            match found {
                Ok(Segment { start, source: Source::Below(below), .. }) => {
                    let skip = position.saturating_sub(*start);
                    self.below.read_exact_at(below.saturating_add(skip), part)?;
                }
                Ok(Segment { start, source: Source::Bytes(bytes, from), .. }) => {
                    let skip = usize::try_from(position.saturating_sub(*start)).unwrap_or(usize::MAX);
                    let from = from.saturating_add(skip);
                    match bytes.get(from..).and_then(|bytes| bytes.get(..take)) {
                        Some(bytes) => part.copy_from_slice(bytes),
                        None => return Err(ReadError::corrupt("mapping").at(position)),
                    }
                }
                Ok(Segment { source: Source::Zero, .. }) => part.fill(0),
                Err(_) if self.gap == Gap::Zero => part.fill(0),
                Err(_) => self.below.read_exact_at(position, part)?,
            }
            position = position.saturating_add(take as u64);
            rest = tail;
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        check_range("mapped bytes", range.start(), range.len(), self.length)?;
        let position = range.start();
        let below = match self.find(position) {
            Ok(segment) => {
                let piece = ByteRange::new(position, segment.end().min(range.end()));
                match &segment.source {
                    Source::Below(offset) => {
                        (piece, offset.saturating_add(position.saturating_sub(segment.start)))
                    }
                    Source::Bytes(..) => return Ok(Extent { range: piece, origin: Origin::Unknown }),
                    Source::Zero => return Ok(Extent { range: piece, origin: Origin::Zero }),
                }
            }
            Err(next) => {
                let piece = ByteRange::new(position, next.min(range.end()));
                match self.gap {
                    Gap::Zero => return Ok(Extent { range: piece, origin: Origin::Zero }),
                    Gap::Same => (piece, position),
                }
            }
        };
        let (piece, offset) = below;
        let extent = self.below.extent_at(ByteRange::at(offset, piece.len()))?;
        Ok(Extent { range: piece.truncate(extent.range.len()), origin: extent.origin })
    }
}
