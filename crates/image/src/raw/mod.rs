//! Raw images and block devices: the file is the disk.

use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError};

use crate::driver::{Driver, Opened, Opening};
use crate::{ImageInfo, Result};

/// The driver.
pub const DRIVER: Driver = Driver { name: "raw", probe: |_| Ok(true), open };

fn open(opening: Opening<'_>) -> Result<Opened> {
    let file = opening.file;
    if let Some(snapshot) = opening.snapshot {
        return Err(ReadError::unsupported("snapshot")
            .in_file(file.path())
            .found(format!("the name {snapshot} of a snapshot in a raw image, which has none"))
            .into());
    }
    let info = ImageInfo {
        path: file.path().to_owned(),
        format: "raw",
        virtual_size: file.len(),
        file_size: file.len(),
        ..ImageInfo::default()
    };
    let disk: Arc<dyn ReadAt> = file.clone();
    Ok(Opened { disk, info, host_files: vec![file], problems: Vec::new(), vm_state: None })
}
