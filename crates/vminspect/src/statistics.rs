//! What `--stats` tells.

use std::fs;

use vminspect::{Statistics, human_size};

use crate::session::{Session, line};

/// Tells what an analysis took, when that is wanted.
pub(crate) fn tell(session: &Session, statistics: &Statistics) {
    if !session.global.stats {
        return;
    }
    let count = |name: &str, number: u64| line(&format!("{name:<22}{number}"));
    let bytes = |name: &str, number: u64| line(&format!("{name:<22}{number} ({})", human_size(number)));
    count("entries", statistics.entries_before);
    if statistics.entries_after > 0 {
        count("entries of the second", statistics.entries_after);
    }
    bytes("host bytes read", statistics.host_bytes_read);
    bytes("bytes proven equal", statistics.bytes_proven_equal);
    bytes("bytes compared", statistics.bytes_compared);
    bytes("bytes hashed", statistics.bytes_hashed);
    line(&format!("{:<22}{:.3} s", "elapsed", session.started.elapsed().as_secs_f64()));
    if let Some(peak) = peak_memory() {
        bytes("peak memory", peak);
    }
}

/// The most memory that this process had resident, where the host tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let text = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = text.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
