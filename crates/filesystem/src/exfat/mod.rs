//! exFAT.
//!
//! Format: <https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification>, revision 1.00. Section
//! numbers here are those of that document.
//!
//! Read: sectors of 512 to 4096 bytes, clusters of up to 32 MiB; the backup boot region where the main one is
//! damaged; either FAT and allocation bitmap of a TexFAT volume, whichever is active; chains and contiguous
//! files; data that was allocated and never written, as zeros; names with any units of 16 bits; the up-case
//! table; all checksums and hashes; deleted files, with what of their content no other file uses by now, and
//! directories that were deleted with what was in them.
//!
//! Refused or left out: revisions other than 1.x; directory entries of unknown critical types, which are told;
//! what vendors keep in entries of their own, whose GUIDs alone are told; `TexFAT` transactions that were not
//! finished (the active FAT is what counts).
//!
//! Times are local, with their distance from UTC where the system that wrote them knew it: they are converted.
//! **Where the distance is not recorded, local time is shown as if it were UTC.**

mod bitmap;
mod boot;
mod checksum;
mod directory;
mod entry_set;
mod fat;
mod filesystem;
mod layout;
mod record;
mod scan;
#[cfg(test)]
mod tests;
mod timestamp;
mod tree;
mod upcase;
mod volume;

use std::sync::Arc;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver =
    Driver { name: "exfat", probe: boot::probe, open: |volume| Ok(Arc::new(volume::Exfat::open(volume)?)) };

/// A length or index in memory as a number of bytes: never larger than 64 bits here.
fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
