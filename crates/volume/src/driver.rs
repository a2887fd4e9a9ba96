use std::sync::Arc;

use vminspect_bytes::ReadAt;

use crate::{Result, VolumeTable};

/// One partitioning scheme.
pub struct Driver {
    /// Name: `gpt`, `mbr`.
    pub name: &'static str,
    /// Whether the disk looks partitioned this way.
    ///
    /// An `Err` means that the disk could not be read, not that it has another scheme.
    pub probe: fn(&dyn ReadAt) -> Result<bool>,
    /// Reads the volumes.
    pub open: fn(&Arc<dyn ReadAt>) -> Result<VolumeTable>,
}

/// Every scheme, in the order in which they are probed.
///
/// GPT comes first, since a protective master boot record stands in front of it; the tables of other machines
/// come before MBR, since some of their disks carry its signature.
pub static DRIVERS: &[Driver] = &[crate::gpt::DRIVER, crate::foreign::DRIVER, crate::mbr::DRIVER];
