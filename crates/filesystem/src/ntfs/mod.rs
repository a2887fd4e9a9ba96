//! NTFS.

pub mod compression;
