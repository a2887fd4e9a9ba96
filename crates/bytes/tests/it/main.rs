//! The contracts of the bytes layer, checked against simple models.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own input should stop")]

mod cache;
mod differ;
mod host_file;
mod mapped;
mod range_set;
mod reader;
mod timestamp;

use vminspect_bytes::{ByteRange, Extent, Origin, ReadAt, ReadError, StoreId};

/// Bytes whose origin, in pieces of a fixed length, is told by a table: piece `i` comes from store
/// `table[i].0` at piece `table[i].1`, or is zeros, or of unknown origin.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) length: u64,
    pub(crate) table: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Piece {
    Stored(u8, u8),
    Zero,
    Unknown(u8),
}

impl Pieces {
    pub(crate) const PIECE: u64 = 16;

    fn byte(&self, position: u64) -> u8 {
        let piece = self.table[usize::try_from(position / Self::PIECE).unwrap()];
        let within = u8::try_from(position % Self::PIECE).unwrap();
        match piece {
            Piece::Stored(store, at) => store.wrapping_mul(97) ^ at.wrapping_mul(31) ^ within,
            Piece::Zero => 0,
            Piece::Unknown(seed) => seed,
        }
    }
}

impl ReadAt for Pieces {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if offset + buf.len() as u64 > self.length {
            return Err(ReadError::past_end("pieces", offset, buf.len() as u64, self.length));
        }
        for (position, byte) in (offset..).zip(buf) {
            *byte = self.byte(position);
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let index = range.start() / Self::PIECE;
        let end = ((index + 1) * Self::PIECE).min(range.end());
        let within = range.start() % Self::PIECE;
        let origin = match self.table[usize::try_from(index).unwrap()] {
            Piece::Stored(store, at) => Origin::Stored {
                store: StoreId::intern(&[b'p', store]),
                offset: u64::from(at) * Self::PIECE + within,
            },
            Piece::Zero => Origin::Zero,
            Piece::Unknown(_) => Origin::Unknown,
        };
        Ok(Extent { range: ByteRange::new(range.start(), end), origin })
    }
}
