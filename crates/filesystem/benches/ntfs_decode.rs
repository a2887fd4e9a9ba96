//! Decodes the chunks of `fixtures/compression`, by our decoders and by those of other crates.
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use vminspect_filesystem::ntfs::compression::{DecodeError, lznt1, lzx, xpress};

/// Parts of the plain bytes, as `fixtures/compression_plain.py` makes them.
const CONTENTS: &[(&str, Range<usize>)] =
    &[("text", 0..72 << 10), ("code", 72 << 10..112 << 10), ("records", 112 << 10..146 << 10)];

struct Chunk {
    stored: Vec<u8>,
    length: usize,
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compression").join(name);
    let file = std::fs::File::open(path).expect("a committed file");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file)
        .expect("a zstd frame")
        .read_to_end(&mut bytes)
        .expect("a sound frame");
    bytes
}

/// The compressed chunks of a fixture whose middle lies in a part of the plain bytes.
fn chunks(name: &str, part: &Range<usize>) -> Vec<Chunk> {
    let file = fixture(&format!("{name}.chunks.zst"));
    let mut rest = file.as_slice();
    let mut chunks = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<16>() {
        let word = |at: usize| {
            let bytes = head[at..].first_chunk().expect("16 bytes");
            usize::try_from(u32::from_le_bytes(*bytes)).expect("32 bits")
        };
        let (start, length) = (word(4), word(8));
        let (stored, behind) = behind.split_at(word(12));
        rest = behind;
        if stored.len() != length && length >= 2048 && part.contains(&(start + length / 2)) {
            chunks.push(Chunk { stored: stored.to_vec(), length });
        }
    }
    chunks
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    chunks: &[Chunk],
    mut decode: impl FnMut(&[u8], &mut [u8]),
) {
    let mut output = vec![0; 1 << 16];
    group.throughput(Throughput::BytesDecimal(chunks.iter().map(|chunk| chunk.length as u64).sum()));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for chunk in chunks {
                decode(black_box(&chunk.stored), &mut output[..chunk.length]);
            }
        });
    });
}

type Decode = fn(&[u8], &mut [u8]) -> Result<(), DecodeError>;

fn decoders(criterion: &mut Criterion) {
    let ours: [(&str, Decode); 4] = [
        ("lznt1", |input, output| lznt1::decompress(input, output).map(drop)),
        ("xpress-4k", xpress::decompress),
        ("xpress-16k", xpress::decompress),
        ("lzx", lzx::decompress),
    ];
    for (file, decode) in ours {
        for (content, part) in CONTENTS {
            let chunks = chunks(file, part);
            let mut group = criterion.benchmark_group(format!("{file}/{content}"));
            measure(&mut group, "vminspect", &chunks, |stored, output| {
                decode(stored, output).expect("a sound chunk");
            });
            match file {
                "lznt1" => lznt1_peers(&mut group, &chunks),
                "lzx" => {}
                _ => measure(&mut group, "compcol", &chunks, compcol_xpress),
            }
            group.finish();
        }
    }
}

fn lznt1_peers(group: &mut BenchmarkGroup<'_, WallTime>, chunks: &[Chunk]) {
    let mut decoded = Vec::with_capacity(1 << 17);
    measure(group, "lznt1", chunks, |stored, _| {
        decoded.clear();
        ::lznt1::decompress(stored, &mut decoded).expect("a sound chunk");
    });
    measure(group, "compcol", chunks, |stored, _| {
        black_box(compcol::vec::decompress_to_vec::<compcol::lznt1::Lznt1>(stored).expect("a sound chunk"));
    });
}

/// This crate wants the length in front, and copies what it decodes.
fn compcol_xpress(stored: &[u8], output: &mut [u8]) {
    let length = u32::try_from(output.len()).expect("a chunk");
    let framed = [&length.to_le_bytes()[..], stored].concat();
    black_box(
        compcol::vec::decompress_to_vec::<compcol::xpress_huffman::XpressHuffman>(&framed)
            .expect("a sound chunk"),
    );
}

criterion_group!(benches, decoders);
criterion_main!(benches);
