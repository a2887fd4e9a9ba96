//! The codecs against what libwim and ntfs-3g compressed; see `fixtures/compression.sh`.

mod damage;
mod matches;
mod oracle;
mod published;
mod table;

use std::io::Read;
use std::path::Path;

use super::{DecodeError, lznt1, lzx, xpress};

/// A compressed chunk and what it was.
struct Chunk {
    plain: Vec<u8>,
    stored: Vec<u8>,
}

type Decode = fn(&[u8], &mut [u8]) -> Result<(), DecodeError>;

const FILES: &[(&str, Decode)] = &[
    ("lznt1", |input, output| lznt1::decompress(input, output).map(drop)),
    ("xpress-4k", xpress::decompress),
    ("xpress-8k", xpress::decompress),
    ("xpress-16k", xpress::decompress),
    ("lzx", lzx::decompress),
];

fn fixture(name: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compression");
    let file = std::fs::File::open(directory.join(name)).expect("a committed file");
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("a zstd frame");
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).expect("a sound frame");
    bytes
}

/// The chunks of a fixture that are compressed at all.
fn chunks(name: &str) -> Vec<Chunk> {
    let plain = fixture("plain.bin.zst");
    let file = fixture(&format!("{name}.chunks.zst"));
    let mut rest = file.as_slice();
    let mut chunks = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<16>() {
        let word = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().expect("16 bytes")) as usize;
        let (start, length) = (word(4), word(8));
        let (stored, behind) = behind.split_at(word(12));
        rest = behind;
        if stored.len() != length {
            chunks.push(Chunk { plain: plain[start..start + length].to_vec(), stored: stored.to_vec() });
        }
    }
    chunks
}
