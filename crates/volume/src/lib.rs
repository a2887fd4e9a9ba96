//! A virtual disk to volumes.
//!
//! [`VolumeTable::read`] is the way in; [`DRIVERS`] lists the schemes. Each scheme is one folder here.

mod driver;
mod error;
mod table;

pub use driver::{DRIVERS, Driver};
pub use error::{Error, Result};
pub use table::{Volume, VolumeTable};
