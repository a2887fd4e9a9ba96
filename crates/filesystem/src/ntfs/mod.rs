//! NTFS: volumes, and an MFT that was copied from one.
//!
//! Format: Microsoft publishes the structures in parts ([master file table](https://learn.microsoft.com/windows/win32/devnotes/master-file-table),
//! [MS-FSCC], [MS-DTYP]); the rest is known from the
//! [Linux-NTFS documentation](https://flatcap.github.io/linux-ntfs/ntfs/) and
//! [libfsntfs](https://github.com/libyal/libfsntfs/blob/main/documentation/New%20Technologies%20File%20System%20(NTFS).asciidoc).
//!
//! Read: versions 1.2 to 3.1; sectors of 256 to 4096 bytes; clusters up to 2 MiB; MFT records and index blocks of any
//! size; a fragmented MFT, also one whose runs need an attribute list; the mirror and the copy of the boot sector
//! where the first are damaged; attribute lists; named streams; sparse, compressed (LZNT1) and WOF-compressed files
//! (XPRESS, LZX); initialised size; reparse points of all tags; security descriptors from records and `$Secure`;
//! object ids and extended attributes; deleted records, and names in the slack of directories.
//!
//! Not read: content of encrypted files but as it is stored, of deduplicated and cloud files, and of files in a
//! WIM; the log is not replayed.
//!
//! What differs from the documentation:
//! - A `$STANDARD_INFORMATION` of 48 bytes does not mean an old volume: ntfs-3g writes them to version 3.1, too.
//! - `sectors_per_cluster` above 0x80 is a negative logarithm, which only Windows 10 made use of.
//! - The flag of case-sensitive directories is `version_number` 1 with `maximum_versions` 0 in
//!   `$STANDARD_INFORMATION`.

mod address;
mod attribute;
mod attribute_list;
mod bitmap;
mod boot_sector;
mod compressed_file;
mod compressed_unit;
pub mod compression;
mod content;
mod data_runs;
mod deleted;
mod details;
mod directory;
mod extended_attribute;
mod file;
mod file_name;
mod file_record;
mod filesystem;
mod fixup;
mod index;
mod layout;
mod log_file;
mod loose;
mod mft;
mod record;
mod record_facts;
mod reparse;
mod scan;
mod security_store;
mod standard_information;
mod table;
mod upcase;
mod value;
mod volume;

use std::sync::Arc;

use crate::driver::Driver;

pub use table::{MftEntry, MftName, MftTable};

/// The driver of volumes.
pub const DRIVER: Driver = Driver {
    name: "ntfs",
    probe: boot_sector::probe,
    open: |volume| Ok(Arc::new(volume::Ntfs::open(volume)?)),
};

/// The driver of a loose MFT.
pub const MFT_DRIVER: Driver = Driver {
    name: "ntfs-mft",
    probe: loose::probe,
    open: |volume| Ok(Arc::new(volume::Ntfs::open_loose(volume)?)),
};

/// A length or index in memory as a number of bytes: never larger than 64 bits here.
fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
