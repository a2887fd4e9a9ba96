//! Compressed attributes: LZNT1 in units of mostly 16 clusters. A unit whose runs end in a hole is compressed, one
//! that is all hole is zero, and one without holes is stored as it is.

use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;
use vminspect_bytes::{BlockCache, ByteRange, CodecId, Extent, Origin, ReadAt, ReadError, check_range};

use super::compression::lznt1;
use super::content::{copy_from, encoded_extent};
use super::widen;
use crate::{Place, Run};

/// Decoded units, by where they begin on the volume, or another number of their own, and their length.
pub(super) type Decoded = BlockCache<(u64, u64)>;

static CODEC: LazyLock<CodecId> = LazyLock::new(|| CodecId::intern("ntfs-lznt1"));

/// A compressed value.
pub(super) struct CompressedValue {
    /// The stored bytes, whole units with their holes.
    pub(super) stored: Arc<dyn ReadAt>,
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) size: u64,
    /// What lies beyond was never written and reads as zeros.
    pub(super) initialised: u64,
    /// Bytes of a unit.
    pub(super) unit: u64,
    pub(super) cache: Arc<Decoded>,
}

/// How a unit is stored.
enum Unit {
    Zero,
    Plain,
    /// Its stored bytes, as a range of the stored value, and where they begin on the volume.
    Compressed(ByteRange, u64),
}

impl CompressedValue {
    /// The unit that holds `position`.
    fn range(&self, position: u64) -> ByteRange {
        let skip = position.checked_rem(self.unit).unwrap_or(0);
        ByteRange::at(position.saturating_sub(skip), self.unit)
    }

    fn unit(&self, range: ByteRange) -> Unit {
        let first = self.runs.partition_point(|run| run.start.saturating_add(run.length) <= range.start());
        let (mut stored_end, mut place, mut has_hole) = (range.start(), None, false);
        for run in self.runs.get(first..).unwrap_or_default() {
            let part = ByteRange::at(run.start, run.length).intersection(range);
            if part.is_empty() {
                break;
            }
            match run.place {
                Place::Volume(start) if !has_hole => {
                    let skip = part.start().saturating_sub(run.start);
                    place = place.or(Some(start.saturating_add(skip)));
                    stored_end = part.end();
                }
                _ => has_hole = true,
            }
        }
        match place {
            None => Unit::Zero,
            // Values end in whole units: what no run maps at the end is a hole, too.
            Some(place) if stored_end < range.end() => {
                Unit::Compressed(ByteRange::new(range.start(), stored_end), place)
            }
            Some(_) => Unit::Plain,
        }
    }

    fn decode(&self, stored: ByteRange, place: u64) -> Result<Arc<[u8]>, ReadError> {
        self.cache.get_or_insert((place, self.unit), || {
            let mut output = vec![0; usize::try_from(self.unit).unwrap_or(0)];
            self.decode_into(stored, place, &mut output)?;
            Ok(output.into())
        })
    }

    fn decode_into(&self, stored: ByteRange, place: u64, output: &mut [u8]) -> Result<(), ReadError> {
        let mut input = vec![0; usize::try_from(stored.len()).unwrap_or(0)];
        self.stored.read_exact_at(stored.start(), &mut input)?;
        lznt1::decompress(&input, output).map_err(|error| error.within("compression unit").at(place))?;
        Ok(())
    }

    /// Fills `buf` from a position of one unit.
    fn read_part(&self, position: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let range = self.range(position);
        match self.unit(range) {
            Unit::Zero => buf.fill(0),
            Unit::Plain => self.stored.read_exact_at(position, buf)?,
            Unit::Compressed(stored, place) if widen(buf.len()) == self.unit => {
                self.decode_into(stored, place, buf)?;
            }
            Unit::Compressed(stored, place) => {
                let bytes = self.decode(stored, place)?;
                if !copy_from(&bytes, position.saturating_sub(range.start()), buf) {
                    return Err(ReadError::corrupt("compression unit").at(place));
                }
            }
        }
        Ok(())
    }
}

impl ReadAt for CompressedValue {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_range("compressed file", offset, widen(buf.len()), self.size)?;
        let written = usize::try_from(self.initialised.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (mut rest, zeros) = buf.split_at_mut(written.min(buf.len()));
        zeros.fill(0);
        let mut position = offset;
        while !rest.is_empty() {
            let left = self.range(position).end().saturating_sub(position);
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at_mut(take);
            self.read_part(position, part)?;
            position = position.saturating_add(widen(take));
            rest = after;
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        check_range("compressed file", range.start(), range.len(), self.size)?;
        if range.start() >= self.initialised {
            return Ok(Extent { range, origin: Origin::Zero });
        }
        let unit = self.range(range.start());
        let written = ByteRange::new(range.start(), range.end().min(self.initialised));
        let piece = written.intersection(unit);
        match self.unit(unit) {
            Unit::Zero => Ok(Extent { range: piece, origin: Origin::Zero }),
            Unit::Plain => self.stored.extent_at(piece),
            Unit::Compressed(stored, _) => {
                let skip = piece.start().saturating_sub(unit.start());
                encoded_extent(&*self.stored, stored, piece, skip, *CODEC)
            }
        }
    }
}
