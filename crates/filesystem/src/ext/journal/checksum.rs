//! The checksums of the journal.

use super::layout::{
    BLOCK_TAIL_SIZE, COMMIT_CHECKSUM, COMMIT_HEADER_SIZE, SUPERBLOCK_CHECKSUM, SUPERBLOCK_SIZE,
};

/// CRC-32C as the kernel computes it: continues from `seed`, with no inversion at either end.
pub(super) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, bytes)
}

/// The checksum of `block` with the four bytes at `hole` taken as 0. `None` when the block is too short.
fn crc32c_with_hole(seed: u32, block: &[u8], hole: usize) -> Option<u32> {
    let (before, rest) = block.split_at_checked(hole)?;
    let after = rest.get(4..)?;
    Some(crc32c(crc32c(crc32c(seed, before), &[0; 4]), after))
}

/// The checksum that the superblock should have.
pub(super) fn superblock(bytes: &[u8]) -> Option<u32> {
    crc32c_with_hole(!0, bytes.get(..SUPERBLOCK_SIZE)?, SUPERBLOCK_CHECKSUM)
}

/// Checksums of versions 2 and 3, which begin with the journal's UUID.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u32);

impl Seed {
    /// Of the journal with this UUID.
    pub(super) fn new(uuid: &[u8; 16]) -> Self {
        Self(crc32c(!0, uuid))
    }

    /// Whether the checksum at the end of a descriptor or revoke block fits.
    pub(super) fn verifies_descriptor(self, block: &[u8]) -> bool {
        let Some(tail) = block.len().checked_sub(BLOCK_TAIL_SIZE) else { return false };
        stored(block, tail).is_some_and(|found| crc32c_with_hole(self.0, block, tail) == Some(found))
    }

    /// Whether the checksum of a commit block fits. One of which only the header reached the disk, over
    /// zeros, is sound too: the kernel takes it.
    pub(super) fn verifies_commit(self, block: &[u8]) -> bool {
        let Some(found) = stored(block, COMMIT_CHECKSUM) else { return false };
        if crc32c_with_hole(self.0, block, COMMIT_CHECKSUM) == Some(found) {
            return true;
        }
        let Some(header) = block.get(..COMMIT_HEADER_SIZE) else { return false };
        let Some(mut partial) = crc32c_with_hole(self.0, header, COMMIT_CHECKSUM) else { return false };
        let mut rest = block.len().saturating_sub(COMMIT_HEADER_SIZE);
        while rest > 0 {
            let piece = rest.min(ZEROS.len());
            partial = crc32c(partial, ZEROS.get(..piece).unwrap_or_default());
            rest = rest.saturating_sub(piece);
        }
        partial == found
    }

    /// The checksum of a data block of a transaction.
    pub(super) fn data(self, sequence: u32, block: &[u8]) -> u32 {
        crc32c(crc32c(self.0, &sequence.to_be_bytes()), block)
    }
}

static ZEROS: [u8; 1024] = [0; 1024];

fn stored(block: &[u8], at: usize) -> Option<u32> {
    block.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The CRC-32 of compatible checksums: polynomial 0x04C11DB7, highest bit first, no inversion at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransactionCrc(u32);

impl TransactionCrc {
    /// Of nothing yet.
    pub(super) const fn new() -> Self {
        Self(!0)
    }

    /// Adds a block.
    pub(super) fn add(&mut self, block: &[u8]) {
        for byte in block {
            let [top, ..] = self.0.to_be_bytes();
            let entry = CRC_TABLE.get(usize::from(top ^ byte)).copied().unwrap_or(0);
            self.0 = (self.0 << 8) ^ entry;
        }
    }

    /// The checksum so far.
    pub(super) const fn value(self) -> u32 {
        self.0
    }
}

static CRC_TABLE: [u32; 256] = crc_table();

#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "run by the compiler, on no input"
)]
const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 == 0 { value << 1 } else { (value << 1) ^ 0x04C1_1DB7 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
