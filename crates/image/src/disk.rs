use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use vminspect_bytes::{BlockCache, HostFile, ReadAt, ReadError, StoreId};

use crate::driver::{DRIVERS, Opened, Opening};
use crate::{ImageInfo, OpenPolicy, Result, named_file};

/// Bytes of decoded clusters that all images of one process keep together.
const CACHE_BUDGET: usize = 24 << 20;

static CACHE: LazyLock<Arc<BlockCache<(StoreId, u64)>>> =
    LazyLock::new(|| Arc::new(BlockCache::new(CACHE_BUDGET)));

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
        let (path, snapshot) = split_location(location);
        let file = Arc::new(HostFile::open(path)?);
        Self::from_host_file(&file, snapshot.as_deref(), options)
    }

    /// Opens the disk in a file that is open already, or its internal snapshot with an id or name. Files
    /// that it names are sought from the directory of the path that the file was opened by.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn from_host_file(
        file: &Arc<HostFile>,
        snapshot: Option<&str>,
        options: &OpenOptions,
    ) -> Result<Self> {
        let driver = match &options.format {
            None => named_file::probe(file)?,
            Some(format) => named_file::by_name(format).ok_or_else(|| {
                let names: Vec<&str> = DRIVERS.iter().map(|driver| driver.name).collect();
                ReadError::unsupported("image format").expected(names.join(", ")).found(format.clone())
            })?,
        };
        let opening = Opening {
            file: Arc::clone(file),
            directory: named_file::directory_of(file.path()),
            top: file.path(),
            chain: &[],
            snapshot,
            options,
            cache: &CACHE,
        };
        Ok(Self { opened: (driver.open)(opening)? })
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

/// The image and the snapshot that a location names. The longest path that exists is the image, so that both
/// paths and snapshot names may have a `#` in them.
fn split_location(location: &Path) -> (&Path, Option<String>) {
    if location.exists() {
        return (location, None);
    }
    let bytes = location.as_os_str().as_bytes();
    let marks = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'#').map(|(at, _)| at);
    for (path, rest) in marks.filter_map(|at| bytes.split_at_checked(at)) {
        let path = Path::new(OsStr::from_bytes(path));
        if path.exists() && !path.is_dir() {
            let name = rest.get(1..).unwrap_or_default();
            return (path, Some(String::from_utf8_lossy(name).into_owned()));
        }
    }
    (location, None)
}
