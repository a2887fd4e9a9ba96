//! Tests of the drivers from outside.

mod conformance;
mod corpus;
mod corpus_exfat;
mod damage;
mod fixtures;
mod ntfs_compression;
mod oracle_exfat;
mod oracle_ext;
mod oracle_fat;
