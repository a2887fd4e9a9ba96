use std::sync::Arc;

use vminspect_artefact::evtx::Log;
use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::NameEncoding;
use vminspect_guest::{Coverage, Guest};

use crate::finding::GuestPath;

/// Problems of one log that are told one by one.
const MOST_TOLD: usize = 1000;

/// An event log that is read.
#[derive(Clone)]
pub struct EventLog {
    /// What the disk, or the file of the host, is called.
    pub image: String,
    /// Path in the guest; empty for a file of the host.
    pub path: GuestPath,
    name: String,
    /// Its header and chunks.
    pub log: Arc<Log<Arc<dyn ReadAt>>>,
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog")
            .field("image", &self.image)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl EventLog {
    /// Opens a log.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open(image: &str, path: &[u8], source: Arc<dyn ReadAt>) -> Result<Self, ReadError> {
        let path = GuestPath::new(path.to_vec(), NameEncoding::Wtf8);
        let name = if path.bytes.is_empty() { image.to_owned() } else { path.to_text().0 };
        Ok(Self { image: image.to_owned(), path, name, log: Arc::new(Log::open(source)?) })
    }

    /// All logs of a guest. Those that cannot be opened are told.
    #[must_use]
    pub fn all_of(guest: &Guest) -> (Vec<Self>, Coverage) {
        let (files, mut coverage) = guest.event_logs();
        let mut logs = Vec::new();
        for file in files {
            match file.bytes(guest) {
                Ok(source) => match Self::open(guest.image(), &file.path, source) {
                    Ok(log) => logs.push(log),
                    Err(error) => coverage.add_read_error(guest.image(), &file.path, &error),
                },
                Err(error) => coverage.add_error(guest.image(), &file.path, error.family(), &error),
            }
        }
        (logs, coverage)
    }

    /// What the log is called in a report: its path in the guest, or the file of the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tell(&self, coverage: &mut Coverage, problems: &Problems) {
        for problem in self.log.problems().iter().chain(&problems.told) {
            coverage.add_read_error(&self.image, &self.path.bytes, problem);
        }
        if problems.more > 0 {
            let error = ReadError::corrupt("event log").found(format!("{} more problems", problems.more));
            coverage.add_read_error(&self.image, &self.path.bytes, &error);
        }
    }
}

/// What is wrong with a log: the first problems, and how many more there are. A hostile log has millions.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    told: Vec<ReadError>,
    more: u64,
}

impl Problems {
    pub(super) fn append(&mut self, problems: &mut Vec<ReadError>) {
        let room = MOST_TOLD.saturating_sub(self.told.len()).min(problems.len());
        self.more += (problems.len() - room) as u64;
        self.told.extend(problems.drain(..room));
        problems.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_problems_are_kept() {
        let mut problems = Problems::default();
        assert!(problems.is_empty());
        for _ in 0..3 {
            problems.append(&mut vec![ReadError::corrupt("event record"); 400]);
        }
        assert_eq!((problems.told.len(), problems.more), (MOST_TOLD, 200));
        assert!(!problems.is_empty());
    }
}
