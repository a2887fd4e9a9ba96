use std::path::Path;
use std::sync::{Arc, LazyLock};

use vminspect_bytes::{BlockCache, HostFile, ReadAt, ReadError, StoreId};

use crate::driver::{DRIVERS, Opened, Opening};
use crate::{ImageInfo, OpenPolicy, Result};

/// Bytes of decoded clusters that all images of one process keep together.
const CACHE_BUDGET: usize = 24 << 20;

static CACHE: LazyLock<Arc<BlockCache<(StoreId, u64)>>> = LazyLock::new(|| Arc::new(BlockCache::new(CACHE_BUDGET)));

/// How images are opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Which files an image may name.
    pub policy: OpenPolicy,
    /// The format to use instead of probing, such as `raw`.
    pub format: Option<String>,
}

/// A virtual disk.
pub struct Disk {
    opened: Opened,
}

impl Disk {
    /// Opens the disk at `location`: the path of an image, or a path, `#`, and the id or name of an internal
    /// snapshot. A file whose whole name is `location` wins.
    ///
    /// # Errors
    /// When the image, or a file it needs, cannot be opened.
    pub fn open(location: &Path, options: &OpenOptions) -> Result<Self> {
        let file = Arc::new(HostFile::open(location)?);
        let opening =
            Opening { file, top: location, chain: &[], snapshot: None, options, cache: &CACHE };
        for driver in DRIVERS {
            if (driver.probe)(&opening.file)? {
                return Ok(Self { opened: (driver.open)(opening)? });
            }
        }
        Err(ReadError::unsupported("image format").in_file(location).into())
    }

    /// The bytes of the disk.
    #[must_use]
    pub fn bytes(&self) -> &Arc<dyn ReadAt> {
        &self.opened.disk
    }

    /// What the image says of itself.
    #[must_use]
    pub fn info(&self) -> &ImageInfo {
        &self.opened.info
    }

    /// Every host file that is read.
    #[must_use]
    pub fn host_files(&self) -> &[Arc<HostFile>] {
        &self.opened.host_files
    }

    /// What was found wrong with the image, though it could be opened.
    #[must_use]
    pub fn problems(&self) -> &[ReadError] {
        &self.opened.problems
    }

    /// The guest's memory, when a snapshot was opened that saved it.
    #[must_use]
    pub fn vm_state(&self) -> Option<&Arc<dyn ReadAt>> {
        self.opened.vm_state.as_ref()
    }
}
