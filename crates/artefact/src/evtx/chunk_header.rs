use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::layout::{
    CHUNK_DIRTY, CHUNK_HEADER_SIZE, CHUNK_NO_CRC32, CHUNK_SIGNATURE, CHUNK_SIZE, RawChunkHeader,
};

/// The header of a chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkHeader {
    /// Number of its first and last record, counted over the life of the log file.
    pub numbers: (u64, u64),
    /// Id of its first and last record.
    pub ids: (u64, u64),
    /// Where in the chunk its last record begins.
    pub last_record_offset: u32,
    /// Where in the chunk the space that is not used begins.
    pub free_space_offset: u32,
    /// Flags as stored.
    pub flags: u32,
    /// Whether the header has the checksum that it should have.
    pub header_checksum_holds: bool,
    /// Whether the records have the checksum that they should have.
    pub records_checksum_holds: bool,
}

impl ChunkHeader {
    /// Reads the header of a chunk, which begins at byte `offset` of the file.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn from_bytes(bytes: &[u8], offset: u64) -> Result<Self, ReadError> {
        let corrupt = || ReadError::corrupt("event log chunk").at(offset);
        let Ok((raw, _)) = RawChunkHeader::read_from_prefix(bytes) else {
            return Err(corrupt().expected("512 bytes of a header").found(format!("{} bytes", bytes.len())));
        };
        if raw.signature != CHUNK_SIGNATURE {
            return Err(corrupt().expected("the signature ElfChnk").found(format!("{:02x?}", raw.signature)));
        }
        let no_checksums = raw.flags.get() & CHUNK_NO_CRC32 != 0;
        let records = usize::try_from(raw.free_space_offset.get())
            .ok()
            .filter(|end| *end <= CHUNK_SIZE)
            .and_then(|end| bytes.get(CHUNK_HEADER_SIZE..end));
        let records_checksum =
            records.is_some_and(|records| crc32fast::hash(records) == raw.event_records_checksum.get());
        Ok(Self {
            numbers: (raw.first_event_record_number.get(), raw.last_event_record_number.get()),
            ids: (raw.first_event_record_identifier.get(), raw.last_event_record_identifier.get()),
            last_record_offset: raw.last_event_record_data_offset.get(),
            free_space_offset: raw.free_space_offset.get(),
            flags: raw.flags.get(),
            header_checksum_holds: no_checksums || header_checksum(bytes) == raw.checksum.get(),
            records_checksum_holds: no_checksums || records_checksum,
        })
    }

    /// Whether the chunk was being written.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.flags & CHUNK_DIRTY != 0
    }
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..120).unwrap_or_default());
    hasher.update(bytes.get(128..CHUNK_HEADER_SIZE).unwrap_or_default());
    hasher.finalize()
}
