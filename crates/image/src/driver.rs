use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect_bytes::{BlockCache, HostFile, ReadAt, ReadError, StoreId};

use crate::{ImageInfo, OpenOptions, Result};

/// One image format.
pub struct Driver {
    /// Name as `qemu-img` spells it, where it knows the format.
    pub name: &'static str,
    /// Whether the file looks like this format.
    ///
    /// An `Err` means that the file could not be read, not that it is another format.
    pub probe: fn(&HostFile) -> Result<bool, ReadError>,
    /// Opens the image.
    pub open: fn(Opening<'_>) -> Result<Opened>,
}

/// What a driver needs to open an image.
pub struct Opening<'a> {
    /// The image file, open.
    pub file: Arc<HostFile>,
    /// The directory that names inside the image are relative to.
    pub directory: PathBuf,
    /// The image that the user named, of which this one may be a parent.
    pub top: &'a Path,
    /// Host files of the chain so far, by device and inode number, to detect loops.
    pub chain: &'a [(u64, u64)],
    /// The internal snapshot to open instead of the active state, by id or name.
    pub snapshot: Option<&'a str>,
    /// What the user allows.
    pub options: &'a OpenOptions,
    /// Decoded clusters, shared by all images of one process.
    pub cache: &'a Arc<BlockCache<(StoreId, u64)>>,
}

/// An opened image.
pub struct Opened {
    /// The virtual disk.
    pub disk: Arc<dyn ReadAt>,
    /// What the file says of itself.
    pub info: ImageInfo,
    /// Every host file it reads, parents included.
    pub host_files: Vec<Arc<HostFile>>,
    /// What was found wrong, though the image could be opened.
    pub problems: Vec<ReadError>,
    /// The guest's memory of the snapshot that was opened, where it was saved.
    pub vm_state: Option<Arc<dyn ReadAt>>,
}

/// Every format, in the order in which they are probed. `raw` fits everything and is last.
pub static DRIVERS: &[Driver] = &[crate::qcow2::DRIVER, crate::raw::DRIVER];
