//! Files that the Windows overlay filter compressed: chunks in a stream of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vminspect_bytes::{ByteRange, CodecId, Extent, ReadAt, ReadAtExt, ReadError, check_range};

use super::compressed_unit::Decoded;
use super::compression::wof::{Algorithm, ChunkTable, decode_chunk};
use super::content::{copy_from, encoded_extent};
use super::widen;

/// Chunks whose places are looked up at once.
const LOOKED_UP: u64 = 64;

/// Tells the chunks of opened files apart in the cache. Above all places of a volume.
static NEXT: AtomicU64 = AtomicU64::new(1 << 63);

/// A compressed file.
pub(super) struct CompressedFile {
    stream: Arc<dyn ReadAt>,
    table: ChunkTable,
    algorithm: Algorithm,
    codec: CodecId,
    size: u64,
    cache: Arc<Decoded>,
    number: u64,
}

impl CompressedFile {
    pub(super) fn new(
        stream: Arc<dyn ReadAt>,
        table: ChunkTable,
        algorithm: Algorithm,
        size: u64,
        cache: &Arc<Decoded>,
    ) -> Self {
        let codec = CodecId::intern(match algorithm {
            Algorithm::Xpress4K => "wof-xpress-4096",
            Algorithm::Xpress8K => "wof-xpress-8192",
            Algorithm::Xpress16K => "wof-xpress-16384",
            Algorithm::Lzx => "wof-lzx-32768",
        });
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { stream, table, algorithm, codec, size, cache: Arc::clone(cache), number }
    }

    /// Where some chunks lie in the stream, from `first` on.
    fn places(&self, chunks: ByteRange) -> Result<Vec<u8>, ReadError> {
        let entries = self.table.entries(chunks);
        self.stream.read_vec(entries.start(), usize::try_from(entries.len()).unwrap_or(0))
    }

    fn stored(&self, chunk: u64, chunks: ByteRange, entries: &[u8]) -> Result<ByteRange, ReadError> {
        self.table.stored(chunk, chunks, entries, self.stream.len())
    }

    /// Decodes a chunk into `output`, which has its length.
    fn decode_into(&self, stored: ByteRange, output: &mut [u8]) -> Result<(), ReadError> {
        let input = self.stream.read_vec(stored.start(), usize::try_from(stored.len()).unwrap_or(0))?;
        decode_chunk(self.algorithm, &input, output)
            .map_err(|error| error.within("compressed chunk").at(stored.start()))
    }

    /// Fills `buf` with a part of a chunk.
    fn read_part(
        &self,
        stored: ByteRange,
        decoded: ByteRange,
        part: ByteRange,
        buf: &mut [u8],
    ) -> Result<(), ReadError> {
        if part == decoded {
            return self.decode_into(stored, buf);
        }
        let bytes = self.cache.get_or_insert((self.number, decoded.start()), || {
            let mut output = vec![0; usize::try_from(decoded.len()).unwrap_or(0)];
            self.decode_into(stored, &mut output)?;
            Ok::<Arc<[u8]>, ReadError>(output.into())
        })?;
        if copy_from(&bytes, part.start().saturating_sub(decoded.start()), buf) {
            Ok(())
        } else {
            Err(ReadError::corrupt("compressed chunk").at(stored.start()))
        }
    }
}

impl ReadAt for CompressedFile {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let whole = ByteRange::at(offset, widen(buf.len()));
        check_range("compressed file", offset, whole.len(), self.size)?;
        let mut rest = buf;
        let mut position = offset;
        let mut known: Option<(ByteRange, Vec<u8>)> = None;
        while !rest.is_empty() {
            let chunk = self.table.chunk_at(position);
            let (chunks, entries) = match known.take().filter(|(chunks, _)| chunks.contains(chunk)) {
                Some(known) => known,
                None => {
                    let last = self.table.chunk_at(whole.end().saturating_sub(1));
                    let until = last.saturating_add(1).min(chunk.saturating_add(LOOKED_UP));
                    let chunks = ByteRange::new(chunk, until);
                    (chunks, self.places(chunks)?)
                }
            };
            let stored = self.stored(chunk, chunks, &entries)?;
            let decoded = self.table.decoded(chunk);
            let part = decoded.intersection(ByteRange::new(position, whole.end()));
            let Some((target, after)) = rest.split_at_mut_checked(usize::try_from(part.len()).unwrap_or(0))
            else {
                break;
            };
            if target.is_empty() {
                return Err(ReadError::corrupt("compressed file").at(position));
            }
            self.read_part(stored, decoded, part, target)?;
            position = part.end();
            rest = after;
            known = Some((chunks, entries));
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        check_range("compressed file", range.start(), range.len(), self.size)?;
        let chunk = self.table.chunk_at(range.start());
        let chunks = ByteRange::at(chunk, 1);
        let stored = self.stored(chunk, chunks, &self.places(chunks)?)?;
        let decoded = self.table.decoded(chunk);
        let piece = decoded.intersection(range);
        let skip = piece.start().saturating_sub(decoded.start());
        if stored.len() == decoded.len() {
            let plain = ByteRange::at(stored.start().saturating_add(skip), piece.len());
            let extent = self.stream.extent_at(plain)?;
            return Ok(Extent { range: piece.truncate(extent.range.len()), origin: extent.origin });
        }
        encoded_extent(&*self.stream, stored, piece, skip, self.codec)
    }
}
