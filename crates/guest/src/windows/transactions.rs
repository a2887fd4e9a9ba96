//! Transactions of the registry, which Windows writes to CLFS logs. These are not replayed: what is only in them is
//! told to be missing.

use vminspect_bytes::{ReadAtExt, ReadError};

use super::directories::{Directories, Place};
use super::hive_file::open_file;
use crate::volume::GuestVolume;

/// Where the logs of transactions over several hives are, below `System32\config`.
const CONTAINERS: &[&str] = &[r"TxR\*.regtrans-ms", "*.regtrans-ms"];

/// Ends the name of the log of a transaction over several hives, before a number and its type.
const SEVERAL_HIVES: &[u8] = b".txr.";

/// Bytes in front of a log's records.
const HEADER: u64 = 4096;

/// Bytes of a log that are looked at. Windows makes them half a MiB to some MiB long.
const LARGEST_LOG: u64 = 8 << 20;

/// Logs of one system that are looked at.
const MOST_LOGS: usize = 64;

/// Tells, once for a system, that logs of transactions over several hives are in use.
pub(super) fn tell_logs(directories: &mut Directories<'_>, volumes: &[GuestVolume], config: &Place) {
    let found: Vec<Place> =
        CONTAINERS.iter().flat_map(|pattern| directories.matching(config, pattern)).collect();
    let of_several = |log: &&Place| {
        log.name().to_ascii_lowercase().windows(SEVERAL_HIVES.len()).any(|part| part == SEVERAL_HIVES)
    };
    let (mut used, mut first) = (0_usize, None);
    for log in found.iter().filter(of_several).take(MOST_LOGS) {
        match is_used(volumes, log) {
            Ok(true) => {
                used = used.saturating_add(1);
                first = first.or(Some(log));
            }
            Ok(false) => {}
            Err(error) => directories.add_error(&log.path, &error),
        }
    }
    if let Some(first) = first {
        let logs = if used == 1 {
            "this log".to_owned()
        } else {
            format!("this and {} more logs", used.saturating_sub(1))
        };
        directories.add_problem(&first.path, &not_replayed(format!("records in {logs}")));
    }
}

/// Tells that transactions of a hive are pending: its flags say so, and its own log is in use. The flag alone is set
/// in hives of sound systems, too.
pub(super) fn tell_pending(directories: &mut Directories<'_>, volumes: &[GuestVolume], hive: &Place) {
    let Some(parent) = directories.parent(hive) else { return };
    let mut logs = directories.starting_with(&parent, &[hive.name(), b"{"].concat());
    logs.retain(|log| log.name().to_ascii_lowercase().ends_with(b".regtrans-ms"));
    if logs.iter().take(MOST_LOGS).any(|log| is_used(volumes, log).unwrap_or(true)) {
        let found = "bit 0 of the hive's flags says that some are pending, and there are records of them";
        directories.add_problem(&hive.path, &not_replayed(found.to_owned()).at(144));
    }
}

fn not_replayed(found: String) -> ReadError {
    ReadError::unsupported("transactions of the registry")
        .found(found)
        .advice("transactions in CLFS logs are not replayed")
}

/// Whether anything follows the header of a log.
fn is_used(volumes: &[GuestVolume], log: &Place) -> crate::Result<bool> {
    const STEP: u64 = 64 << 10;
    let bytes = open_file(volumes, log.at)?;
    let end = bytes.len().min(LARGEST_LOG);
    let mut at = HEADER;
    while at < end {
        let length = end.saturating_sub(at).min(STEP);
        let part = bytes.read_vec(at, usize::try_from(length).unwrap_or(0)).map_err(crate::Error::Hive)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(true);
        }
        at = at.saturating_add(STEP);
    }
    Ok(false)
}
