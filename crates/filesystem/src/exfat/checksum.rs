//! The checksums of the format: each rotates right by one and adds, in 16 or 32 bits.

use super::layout::{BOOT_CHECKSUM_HOLES, ENTRY_SIZE};

/// Of the first eleven sectors of a boot region (§3.4). What changes while the volume is in use is left out.
pub(super) fn boot_checksum(sectors: &[u8]) -> u32 {
    sectors
        .iter()
        .enumerate()
        .filter(|(position, _)| !BOOT_CHECKSUM_HOLES.contains(position))
        .fold(0, |sum, (_, byte)| add_32(sum, *byte))
}

/// Of an up-case table (§7.2.2), continued from `sum`.
pub(super) fn table_checksum(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| add_32(sum, *byte))
}

/// Of one entry of a set (§6.3.3), continued from `sum`. The first entry holds the checksum, which is left out.
pub(super) fn set_checksum(sum: u16, entry: &[u8; ENTRY_SIZE], is_primary: bool) -> u16 {
    entry
        .iter()
        .enumerate()
        .filter(|(position, _)| !(is_primary && matches!(position, 2 | 3)))
        .fold(sum, |sum, (_, byte)| add_16(sum, *byte))
}

/// Of a name in upper case (§7.6.4).
pub(super) fn name_hash(units: impl Iterator<Item = u16>) -> u16 {
    units.fold(0, |sum, unit| {
        let [low, high] = unit.to_le_bytes();
        add_16(add_16(sum, low), high)
    })
}

fn add_16(sum: u16, byte: u8) -> u16 {
    sum.rotate_right(1).wrapping_add(u16::from(byte))
}

fn add_32(sum: u32, byte: u8) -> u32 {
    sum.rotate_right(1).wrapping_add(u32::from(byte))
}
