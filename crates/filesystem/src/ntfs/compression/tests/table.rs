//! Reparse points and chunk tables of the overlay filter.

use vminspect_bytes::{ByteRange, Family};

use super::super::wof::{Algorithm, ChunkTable, Provider, decode_chunk};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn reparse_points() {
    for (number, algorithm) in
        [Algorithm::Xpress4K, Algorithm::Lzx, Algorithm::Xpress8K, Algorithm::Xpress16K]
            .into_iter()
            .enumerate()
    {
        let data = words(&[1, 2, 1, number as u32, 0]);
        assert_eq!(Provider::from_bytes(&data).unwrap(), Provider::File { algorithm });
        assert_eq!(Provider::from_bytes(&data[..16]).unwrap(), Provider::File { algorithm });
    }
    let mut data = words(&[1, 1, 2, 3, 4, 5]);
    data.extend([7; 20]);
    let wim = Provider::Wim { flags: 3, data_source_id: 5 << 32 | 4, resource_hash: [7; 20] };
    assert_eq!(Provider::from_bytes(&data).unwrap(), wim);
}

#[test]
fn reparse_points_that_cannot_be_read() {
    for (data, family, message) in [
        (&[2, 2, 1, 0, 0][..], Family::Unsupported, "unsupported WOF version at byte 0: expected 1, found 2"),
        (&[1, 3, 1, 0, 0], Family::Unsupported, "unsupported WOF provider at byte 4: 3"),
        (
            &[1, 2, 2, 0, 0],
            Family::Unsupported,
            "unsupported WOF file provider version at byte 8: expected 1, found 2",
        ),
        (&[1, 2, 1, 4, 0], Family::Unsupported, "unsupported WOF compression algorithm at byte 12: 4"),
        (
            &[1, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0],
            Family::Unsupported,
            "unsupported WIM provider version at byte 8: 3",
        ),
        (
            &[1, 2, 1],
            Family::Corrupt,
            "damaged WOF reparse point at byte 0: expected 16 bytes, found an end at byte 12",
        ),
        (
            &[],
            Family::Corrupt,
            "damaged WOF reparse point at byte 0: expected 8 bytes, found an end at byte 0",
        ),
    ] {
        let error = Provider::from_bytes(&words(data)).unwrap_err();
        assert_eq!((error.family(), error.to_string().as_str()), (family, message));
    }
}

#[test]
fn a_table_has_an_entry_less_than_there_are_chunks() {
    for (size, chunks, bytes) in
        [(0, 0, 0), (1, 1, 0), (4096, 1, 0), (4097, 2, 4), (8192, 2, 4), (8193, 3, 8)]
    {
        let table = ChunkTable::new(Algorithm::Xpress4K, size);
        assert_eq!((table.chunks(), table.len(), table.is_empty()), (chunks, bytes, bytes == 0), "{size}");
    }
    let small = ChunkTable::new(Algorithm::Lzx, (1 << 32) - 1);
    let large = ChunkTable::new(Algorithm::Lzx, 1 << 32);
    assert_eq!((small.entry_size(), large.entry_size()), (4, 8));
    assert_eq!((small.len(), large.len()), (131_071 * 4, 131_071 * 8));
    assert_eq!(ChunkTable::new(Algorithm::Xpress4K, u64::MAX).len(), ((1 << 52) - 1) * 8);
    assert_eq!(large.chunk_at(32768), 1);
    assert_eq!(ChunkTable::new(Algorithm::Xpress8K, 10_000).decoded(1), ByteRange::new(8192, 10_000));
    assert!(ChunkTable::new(Algorithm::Xpress8K, 10_000).decoded(2).is_empty());
}

#[test]
fn chunks_lie_where_the_table_says() {
    let table = ChunkTable::new(Algorithm::Xpress4K, 4 * 4096 + 1);
    let stream = 16 + 4000;
    let entries = words(&[100, 1100, 2000, 3999]);
    let all = ByteRange::new(0, 5);
    assert_eq!(table.entries(all), ByteRange::new(0, 16));
    let places = [(0, 100), (100, 1100), (1100, 2000), (2000, 3999), (3999, 4000)];
    for (chunk, (start, end)) in (0..).zip(places) {
        let expected = ByteRange::new(16 + start, 16 + end);
        assert_eq!(table.stored(chunk, all, &entries, stream).unwrap(), expected);
        let one = ByteRange::at(chunk, 1);
        let range = table.entries(one);
        let part = &entries[range.start() as usize..range.end() as usize];
        assert_eq!(table.stored(chunk, one, part, stream).unwrap(), expected);
    }
    assert!(table.stored(5, all, &entries, stream).is_err());
    assert!(table.stored(u64::MAX, all, &entries, stream).is_err());
    assert!(table.stored(4, ByteRange::new(0, 1), &entries[..4], stream).is_err());
}

#[test]
fn wide_entries() {
    let table = ChunkTable::new(Algorithm::Lzx, 1 << 32);
    let chunks = ByteRange::new(2, 3);
    assert_eq!(table.entries(chunks), ByteRange::new(8, 24));
    let entries = [5_u64.to_le_bytes(), 9_u64.to_le_bytes()].concat();
    let stored = table.stored(2, chunks, &entries, 1 << 31).unwrap();
    assert_eq!(stored, ByteRange::new(131_071 * 8 + 5, 131_071 * 8 + 9));
}

#[test]
fn tables_that_contradict_themselves() {
    let table = ChunkTable::new(Algorithm::Xpress4K, 3 * 4096);
    let all = ByteRange::new(0, 3);
    for entries in [[0, 10], [10, 10], [10, 9], [4097, 5000], [10, u32::MAX], [u32::MAX, u32::MAX]] {
        let entries = words(&entries);
        let result: Result<Vec<_>, _> =
            (0..3).map(|chunk| table.stored(chunk, all, &entries, 6000)).collect();
        let error = result.unwrap_err();
        assert_eq!((error.family(), error.structure()), (Family::Corrupt, "WOF chunk table"));
    }
    // A stream that is shorter than its table.
    assert!(table.stored(2, all, &words(&[1, 2]), 7).is_err());
}

#[test]
fn a_chunk_that_was_not_compressed() {
    let mut output = [0; 3];
    for algorithm in [Algorithm::Xpress4K, Algorithm::Lzx] {
        assert_eq!(decode_chunk(algorithm, b"abc", &mut output), Ok(()));
        assert_eq!(&output, b"abc");
        assert!(decode_chunk(algorithm, b"ab", &mut output).is_err());
    }
}
