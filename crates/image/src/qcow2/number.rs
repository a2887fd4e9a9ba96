//! Between `usize`, in which memory is counted, and `u64`, in which evidence is.

/// A count of bytes in memory.
pub(super) fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A position or count that is compared with what is in memory; too large a one stays too large.
pub(super) fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
