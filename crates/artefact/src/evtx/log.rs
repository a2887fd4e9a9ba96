use std::ops::Range;

use vminspect_bytes::{ByteRange, Origin, ReadAt, ReadAtExt, ReadError};

use super::FileHeader;
use super::layout::{CHUNK_LENGTH, CHUNK_SIGNATURE, FILE_HEADER_BLOCK};

/// Chunks that are looked at for a signature where the file header is damaged.
const MOST_PROBED: u64 = 4096;

/// An event log: a file header and chunks of 64 KiB, each of which can be decoded by itself.
#[derive(Clone, Debug)]
pub struct Log<S> {
    source: S,
    header: Option<FileHeader>,
    problems: Vec<ReadError>,
}

impl<S: ReadAt> Log<S> {
    /// Opens a log. Where the file header is damaged, but chunks are found, that is a problem of the log.
    ///
    /// # Errors
    /// `Unsupported` for a log of Windows XP or of an unknown version; `Corrupt` where neither a header nor a chunk
    /// is found.
    pub fn open(source: S) -> Result<Self, ReadError> {
        let length = usize::try_from(source.len().min(128)).unwrap_or(0);
        let head = source.read_vec(0, length)?;
        let mut log = Self { source, header: None, problems: Vec::new() };
        match FileHeader::from_bytes(&head) {
            Ok(header) => {
                if !header.checksum_holds {
                    let error = ReadError::corrupt("event log header").at(124);
                    log.problems.push(error.found("a wrong checksum"));
                }
                log.header = Some(header);
            }
            Err(error) if error.family() == vminspect_bytes::Family::Corrupt && log.has_chunks() => {
                log.problems.push(error);
            }
            Err(error) => return Err(error),
        }
        Ok(log)
    }

    fn has_chunks(&self) -> bool {
        (0..self.chunk_count().min(MOST_PROBED)).any(|index| {
            let signature = self.source.read_array(self.chunk_offset(index));
            signature.is_ok_and(|signature: [u8; 8]| signature == CHUNK_SIGNATURE)
        })
    }

    /// The file header, where there is one.
    #[must_use]
    pub const fn header(&self) -> Option<&FileHeader> {
        self.header.as_ref()
    }

    /// What is wrong with the file header.
    #[must_use]
    pub fn problems(&self) -> &[ReadError] {
        &self.problems
    }

    /// The bytes of the log.
    #[must_use]
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// Chunks that the file has room for, whatever its header says; the last one may be cut off.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.source.len().saturating_sub(FILE_HEADER_BLOCK).div_ceil(CHUNK_LENGTH)
    }

    /// Chunks of which something may be stored, in their order: a sparse file can claim to be larger than could ever
    /// be read, and holes hold no records.
    pub fn stored_chunks(&self) -> impl Iterator<Item = u64> + Send + '_ {
        let mut known = 0..0;
        std::iter::from_fn(move || {
            if known.is_empty() {
                known = self.stored_from(known.end)?;
            }
            known.next()
        })
    }

    /// The next chunks from `first` on that something stored reaches.
    fn stored_from(&self, first: u64) -> Option<Range<u64>> {
        let mut at = self.chunk_offset(first);
        let end = self.source.len();
        if at >= end {
            return None;
        }
        for extent in self.source.extents(ByteRange::new(at, end)) {
            match extent {
                Ok(extent) if extent.origin == Origin::Zero => at = extent.range.end(),
                Ok(extent) => {
                    return Some(
                        chunk_at(at)..chunk_at(extent.range.end().saturating_sub(1)).saturating_add(1),
                    );
                }
                // Reading it tells what is wrong.
                Err(_) => return Some(chunk_at(at)..chunk_at(at).saturating_add(1)),
            }
        }
        None
    }

    /// Where in the file a chunk begins.
    #[must_use]
    pub const fn chunk_offset(&self, index: u64) -> u64 {
        index.saturating_mul(CHUNK_LENGTH).saturating_add(FILE_HEADER_BLOCK)
    }

    /// Reads a chunk into `buffer`, or as much of the last one as there is.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read_chunk(&self, index: u64, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        let offset = self.chunk_offset(index);
        let length = self.source.len().saturating_sub(offset).min(CHUNK_LENGTH);
        // Most chunks are of one size, so that nothing need be cleared.
        buffer.resize(usize::try_from(length).unwrap_or(0), 0);
        self.source.read_exact_at(offset, buffer)
    }
}

/// The chunk that a byte of the file is in.
const fn chunk_at(offset: u64) -> u64 {
    offset.saturating_sub(FILE_HEADER_BLOCK) / CHUNK_LENGTH
}
