use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{OFlags, SeekFrom};

use crate::read_at::check_range;
use crate::{ByteRange, Extent, Origin, ReadAt, ReadError, StoreId};

/// Bytes read from host files by this process so far.
static HOST_BYTES: AtomicU64 = AtomicU64::new(0);

/// Bytes read from host files by this process so far, counted where they are read.
#[must_use]
pub fn host_bytes_read() -> u64 {
    HOST_BYTES.load(Ordering::Relaxed)
}

/// Data areas of a sparse file that are kept in memory; a file with more is asked anew for every extent.
const MOST_DATA_AREAS: usize = 1 << 16;

/// A regular file or block device of the host, opened read-only. The only thing here that opens a path.
#[derive(Debug)]
pub struct HostFile {
    file: File,
    path: PathBuf,
    length: u64,
    identity: Identity,
    store: StoreId,
    /// The areas that are not holes; `None` when there are too many, or the host cannot tell.
    data: OnceLock<Option<Vec<ByteRange>>>,
    regular: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn store(&self) -> StoreId {
        let mut key = Vec::with_capacity(40);
        for part in [self.device, self.inode, self.size] {
            key.extend_from_slice(&part.to_le_bytes());
        }
        for part in [self.modified.0, self.modified.1] {
            key.extend_from_slice(&part.to_le_bytes());
        }
        StoreId::intern(&key)
    }
}

impl HostFile {
    /// Opens `path` read-only, close-on-exec, without blocking, and without updating its access time where
    /// that is permitted.
    ///
    /// # Errors
    /// When the host cannot open it, or it is neither a regular file nor a block device.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::io("file", source).in_file(path);
        let file = open_quietly(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let kind = metadata.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            let found = if kind.is_dir() { "a directory" } else { "something else" };
            return Err(ReadError::unsupported("file")
                .in_file(path)
                .expected("a regular file or a block device")
                .found(found));
        }
        let length = if kind.is_file() {
            metadata.size()
        } else {
            rustix::fs::seek(&file, SeekFrom::End(0)).map_err(|error| io(error.into()))?
        };
        let identity = Identity::of(&metadata);
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            identity,
            store: identity.store(),
            data: OnceLock::new(),
            regular: kind.is_file(),
        })
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the file.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Device and inode number on the host: the same for every path of one file.
    #[must_use]
    pub fn device_and_inode(&self) -> (u64, u64) {
        (self.identity.device, self.identity.inode)
    }

    /// Fails when the file changed since it was opened: what was read may mix two states.
    ///
    /// # Errors
    /// `Io` when it can no longer be examined, `Corrupt` when its size or times changed.
    pub fn check_unchanged(&self) -> Result<(), ReadError> {
        let metadata =
            self.file.metadata().map_err(|source| ReadError::io("file", source).in_file(&self.path))?;
        let now = Identity::of(&metadata);
        let same = now.size == self.identity.size && now.modified == self.identity.modified;
        if !self.regular || same {
            return Ok(());
        }
        Err(ReadError::corrupt("evidence")
            .in_file(&self.path)
            .expected("the size and modification time that it had when it was opened")
            .found(format!("a change while it was read: {} bytes, then {}", self.identity.size, now.size))
            .advice("stop whatever writes to it, or take a snapshot, and run again"))
    }

    /// The data areas, asked from the host once.
    fn data_areas(&self) -> Option<&[ByteRange]> {
        self.data.get_or_init(|| if self.regular { self.find_data_areas() } else { None }).as_deref()
    }

    fn find_data_areas(&self) -> Option<Vec<ByteRange>> {
        let mut areas = Vec::new();
        let mut position = 0;
        while position < self.length {
            let start = match rustix::fs::seek(&self.file, SeekFrom::Data(position)) {
                Ok(start) => start,
                Err(rustix::io::Errno::NXIO) => break,
                Err(_) => return None,
            };
            let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start)).ok()?;
            if start < position || end <= start || areas.len() == MOST_DATA_AREAS {
                return None;
            }
            areas.push(ByteRange::new(start, end.min(self.length)));
            position = end;
        }
        Some(areas)
    }
}

fn open_quietly(path: &Path) -> std::io::Result<File> {
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    };
    // Only the owner of a file may ask for NOATIME.
    match open(OFlags::NONBLOCK | OFlags::NOATIME) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => open(OFlags::NONBLOCK),
        other => other,
    }
}

impl ReadAt for HostFile {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_range("file", offset, buf.len() as u64, self.length)
            .map_err(|error| error.in_file(&self.path).advice("the file may be truncated"))?;
        HOST_BYTES.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.file
            .read_exact_at(buf, offset)
            .map_err(|source| ReadError::io("file", source).at(offset).in_file(&self.path))
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        check_range("file", range.start(), range.len(), self.length)
            .map_err(|error| error.in_file(&self.path))?;
        let stored = |range: ByteRange| Extent {
            range,
            origin: Origin::Stored { store: self.store, offset: range.start() },
        };
        let Some(areas) = self.data_areas() else {
            return Ok(stored(range));
        };
        let next = areas.partition_point(|area| area.end() <= range.start());
        Ok(match areas.get(next) {
            Some(area) if area.start() <= range.start() => stored(range.intersection(*area)),
            Some(area) => Extent {
                range: ByteRange::new(range.start(), area.start().min(range.end())),
                origin: Origin::Zero,
            },
            None => Extent { range, origin: Origin::Zero },
        })
    }
}
