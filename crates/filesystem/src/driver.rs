use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError};

use crate::{FileSystem, Result};

/// One filesystem format.
pub struct Driver {
    /// Name as users know it, such as `ext`.
    pub name: &'static str,
    /// Whether the volume looks like this format. Cheap, and never wrong about a sound volume.
    ///
    /// An `Err` means that the volume could not be read, not that it is another format.
    pub probe: fn(&dyn ReadAt) -> Result<bool, ReadError>,
    /// Opens the volume.
    #[expect(clippy::type_complexity, reason = "the one signature of every driver")]
    pub open: fn(Arc<dyn ReadAt>) -> Result<Arc<dyn FileSystem>>,
}

/// Every format, in the order in which they are probed.
pub static DRIVERS: &[Driver] = &[
    crate::ext::DRIVER,
    crate::ntfs::DRIVER,
    crate::fat::DRIVER,
    crate::exfat::DRIVER,
    crate::ntfs::MFT_DRIVER,
];

/// The driver for the format of `volume`, if one knows it.
///
/// # Errors
/// When the volume cannot be read.
pub fn probe(volume: &dyn ReadAt) -> Result<Option<&'static Driver>, ReadError> {
    for driver in DRIVERS {
        if (driver.probe)(volume)? {
            return Ok(Some(driver));
        }
    }
    Ok(None)
}

/// Opens the filesystem of `volume`, or `None` when no driver knows its format.
///
/// # Errors
/// When the volume cannot be read, or its filesystem cannot be opened.
pub fn open(volume: Arc<dyn ReadAt>) -> Result<Option<Arc<dyn FileSystem>>> {
    match probe(&*volume)? {
        Some(driver) => (driver.open)(volume).map(Some),
        None => Ok(None),
    }
}
