//! qcow2, the format of QEMU: a virtual disk in clusters, versions 2 and 3.
//!
//! Specification: [docs/interop/qcow2.rst](https://www.qemu.org/docs/master/interop/qcow2.html) of QEMU
//! (`qcow2.txt` in older releases).
//!
//! # How a byte is found
//! The virtual disk is cut into clusters of one size. The L1 table, named by the header or by a snapshot, has
//! an entry for each L2 table; an L2 table is one cluster of entries, one for each guest cluster. An entry says
//! that the cluster is stored as it is, is stored compressed, reads as zeros, or is not there, and then the
//! parent (the *backing file*) has it, or it is zeros. Extended entries have a state for each of 32 subclusters.
//! With an external data file the plain clusters lie there, each at its guest position.
//!
//! `header` and `extension` turn the first cluster into types that make sense; `l1_table`, `l2_table` and
//! `descriptor` read entries; `mapping` joins them to runs; `virtual_disk` serves runs as bytes and as extents.
//! Reference counts are needed by writers alone: they are not read, so that lazy or wrong ones do no harm.
//!
//! # What is read
//! * versions 2 and 3, clusters of 512 bytes to 2 MiB, L1 tables of up to 32 MiB
//! * plain, zero (also with a preallocated cluster) and unallocated clusters; deflate and zstd clusters
//! * extended L2 entries; external data files, raw ones too
//! * backing files, raw or qcow2, up to 200 in a chain, shorter or longer than the image; loops are found
//! * internal snapshots as disks of their own, with their own size, and the guest's memory that they saved
//! * in `info`: dirty and corrupt flags, lazy refcounts, reference count width, persistent bitmaps (their
//!   directory, not their data), unknown header extensions
//!
//! # What is refused
//! * AES and LUKS encryption, until there is a way to give a key
//! * unknown incompatible features, by the names that the image has for them
//! * other versions, other compression types, clusters above 2 MiB (no known software makes them)
//! * names of parents or data files with a protocol (`nbd:`, `json:`, `http:` …) other than `file:`
//! * a parent whose recorded format has no driver; a data file whose name is not in the image
//!
//! # Damage
//! A damaged header, header extension or L1 table that is too small keeps the image from opening. A bad entry
//! of a table costs the range that it maps: reading that is an error which names the guest position, the
//! table's entry and its place in the file; its extent is [`Unknown`](vminspect_bytes::Origin::Unknown). A
//! snapshot table is read up to its first bad entry. What the tables of an image show on a first look (all L1
//! entries, and up to 2 MiB of L2 tables) stands in its problems.
//!
//! # Where the specification is silent, or differs from practice
//! * Reserved bits in entries "are 0". QEMU masks them; here they make an entry bad, since nothing but damage
//!   sets them.
//! * It says nothing of clusters past the end of the file. QEMU reads zeros. Here they are errors, since a
//!   truncated copy looks like that; no version of qemu-img that was tried leaves a part of a visible cluster
//!   unwritten at the end of a file. Compressed data is the exception: its length is counted in sectors, the last
//!   of which the file may not have in full.
//! * It lets decompression stop when the cluster is full. libdeflate wants a stream that ends there, so streams
//!   that go on are decoded a second time by a slower decoder that does not.
//! * It does not say what names are relative to. QEMU takes backing files from the directory of the image's name
//!   and external data files from the working directory; here both come from the directory of the image.
//!   A relative name after `file:` is taken from the working directory, as QEMU does.
//! * A version 2 snapshot without extra data does not say its disk size: it is that of the image.
//! * VM state begins at the first position that is mapped by an L1 entry which maps no part of the disk. The
//!   disk is the snapshot's, whose size may differ from the image's.

mod bitmap;
mod compression;
mod descriptor;
mod extension;
mod geometry;
mod header;
mod info;
mod l1_table;
mod l2_table;
mod layout;
mod mapping;
mod number;
mod open;
mod snapshot;
mod survey;
#[cfg(test)]
mod tests;
mod virtual_disk;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver = Driver { name: "qcow2", probe: header::probe, open: open::open };
