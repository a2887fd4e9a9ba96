//! ext2, ext3 and ext4.

mod journal;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver = Driver {
    name: "ext",
    probe: |_| Ok(false),
    open: |_| Err(vminspect_bytes::ReadError::unsupported("ext").into()),
};
