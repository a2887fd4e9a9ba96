//! Files that the Windows overlay filter (WOF, "CompactOS") decompresses.
//!
//! Such a file has a reparse point of tag [`REPARSE_TAG`], a `$DATA` attribute of the right size that is all hole,
//! and a stream `WofCompressedData`: a table of offsets, then the file in chunks, each compressed by itself, or
//! stored as it is where that would not have made it smaller.
//!
//! Structures: <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/ns-ntifs-_wof_external_info> and
//! the pages around it.

use vminspect_bytes::{ByteRange, ReadError};
use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{DecodeError, lzx, xpress};

/// `IO_REPARSE_TAG_WOF`.
pub const REPARSE_TAG: u32 = 0x8000_0017;
/// The name of the stream that holds the compressed data.
pub const STREAM_NAME: &str = "WofCompressedData";

const WOF_CURRENT_VERSION: u32 = 1;
const WOF_PROVIDER_WIM: u32 = 1;
const WOF_PROVIDER_FILE: u32 = 2;
const FILE_PROVIDER_CURRENT_VERSION: u32 = 1;

/// `WOF_EXTERNAL_INFO`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawExternalInfo {
    version: U32,
    provider: U32,
}
const _: () = assert!(size_of::<RawExternalInfo>() == 8);

/// `FILE_PROVIDER_EXTERNAL_INFO_V1` but for its flags, which are reserved and not always stored.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawFileInfo {
    version: U32,
    algorithm: U32,
}
const _: () = assert!(size_of::<RawFileInfo>() == 8);

/// `WIM_PROVIDER_EXTERNAL_INFO`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawWimInfo {
    version: U32,
    flags: U32,
    data_source_id: U64,
    /// SHA-1 of the content.
    resource_hash: [u8; 20],
}
const _: () = assert!(size_of::<RawWimInfo>() == 36);

/// How the chunks of a file are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// XPRESS Huffman in chunks of 4 KiB.
    Xpress4K,
    /// LZX in chunks of 32 KiB.
    Lzx,
    /// XPRESS Huffman in chunks of 8 KiB.
    Xpress8K,
    /// XPRESS Huffman in chunks of 16 KiB.
    Xpress16K,
}

impl Algorithm {
    /// The algorithm of a `FILE_PROVIDER_COMPRESSION_…` number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Xpress4K),
            1 => Some(Self::Lzx),
            2 => Some(Self::Xpress8K),
            3 => Some(Self::Xpress16K),
            _ => None,
        }
    }

    /// Bytes of a decoded chunk; the last one of a file may have fewer.
    #[must_use]
    pub const fn chunk_size(self) -> u64 {
        match self {
            Self::Xpress4K => 1 << 12,
            Self::Xpress8K => 1 << 13,
            Self::Xpress16K => 1 << 14,
            Self::Lzx => 1 << 15,
        }
    }
}

/// Who provides the content of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The file's own stream [`STREAM_NAME`].
    File {
        /// How it is compressed.
        algorithm: Algorithm,
    },
    /// A WIM file somewhere else ("WIMBoot").
    Wim {
        /// `WIM_PROVIDER_EXTERNAL_FLAG_…`: 1 not active, 2 suspended.
        flags: u32,
        /// The number of the WIM file, as `\System Volume Information\WimOverlay.dat` has it.
        data_source_id: u64,
        /// SHA-1 of the content.
        resource_hash: [u8; 20],
    },
}

impl Provider {
    /// Reads what follows the tag, the length and the reserved field of a reparse point of tag [`REPARSE_TAG`].
    ///
    /// # Errors
    /// Unsupported for versions, providers and algorithms that are not known; damaged when it is too short.
    /// Offsets are relative to `data`.
    pub fn from_bytes(data: &[u8]) -> Result<Self, ReadError> {
        let (info, rest) = RawExternalInfo::ref_from_prefix(data).map_err(|_| too_short(data, 8))?;
        known("WOF version", 0, info.version.get(), WOF_CURRENT_VERSION)?;
        match info.provider.get() {
            WOF_PROVIDER_FILE => Self::file(data, rest),
            WOF_PROVIDER_WIM => Self::wim(data, rest),
            other => Err(ReadError::unsupported("WOF provider").at(4).found(other.to_string())),
        }
    }

    fn file(data: &[u8], rest: &[u8]) -> Result<Self, ReadError> {
        let (file, _) = RawFileInfo::ref_from_prefix(rest).map_err(|_| too_short(data, 16))?;
        known("WOF file provider version", 8, file.version.get(), FILE_PROVIDER_CURRENT_VERSION)?;
        let number = file.algorithm.get();
        let algorithm = Algorithm::from_number(number).ok_or_else(|| {
            ReadError::unsupported("WOF compression algorithm").at(12).found(number.to_string())
        })?;
        Ok(Self::File { algorithm })
    }

    fn wim(data: &[u8], rest: &[u8]) -> Result<Self, ReadError> {
        let (wim, _) = RawWimInfo::ref_from_prefix(rest).map_err(|_| too_short(data, 44))?;
        // Microsoft documents 1, for the call that makes such a file; on disk stands 2.
        let version = wim.version.get();
        if !matches!(version, 1 | 2) {
            return Err(ReadError::unsupported("WIM provider version").at(8).found(version.to_string()));
        }
        Ok(Self::Wim {
            flags: wim.flags.get(),
            data_source_id: wim.data_source_id.get(),
            resource_hash: wim.resource_hash,
        })
    }
}

fn too_short(data: &[u8], needed: u64) -> ReadError {
    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
    ReadError::past_end("WOF reparse point", 0, needed, length)
}

fn known(structure: &'static str, offset: u64, found: u32, expected: u32) -> Result<(), ReadError> {
    if found == expected {
        return Ok(());
    }
    let error = ReadError::unsupported(structure).at(offset);
    Err(error.expected(expected.to_string()).found(found.to_string()))
}

/// Where the chunks of a stream [`STREAM_NAME`] are.
///
/// The stream begins with an offset for each chunk but the first, which begins where the table ends. Offsets are
/// relative to that end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkTable {
    algorithm: Algorithm,
    size: u64,
}

impl ChunkTable {
    /// The table of a file of `size` bytes.
    #[must_use]
    pub const fn new(algorithm: Algorithm, size: u64) -> Self {
        Self { algorithm, size }
    }

    /// Number of chunks.
    #[must_use]
    pub const fn chunks(self) -> u64 {
        self.size.div_ceil(self.algorithm.chunk_size())
    }

    /// Bytes of an entry: 8 when the file has 4 GiB or more, else 4.
    #[must_use]
    pub const fn entry_size(self) -> u64 {
        if self.size >> 32 == 0 { 4 } else { 8 }
    }

    /// Bytes of the table.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.chunks().saturating_sub(1).saturating_mul(self.entry_size())
    }

    /// Whether the table has no entry: the file has at most one chunk.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The chunk that holds byte `offset` of the file.
    #[must_use]
    pub const fn chunk_at(self, offset: u64) -> u64 {
        offset.wrapping_shr(self.algorithm.chunk_size().trailing_zeros())
    }

    /// The bytes of the file that `chunk` decodes to; empty behind the last chunk.
    #[must_use]
    pub fn decoded(self, chunk: u64) -> ByteRange {
        let chunk_size = self.algorithm.chunk_size();
        let start = chunk.saturating_mul(chunk_size).min(self.size);
        ByteRange::new(start, start.saturating_add(chunk_size).min(self.size))
    }

    /// The bytes of the stream that say where `chunks` (numbers of chunks, from first to behind the last) are:
    /// read these for [`ChunkTable::stored`].
    #[must_use]
    pub fn entries(self, chunks: ByteRange) -> ByteRange {
        let at = |chunk: u64| chunk.saturating_mul(self.entry_size()).min(self.len());
        ByteRange::new(at(chunks.start().saturating_sub(1)), at(chunks.end()))
    }

    /// The bytes of the stream that hold `chunk`. `entries` is what [`ChunkTable::entries`] named for `chunks`,
    /// of which `chunk` is one; `stream` is the length of the whole stream.
    ///
    /// # Errors
    /// When the offsets do not ascend, leave the stream, or hold more than the chunk does decoded.
    pub fn stored(
        self,
        chunk: u64,
        chunks: ByteRange,
        entries: &[u8],
        stream: u64,
    ) -> Result<ByteRange, ReadError> {
        let first_entry = chunks.start().saturating_sub(1);
        let offset_of = |chunk: u64| match chunk.checked_sub(1) {
            None => Ok(0),
            Some(_) if chunk >= self.chunks() => Ok(stream.saturating_sub(self.len())),
            Some(entry) => self.entry(entry, first_entry, entries),
        };
        let start = offset_of(chunk)?.saturating_add(self.len());
        let end = offset_of(chunk.saturating_add(1))?.saturating_add(self.len());
        let most = self.decoded(chunk).len();
        if start >= end || end > stream || end.saturating_sub(start) > most {
            return Err(ReadError::corrupt("WOF chunk table")
                .at(chunk.saturating_sub(1).saturating_mul(self.entry_size()))
                .expected(format!("a chunk of 1 to {most} bytes before {stream}"))
                .found(format!("{start} to {end}")));
        }
        Ok(ByteRange::new(start, end))
    }

    fn entry(self, entry: u64, first: u64, entries: &[u8]) -> Result<u64, ReadError> {
        let size = self.entry_size();
        let at = entry.checked_sub(first).and_then(|nth| usize::try_from(nth.saturating_mul(size)).ok());
        let bytes = at.and_then(|at| entries.get(at..));
        let offset = bytes.and_then(|bytes| match size {
            4 => bytes.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes))),
            _ => bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
        });
        offset.ok_or_else(|| {
            let length = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let end = first.saturating_mul(size).saturating_add(length);
            ReadError::past_end("WOF chunk table", entry.saturating_mul(size), size, end)
        })
    }
}

/// Decodes one chunk, which fills `output`. As long as `output`, it was stored plainly.
///
/// # Errors
/// When the chunk is not what the algorithm asks for.
pub fn decode_chunk(algorithm: Algorithm, stored: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
    if stored.len() == output.len() {
        output.copy_from_slice(stored);
        return Ok(());
    }
    match algorithm {
        Algorithm::Lzx => lzx::decompress(stored, output),
        Algorithm::Xpress4K | Algorithm::Xpress8K | Algorithm::Xpress16K => {
            xpress::decompress(stored, output)
        }
    }
}
