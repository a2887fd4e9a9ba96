//! Host files to one virtual disk.
//!
//! [`Disk::open`] is the way in; [`DRIVERS`] lists the formats. Each format is one folder here.

mod disk;
mod driver;
mod error;
mod info;
mod policy;
pub mod raw;

pub use disk::{Disk, OpenOptions};
pub use driver::{DRIVERS, Driver, Opened, Opening};
pub use error::{Error, Result};
pub use info::{ImageInfo, SnapshotInfo};
pub use policy::OpenPolicy;
