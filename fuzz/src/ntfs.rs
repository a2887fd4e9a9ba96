//! What NTFS compresses with.

use vminspect_bytes::ByteRange;
use vminspect_filesystem::ntfs::compression::wof::{Algorithm, ChunkTable, Provider};
use vminspect_filesystem::ntfs::compression::{DecodeError, lznt1, lzx, xpress};

/// Most bytes that are decoded: more than two blocks of XPRESS.
const MOST: usize = 140_000;

/// The decoders. The first byte of the input chooses one, the next three say how much to decode; the rest is the
/// compressed stream.
pub fn ntfs_decode(input: &[u8]) {
    let Some(([choice, size @ ..], stream)) = input.split_first_chunk::<4>() else { return };
    let size = usize::from(size[0]) | usize::from(size[1]) << 8 | usize::from(size[2]) << 16;
    let size = size % MOST;
    match choice % 5 {
        0 => decode(size, |output| lznt1::decompress(stream, output)),
        1 => decode(size, |output| xpress::decompress(stream, output)),
        2 => decode(size, |output| lzx::decompress(stream, output)),
        3 => drop(Provider::from_bytes(stream)),
        _ => table(stream),
    }
}

/// A sound stream says all of the output, so that what was in it before makes no difference.
fn decode<T: PartialEq + std::fmt::Debug>(
    size: usize,
    decoder: impl Fn(&mut [u8]) -> Result<T, DecodeError>,
) {
    let mut once = vec![0; size];
    let mut again = vec![0xA5; size];
    let result = decoder(&mut once);
    assert_eq!(result, decoder(&mut again));
    if let Err(error) = result {
        assert!(!error.within("stream").to_string().is_empty());
    } else {
        assert!(once == again, "bytes that were not written");
    }
}

/// An algorithm, the size of a file, that of its stream, and the first entries of its chunk table.
fn table(input: &[u8]) {
    let Some((head, entries)) = input.split_first_chunk::<20>() else { return };
    let word = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let Some(algorithm) = Algorithm::from_number(u32::from(head[0] & 3)) else { return };
    let (size, stream, first) = (word(1), word(9), u64::from(head[17]));
    let table = ChunkTable::new(algorithm, size);
    let chunks = ByteRange::at(first, 9);
    assert!(table.entries(chunks).end() <= table.len());
    for chunk in first..first + 9 {
        let decoded = table.decoded(chunk);
        assert!(decoded.end() <= size);
        if let Ok(stored) = table.stored(chunk, chunks, entries, stream) {
            assert!(stored.end() <= stream && stored.start() >= table.len() && stored.len() <= decoded.len());
            assert_eq!(table.chunk_at(decoded.start()), chunk);
        }
    }
}
