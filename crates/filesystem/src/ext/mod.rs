//! ext2, ext3 and ext4.
//!
//! Format: <https://docs.kernel.org/filesystems/ext4/>.
//!
//! Read: revisions 0 and 1; blocks of 1 to 64 KiB; inodes of 128 bytes to a block; block maps and extent trees;
//! 32- and 64-bit group descriptors, `meta_bg`, `flex_bg`, `sparse_super`, `sparse_super2`; `bigalloc`;
//! `inline_data`; linear and hashed directories, `large_dir`, `casefold` (names as stored); extended attributes
//! in inodes, blocks and inodes of their own; project ids; all metadata checksums; the journal, replayed in memory;
//! orphans and deleted inodes. A damaged primary superblock or descriptor is replaced by its backup.
//!
//! Not read: content of encrypted files (their names are listed as stored); filesystems with `compression`,
//! `dirdata` or incompatible features unknown here; external journals.

mod as_of;
mod bitmap;
mod block_map;
mod checksum;
mod deleted;
mod directory;
mod directory_blocks;
mod extent_tree;
mod features;
mod filesystem;
mod former;
mod former_names;
mod former_record;
mod group;
mod inline_data;
mod inode;
mod journal;
mod layout;
mod orphan;
mod record;
mod runs;
mod scan;
mod superblock;
#[cfg(test)]
mod tests;
mod volume;
mod xattr;

use std::sync::Arc;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver =
    Driver { name: "ext", probe: superblock::probe, open: |volume| Ok(Arc::new(volume::Ext::open(volume)?)) };

/// A length or index in memory as a number of bytes: never larger than 64 bits here.
fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
