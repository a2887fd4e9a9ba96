use vminspect_bytes::{ReadError, Timestamp};
use zerocopy::FromBytes;

use super::layout::{RECORD_OVERHEAD, RECORD_SIGNATURE, RawRecord};

/// A record as its header tells of it. Its content is decoded by a [`Decoder`](super::Decoder).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// Where in the chunk it begins.
    pub offset: u32,
    /// Its bytes, with header and copy of the size.
    pub size: u32,
    /// Its id. Windows gives them out one after another, and starts anew when a log is cleared.
    pub id: u64,
    /// When it was written, as FILETIME: 100 ns ticks since 1601-01-01 UTC.
    pub written: u64,
    /// Whether it was found outside the records that the chunk counts as its own.
    pub recovered: bool,
}

impl Record {
    /// When it was written.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_filetime(self.written)
    }

    /// The first byte behind it, in the chunk.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.size)
    }

    /// The record at `offset` of a chunk that begins at byte `base` of the file. It lies within the chunk.
    pub(super) fn at(chunk: &[u8], offset: u32, base: u64) -> Result<Self, ReadError> {
        let corrupt = || ReadError::corrupt("event record").at(base.saturating_add(u64::from(offset)));
        let bytes = usize::try_from(offset).ok().and_then(|offset| chunk.get(offset..)).unwrap_or_default();
        let Ok((raw, _)) = RawRecord::read_from_prefix(bytes) else {
            return Err(corrupt().expected("24 bytes of a header").found(format!("{} bytes", bytes.len())));
        };
        if raw.signature != RECORD_SIGNATURE {
            return Err(corrupt().expected("the signature **").found(format!("{:02x?}", raw.signature)));
        }
        let size = raw.size.get();
        let fits = usize::try_from(size).is_ok_and(|size| (RECORD_OVERHEAD..=bytes.len()).contains(&size));
        if !fits {
            return Err(corrupt()
                .expected(format!("a size from {RECORD_OVERHEAD} to {} bytes", bytes.len()))
                .found(format!("{size}")));
        }
        let (id, written) = (raw.event_record_identifier.get(), raw.written_date_and_time.get());
        Ok(Self { offset, size, id, written, recovered: false })
    }

    /// Whether the record ends in a copy of its size, as it should.
    pub(super) fn has_size_copy(&self, chunk: &[u8]) -> bool {
        let end = usize::try_from(self.end()).unwrap_or(usize::MAX);
        chunk.get(end.saturating_sub(4)..end) == Some(&self.size.to_le_bytes())
    }
}
