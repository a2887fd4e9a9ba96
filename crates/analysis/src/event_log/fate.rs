//! What became of a log that lost records.

use vminspect_artefact::evtx::{Chunk, FileHeader};

use super::EventLog;
use super::finding::LogFate;

/// What tells what became of a log of which records are gone.
pub(super) struct Traces {
    /// Whether something of the first side is left.
    pub(super) is_left: bool,
    /// Whether something of the second side could not be read.
    pub(super) has_problems: bool,
    /// Whether the second side's log is full.
    pub(super) is_full: bool,
    /// The lowest and the highest id of what is gone.
    pub(super) gone: Option<(u64, u64)>,
    /// The lowest id of what is new.
    pub(super) first_new: Option<u64>,
}

impl Traces {
    /// What became of it, as far as the records' ids tell. That a log was cleared can also be told by an event.
    pub(super) fn fate(&self) -> LogFate {
        if self.has_problems {
            return LogFate::Damaged;
        }
        if self.is_left {
            return LogFate::Overwritten;
        }
        // Windows begins anew with 1 when a log is cleared.
        match (self.gone, self.first_new) {
            (_, Some(1)) => LogFate::Cleared,
            (Some((first, _)), Some(new)) if new < first => LogFate::Cleared,
            (Some((_, last)), Some(new)) if new > last || self.is_full => LogFate::Overwritten,
            _ => LogFate::Replaced,
        }
    }
}

pub(super) fn is_full(log: &EventLog) -> bool {
    log.log.header().is_some_and(FileHeader::is_full)
}

/// Whether a chunk holds records. Logs are larger than what was written to them.
pub(super) fn is_used(log: &EventLog, chunk: u64) -> bool {
    let mut bytes = Vec::new();
    let read = log.log.read_chunk(chunk, &mut bytes);
    read.is_ok() && !Chunk::scan(&bytes, log.log.chunk_offset(chunk), false).records.is_empty()
}

/// The channel whose events Windows writes to a file: the file is called alike, with `%4` for `/`.
pub(super) fn channel_of(path: &[u8]) -> String {
    let name = path.rsplit(|byte| matches!(byte, b'\\' | b'/')).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    name.strip_suffix(".evtx").unwrap_or(&name).replace("%4", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Traces =
        Traces { is_left: false, has_problems: false, is_full: false, gone: Some((10, 20)), first_new: None };

    #[test]
    fn ids_tell_cleared_from_overwritten() {
        let fate = |first_new, is_full| Traces { first_new, is_full, ..GONE }.fate();
        for new in [1, 9] {
            assert_eq!([fate(Some(new), false), fate(Some(new), true)], [LogFate::Cleared; 2]);
        }
        assert_eq!([fate(Some(21), false), fate(Some(15), true)], [LogFate::Overwritten; 2]);
        assert_eq!([fate(Some(15), false), fate(None, false), fate(None, true)], [LogFate::Replaced; 3]);
    }

    #[test]
    fn damage_and_what_is_left_come_first() {
        let traces = Traces { is_left: true, first_new: Some(1), ..GONE };
        assert_eq!(traces.fate(), LogFate::Overwritten);
        assert_eq!(Traces { has_problems: true, ..traces }.fate(), LogFate::Damaged);
    }

    #[test]
    fn channels_have_files() {
        assert_eq!(channel_of(br"C:\Windows\System32\winevt\Logs\Security.evtx"), "security");
        assert_eq!(channel_of(b"A-B%4Operational.EVTX"), "a-b/operational");
    }
}
