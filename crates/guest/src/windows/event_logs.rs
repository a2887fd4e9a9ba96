//! Where a Windows keeps its event logs.

use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::FileKind;

use super::directories::Directories;
use super::hive_file::open_file;
use super::hives::system_volume;
use super::installation::Installation;
use crate::{Coverage, Guest, Located, Result};

/// An event log of a Windows guest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventLogFile {
    /// Path of its file in the guest, as stored.
    pub path: Vec<u8>,
    /// Its file.
    pub located: Located,
}

impl EventLogFile {
    /// The bytes of its file.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn bytes(&self, guest: &Guest) -> Result<Arc<dyn ReadAt>> {
        open_file(guest.volumes(), self.located)
    }
}

/// The event logs of a guest, sorted by path. Those of Windows XP are told, as they are not read.
pub(crate) fn find_event_logs(guest: &Guest) -> (Vec<EventLogFile>, Coverage) {
    let mut directories = Directories::new(guest.image(), guest.volumes());
    let mut logs = Vec::new();
    let system = system_volume(guest)
        .and_then(|volume| directories.root(volume))
        .and_then(|root| Installation::find(&mut directories, root));
    if let Some(system) = system {
        for log in directories.matching(&system.directory, r"System32\winevt\Logs\*.evtx") {
            if directories.metadata(&log).is_some_and(|metadata| metadata.kind == FileKind::Regular) {
                logs.push(EventLogFile { path: log.path.clone(), located: log.at });
            }
        }
        for log in directories.matching(&system.directory, r"System32\config\*.evt") {
            let error = ReadError::unsupported("event log").found("one of Windows XP or before (.evt)");
            directories.add_problem(&log.path, &error);
        }
    }
    logs.sort_by(|a, b| a.path.cmp(&b.path));
    (logs, directories.coverage)
}
