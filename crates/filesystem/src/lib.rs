//! A volume to a tree of files.
//!
//! [`FileSystem`] is the contract; [`DRIVERS`] lists the formats. Each format is one folder here.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod buffer_pool;
mod cluster_bits;
mod driver;
mod error;
mod exercise;
pub mod exfat;
pub mod ext;
mod facts;
pub mod fat;
mod file_system;
mod metadata;
pub mod ntfs;
mod record;
mod remains;
mod stored;

pub use driver::{DRIVERS, Driver, open, probe};
pub use error::{Error, Result};
pub use exercise::{Exercised, exercise};
pub use facts::{FactsScan, LocalTimes, RecordFacts, RecordName, StoredAttribute};
pub use file_system::{
    Detail, DetailValue, Entries, Entry, FileSystem, Identity, LinkName, NameEncoding, Scan, ScanUnit, Stream,
};
pub use metadata::{Allocation, DeviceNumber, ExtendedAttribute, FileId, FileKind, Metadata, Times};
pub use record::{Content, NamedStream, Place, Record, Run};
pub use remains::{JournalCopy, Remains, Whereabouts, remains};
