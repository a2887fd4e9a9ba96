//! Sound disks, and damage to them.
//!
//! An input of a target is a list of patches: the first byte chooses a seed; then, for each patch, two bytes
//! choose a place, one byte holds the offset there (low half) and the length less one (high half), and the
//! bytes to write follow. Places are counted over those 16-byte pieces of the seed that are not zero, and
//! the ones after them, so that most patches hit a structure and few hit empty space.

use std::sync::LazyLock;

use libdeflater::Decompressor;

/// Bytes in a place that a patch is aimed at.
const PIECE: usize = 16;

/// A sound disk.
pub(crate) struct Seed {
    bytes: Vec<u8>,
    /// Starts of the pieces that are worth damaging.
    places: Vec<usize>,
}

/// The seeds of a target.
pub(crate) type Seeds = LazyLock<Vec<Seed>>;

/// Decompresses seeds: gzip files.
pub(crate) fn decompress(compressed: &[&[u8]]) -> Vec<Seed> {
    compressed.iter().map(|bytes| Seed::decompress(bytes)).collect()
}

/// The disk that an input describes.
pub(crate) fn damaged(seeds: &[Seed], input: &[u8]) -> Vec<u8> {
    let (choice, patches) = input.split_first().unwrap_or((&0, &[]));
    seeds[usize::from(*choice) % seeds.len()].patched(patches)
}

impl Seed {
    fn decompress(compressed: &[u8]) -> Self {
        // A gzip file ends with the length of what it holds.
        let length = compressed.last_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        let mut bytes = vec![0; usize::try_from(length).expect("seeds are small")];
        Decompressor::new().gzip_decompress(compressed, &mut bytes).expect("a committed seed");
        let places = places(&bytes);
        Self { bytes, places }
    }

    /// Several files as one, and where each begins behind the first.
    pub(crate) fn joined(parts: &[&[u8]]) -> (Self, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for part in parts {
            starts.push(bytes.len());
            bytes.extend_from_slice(&Self::decompress(part).bytes);
        }
        starts.remove(0);
        let places = places(&bytes);
        (Self { bytes, places }, starts)
    }

    pub(crate) fn patched(&self, mut patches: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        while let [low, high, shape, rest @ ..] = patches {
            let place = usize::from(u16::from_le_bytes([*low, *high])) % self.places.len();
            let start = self.places[place] + usize::from(shape & 15);
            let (patch, rest) = rest.split_at(rest.len().min(usize::from(shape >> 4) + 1));
            for (byte, new) in bytes.iter_mut().skip(start).zip(patch) {
                *byte = *new;
            }
            patches = rest;
        }
        bytes
    }
}

fn places(bytes: &[u8]) -> Vec<usize> {
    let is_used = |start: usize| bytes[start..].iter().take(PIECE).any(|byte| *byte != 0);
    let starts = (0..bytes.len()).step_by(PIECE);
    starts.filter(|start| is_used(*start) || (*start >= PIECE && is_used(start - PIECE))).collect()
}
