use std::path::Path;
use std::sync::Arc;

use vminspect_bytes::Family;
use vminspect_filesystem::{FileId, FileSystem};
use vminspect_image::{Disk, OpenOptions};
use vminspect_volume::{Volume, VolumeTable};

use crate::{Coverage, Error, Result};

/// The disk of a virtual machine, opened: its volumes, their filesystems, and one namespace of paths.
pub struct Guest {
    image: String,
    disk: Disk,
    table: VolumeTable,
    volumes: Vec<GuestVolume>,
    system: Option<OperatingSystem>,
    coverage: Coverage,
}

/// A volume and its place in the namespace.
pub struct GuestVolume {
    /// Position among the volumes of the disk, from 1. `vol2:` is the second.
    pub position: usize,
    /// The volume.
    pub volume: Volume,
    /// Its filesystem, when a driver could open it.
    pub filesystem: Option<Arc<dyn FileSystem>>,
    /// What stands before the paths of this volume, without a slash at its end: empty for `/`, `/boot` for a
    /// volume mounted there, `vol2:` for one that no mount names.
    pub prefix: Vec<u8>,
    /// Paths inside this volume at which another volume is mounted, without a slash at their end. What this
    /// volume itself holds below them is hidden in the running guest; its paths begin with `vol1:`.
    pub covered: Vec<Vec<u8>>,
}

impl GuestVolume {
    /// The prefix that always leads to this volume: `vol2:`.
    #[must_use]
    pub fn own_prefix(&self) -> Vec<u8> {
        format!("vol{}:", self.position).into_bytes()
    }
}

/// The operating system that was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperatingSystem {
    /// `linux`.
    pub family: &'static str,
    /// `PRETTY_NAME`, or the best there is.
    pub name: Option<String>,
    /// `ID` of os-release: `debian`.
    pub id: Option<String>,
    /// `VERSION_ID` of os-release.
    pub version: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Kernels under /boot and /lib/modules, newest last.
    pub kernels: Vec<String>,
    /// Init system: `systemd`, `sysvinit`, `openrc`, `busybox`, `runit` …
    pub init: Option<String>,
    /// Position of the volume that holds it, from 1.
    pub volume: usize,
}

/// A file that a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Located {
    /// Index into [`Guest::volumes`].
    pub volume: usize,
    /// The file.
    pub file: FileId,
}

impl Guest {
    /// Opens the disk at `location` (see [`Disk::open`]).
    ///
    /// What cannot be read of it, an unknown filesystem, a damaged table, stands in [`Guest::coverage`].
    ///
    /// # Errors
    /// When the image itself cannot be opened.
    pub fn open(location: &Path, options: &OpenOptions) -> Result<Self> {
        let image = location.display().to_string();
        let disk = Disk::open(location, options)?;
        let mut coverage = Coverage::default();
        let table = VolumeTable::read(Arc::clone(disk.bytes())).map_err(Error::Volume)?;
        let mut volumes = Vec::new();
        for (index, volume) in table.volumes.iter().enumerate() {
            let position = index + 1;
            let prefix = format!("vol{position}:").into_bytes();
            let filesystem = match vminspect_filesystem::open(Arc::clone(&volume.bytes)) {
                Ok(filesystem) => filesystem,
                Err(error) => {
                    coverage.add_error(&image, &prefix, error.family(), &error);
                    None
                }
            };
            if filesystem.is_none() {
                coverage.add_error(&image, &prefix, Family::Unsupported, &"unknown filesystem");
            }
            volumes.push(GuestVolume { position, volume: volume.clone(), filesystem, prefix, covered: Vec::new() });
        }
        Ok(Self { image, disk, table, volumes, system: None, coverage })
    }

    /// The image as the user named it.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The virtual disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The partition table.
    #[must_use]
    pub fn table(&self) -> &VolumeTable {
        &self.table
    }

    /// The volumes, in the order of their positions.
    #[must_use]
    pub fn volumes(&self) -> &[GuestVolume] {
        &self.volumes
    }

    /// The operating system, when one was found.
    #[must_use]
    pub fn system(&self) -> Option<&OperatingSystem> {
        self.system.as_ref()
    }

    /// What could not be read while it was opened.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The file at `path`: `/etc/passwd`, `vol2:/file`. Symbolic links in directories are followed within the
    /// guest; the last component is not.
    ///
    /// # Errors
    /// When no file has this path, or a directory on the way cannot be read.
    pub fn locate(&self, path: &[u8]) -> Result<Located> {
        Err(Error::NotFound(String::from_utf8_lossy(path).into_owned()))
    }

    /// Evidence that changed while it was read, for the end of a command.
    #[must_use]
    pub fn check_unchanged(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for file in self.disk.host_files() {
            if let Err(error) = file.check_unchanged() {
                coverage.add_read_error(&self.image, b"", &error);
            }
        }
        coverage
    }
}
