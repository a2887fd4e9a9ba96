//! Host files to one virtual disk.
//!
//! [`Disk::open`] is the way in; [`DRIVERS`] lists the formats. Each format is one folder here.

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

mod disk;
mod driver;
mod error;
mod info;
mod named_file;
mod policy;
pub mod qcow2;
pub mod raw;

pub use disk::{Disk, OpenOptions};
pub use driver::{DRIVERS, Driver, Opened, Opening};
pub use error::{Error, Result};
pub use info::{ImageInfo, SnapshotInfo};
pub use policy::OpenPolicy;
