//! Tests of the drivers from outside.

mod conformance;
mod corpus;
mod corpus_exfat;
mod corpus_fat;
mod corpus_ntfs;
mod damage;
mod fixtures;
mod ntfs_compression;
mod ntfs_damage;
mod ntfs_table;
mod oracle;
mod oracle_exfat;
mod oracle_ext;
mod oracle_fat;
mod oracle_ntfs;
mod sddl;
