//! FAT12, FAT16 and FAT32, with long names (VFAT).
//!
//! Format: Microsoft, *FAT32 File System Specification* 1.03 (`fatgen103`), and ECMA-107; what Linux, mkfs.fat
//! and Windows make of it where these say otherwise.
//!
//! Read: sectors of 512 to 4096 bytes; clusters of 1 to 128 sectors; one to four tables, and a single active one
//! (mirroring off); long names with their checksums, also such as are no valid UTF-16; the lower-case flags
//! of Windows NT; labels; deleted entries, deleted directories, and what lies behind the end of a directory.
//! A damaged FAT32 boot sector is replaced by its backup, a damaged link of a chain by that in another table.
//!
//! Specification and practice differ:
//!
//! - The specification tells the type by the count of clusters alone. Linux and mkfs.fat call FAT32 whatever has no
//!   16-bit table length, and so do we: `mkfs.fat -F 32` makes small volumes that are FAT32 to all who read
//!   them. Between FAT12 and FAT16 the count decides, at 4085 as in the specification (Windows: 4087).
//! - The specification wants 0x55AA at byte 510 and a jump at byte 0. Linux asks for neither, libblkid for the signature
//!   or one of the type texts. Here a boot sector needs sane parameters, and the signature or a type text; where the signature is
//!   missing, that is told.
//! - The volume may be shorter than the boot sector says, and the tables shorter than its clusters need; what
//!   the tables cover counts, as in Linux.
//! - Names of 8.3 characters are in a code page that the volume does not record. They are read as code page
//!   437. Times are local, in a zone that it does not record either; they are read as UTC.
//! - Deletion replaces the first character of the short name and frees the chain. Where the long name
//!   survived, its checksum gives the character back; otherwise `_` stands for it. Windows also clears the high half of the
//!   first cluster's number; mtools and Linux keep it.
//!
//! Not read: Atari's variant, DOS 1 disks without parameters, compressed volumes (DoubleSpace), OS/2 extended attributes
//! (`EA DATA. SF` is listed as a file).

mod boot_sector;
mod chain;
mod content;
mod deleted;
mod directories;
mod directory;
mod fat_table;
mod filesystem;
mod geometry;
mod layout;
mod name;
mod record;
mod scan;
#[cfg(test)]
mod tests;
mod volume;

use std::sync::Arc;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver = Driver {
    name: "fat",
    probe: boot_sector::probe,
    open: |volume| Ok(Arc::new(volume::Fat::open(volume)?)),
};

/// A length or index in memory as a number of bytes: never larger than 64 bits here.
fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
