//! The checksums of metadata: crc32c in the form the kernel keeps it, and crc16 of older group descriptors.

/// crc32c of `bytes`, continued from `seed`, without the customary inversions: the form in which ext4 stores
/// and seeds it.
pub(crate) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, bytes)
}

/// The same, with the four (or fewer) bytes at `hole` taken as zeros.
pub(super) fn crc32c_with_hole(seed: u32, bytes: &[u8], hole: usize, length: usize) -> u32 {
    let (before, rest) = bytes.split_at_checked(hole).unwrap_or((bytes, &[]));
    let after = rest.get(length..).unwrap_or_default();
    let zeros = [0; 4];
    let crc = crc32c(seed, before);
    crc32c(crc32c(crc, zeros.get(..length).unwrap_or(&zeros)), after)
}

const CRC16: [u16; 256] = crc16_table();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, indices below 256"
)]
#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

/// crc16 (polynomial 0x8005, reflected) of `bytes`, continued from `seed`.
pub(super) fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |crc, byte| {
        let index = usize::from(crc.to_le_bytes()[0] ^ byte);
        (crc >> 8) ^ CRC16.get(index).copied().unwrap_or(0)
    })
}
