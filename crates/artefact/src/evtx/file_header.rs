use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::layout::{FILE_DIRTY, FILE_FULL, FILE_NO_CRC32, FILE_SIGNATURE, LEGACY_SIGNATURE, RawFileHeader};

/// The header of a log file. In a log that was not closed, its numbers lag behind the chunks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileHeader {
    /// Number of the chunk with the oldest records.
    pub first_chunk: u64,
    /// Number of the chunk with the newest records.
    pub last_chunk: u64,
    /// The record id that is given out next.
    pub next_record_id: u64,
    /// Major and minor version: 3.1, since Windows 10 also 3.2.
    pub version: (u16, u16),
    /// Chunks that the log had, modulo 65536.
    pub chunk_count: u16,
    /// Flags as stored.
    pub flags: u32,
    /// Whether the header has the checksum that it should have.
    pub checksum_holds: bool,
}

impl FileHeader {
    /// Reads the header from the beginning of a file.
    ///
    /// # Errors
    /// `Unsupported` for a log of Windows XP (`.evt`), and for a version other than 3.x; `Corrupt` when this is no
    /// header.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.get(4..8) == Some(&LEGACY_SIGNATURE) {
            return Err(ReadError::unsupported("event log")
                .at(0)
                .expected("a log of Windows Vista or later (.evtx)")
                .found("one of Windows XP or before (.evt)"));
        }
        let Ok((raw, _)) = RawFileHeader::read_from_prefix(bytes) else {
            return Err(ReadError::past_end("event log header", 0, 128, bytes.len().try_into().unwrap_or(0)));
        };
        if raw.signature != FILE_SIGNATURE {
            return Err(ReadError::corrupt("event log header")
                .at(0)
                .expected("the signature ElfFile")
                .found(format!("{:02x?}", raw.signature)));
        }
        let computed = crc32fast::hash(bytes.get(..120).unwrap_or_default());
        let flags = raw.file_flags.get();
        let header = Self {
            first_chunk: raw.first_chunk_number.get(),
            last_chunk: raw.last_chunk_number.get(),
            next_record_id: raw.next_record_identifier.get(),
            version: (raw.major_version.get(), raw.minor_version.get()),
            chunk_count: raw.number_of_chunks.get(),
            flags,
            checksum_holds: flags & FILE_NO_CRC32 != 0 || computed == raw.checksum.get(),
        };
        if header.checksum_holds && header.version.0 != 3 {
            return Err(ReadError::unsupported("event log version")
                .at(36)
                .expected("3.x")
                .found(format!("{}.{}", header.version.0, header.version.1)));
        }
        Ok(header)
    }

    /// Whether the log was not closed: it is in use, or the machine stopped.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.flags & FILE_DIRTY != 0
    }

    /// Whether the log reached its largest size, from which on the oldest records are overwritten.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.flags & FILE_FULL != 0
    }
}
