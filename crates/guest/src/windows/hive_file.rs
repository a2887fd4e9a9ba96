use std::sync::Arc;

use vminspect_artefact::registry::{Hive, Log};
use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::Stream;

use crate::volume::GuestVolume;
use crate::{Error, Guest, Located, Result};

/// What the running system does with a hive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HiveKind {
    /// It is part of the registry: Windows shows it at [`HiveFile::mount`].
    Live,
    /// Programs use it, but Windows does not show it: `Amcache.hve`, settings of packages, templates.
    Application,
    /// The system does not use it: a backup, one of an older installation (`Windows.old`), of a user that
    /// `ProfileList` does not name, or of another installation.
    Copy,
}

impl HiveKind {
    /// The kind as reports spell it: `live`, `application` or `copy`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Application => "application",
            Self::Copy => "copy",
        }
    }
}

/// A registry hive of a Windows guest, and its logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HiveFile {
    /// Where Windows shows it, such as `HKLM\SOFTWARE`, or the path of its file where Windows does not show it.
    /// WTF-8. No two hives of a guest have the same.
    pub mount: Vec<u8>,
    /// What the running system does with it.
    pub kind: HiveKind,
    /// Path of its file in the guest, as stored.
    pub path: Vec<u8>,
    /// Its file.
    pub located: Located,
    /// The logs beside it, empty ones too, by their names: `.LOG`, `.LOG1`, `.LOG2`.
    pub logs: Vec<(String, Located)>,
}

impl HiveFile {
    /// The bytes of its file, as stored.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn bytes(&self, guest: &Guest) -> Result<Arc<dyn ReadAt>> {
        open_file(guest.volumes(), self.located)
    }

    /// The bytes of its logs, with their names.
    ///
    /// # Errors
    /// When the record of one cannot be read.
    pub fn log_bytes(&self, guest: &Guest) -> Result<Vec<(String, Arc<dyn ReadAt>)>> {
        open_logs(guest.volumes(), &self.logs)
    }

    /// Reads the hive; with `with_logs`, what its logs hold is replayed in memory.
    ///
    /// # Errors
    /// When the file is no hive, or it or a log cannot be read.
    pub fn open(&self, guest: &Guest, with_logs: bool) -> Result<Hive> {
        let logs = if with_logs { self.logs.as_slice() } else { &[] };
        open_hive(guest.volumes(), self.located, logs, u64::MAX)
    }
}

/// Opens a hive whose file has at most `limit` bytes.
pub(super) fn open_hive(
    volumes: &[GuestVolume],
    located: Located,
    logs: &[(String, Located)],
    limit: u64,
) -> Result<Hive> {
    let bytes = open_file(volumes, located)?;
    if bytes.len() > limit {
        let error = ReadError::unsupported("registry hive").expected(format!("at most {limit} bytes"));
        return Err(Error::Hive(error.found(bytes.len().to_string())));
    }
    let logs = open_logs(volumes, logs)?;
    let logs: Vec<Log<'_>> =
        logs.iter().map(|(name, bytes)| Log { name: name.clone(), bytes: &**bytes }).collect();
    Hive::open(&*bytes, &logs).map_err(Error::Hive)
}

fn open_logs(volumes: &[GuestVolume], logs: &[(String, Located)]) -> Result<Vec<(String, Arc<dyn ReadAt>)>> {
    logs.iter().map(|(name, located)| Ok((name.clone(), open_file(volumes, *located)?))).collect()
}

pub(super) fn open_file(volumes: &[GuestVolume], located: Located) -> Result<Arc<dyn ReadAt>> {
    let filesystem = volumes.get(located.volume).and_then(|volume| volume.filesystem.as_ref());
    let filesystem = filesystem.ok_or_else(|| Error::NotFound(format!("volume {}", located.volume)))?;
    Ok(filesystem.open(located.file, Stream::Data)?)
}
