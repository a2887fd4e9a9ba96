//! Where a system is, and the hives that are opened to learn of it.

use vminspect_artefact::registry::Hive;
use vminspect_bytes::decode_wtf8;
use vminspect_filesystem::FileKind;

use super::directories::{Directories, Place};
use super::hive_file::open_hive;
use crate::volume::GuestVolume;
use crate::{Located, Result};

/// Directories that a system is installed to, by default.
pub(super) const DIRECTORIES: &[&str] = &["Windows", "WinNT"];

/// What one of these holds when it is a system's, in `System32`.
pub(super) const SYSTEM_FILES: &[&str] = &["config", "ntoskrnl.exe", "kernel32.dll"];

const LOG_ENDS: &[&str] = &[".LOG", ".LOG1", ".LOG2"];

/// Largest hive that is opened to learn of a system. Real ones have up to some 200 MiB.
const LARGEST_HIVE: u64 = 512 << 20;

/// Where a system is.
pub(super) struct Installation {
    /// Its volume, or the directory that an older one was moved to.
    pub(super) root: Place,
    /// Its own directory.
    pub(super) directory: Place,
}

impl Installation {
    /// The system below `root`.
    pub(super) fn find(directories: &mut Directories<'_>, root: Place) -> Option<Self> {
        let directory = DIRECTORIES.iter().find_map(|name| {
            let directory = directories.descend(&root, name.as_bytes())?;
            let mut holds = |file: &str| {
                directories.descend(&directory, format!(r"System32\{file}").as_bytes()).is_some()
            };
            SYSTEM_FILES.iter().any(|file| holds(file)).then_some(directory)
        })?;
        Some(Self { root, directory })
    }

    /// A file of `System32\config`, when it is there.
    pub(super) fn config_file(&self, directories: &mut Directories<'_>, name: &str) -> Option<Place> {
        let path = format!(r"System32\config\{name}");
        let place = directories.descend(&self.directory, path.as_bytes())?;
        (directories.metadata(&place)?.kind == FileKind::Regular).then_some(place)
    }
}

/// The logs beside a hive, by their names.
pub(super) fn logs_of(directories: &mut Directories<'_>, hive: &Place) -> Vec<(String, Located)> {
    let Some(directory) = directories.parent(hive) else { return Vec::new() };
    let logs = LOG_ENDS.iter().filter_map(|end| {
        let log = directories.child(&directory, &[hive.name(), end.as_bytes()].concat())?;
        let is_file = directories.metadata(&log)?.kind == FileKind::Regular;
        is_file.then(|| (decode_wtf8(log.name()).0, log.at))
    });
    logs.collect()
}

/// Opens a hive, with its logs, to learn of the system.
pub(super) fn open(volumes: &[GuestVolume], hive: Located, logs: &[(String, Located)]) -> Result<Hive> {
    open_hive(volumes, hive, logs, LARGEST_HIVE)
}
