//! The address spaces of a volume, each with a type of its own.

use std::fmt;

use crate::FileId;

/// Number of a record in the MFT. NTFS has at most 2³² of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct RecordNumber(pub(super) u32);

/// A file reference: a record, and how many files had it before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Reference {
    pub(super) record: RecordNumber,
    /// 0 fits any.
    pub(super) sequence: u16,
}

impl Reference {
    /// The reference as it is stored: 48 bits of record, 16 of sequence. `None` when no volume has the record.
    pub(super) fn from_stored(stored: u64) -> Option<Self> {
        let record = RecordNumber(u32::try_from(stored & 0xffff_ffff_ffff).ok()?);
        let sequence = u16::try_from(stored >> 48).ok()?;
        Some(Self { record, sequence })
    }

    /// Whether it means a record with this sequence number.
    pub(super) fn fits(self, sequence: u16) -> bool {
        self.sequence == 0 || self.sequence == sequence
    }

    /// The file.
    pub(super) fn file(self) -> FileId {
        FileId(u64::from(self.record.0) | u64::from(self.sequence) << 32)
    }
}

/// A file, or one of its named streams, as a [`FileId`] names it: the record in the low 32 bits, the sequence
/// number in the next 16, and above them 0 or the number of a named stream, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileKey {
    pub(super) reference: Reference,
    pub(super) stream: u16,
}

impl FileKey {
    pub(super) fn new(file: FileId) -> Self {
        let part = |shift: u32| u16::try_from((file.0 >> shift) & 0xffff).unwrap_or(0);
        let record = RecordNumber(u32::try_from(file.0 & 0xffff_ffff).unwrap_or(0));
        Self { reference: Reference { record, sequence: part(32) }, stream: part(48) }
    }

    pub(super) fn id(self) -> FileId {
        FileId(self.reference.file().0 | u64::from(self.stream) << 48)
    }

    /// The file that is shown so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let record = RecordNumber(parts.next()?.parse().ok()?);
        let sequence = parts.next()?.parse().ok()?;
        let stream = parts.next().map_or(Ok(0), str::parse).ok()?;
        parts.next().is_none().then_some(Self { reference: Reference { record, sequence }, stream })
    }
}

/// `record-sequence`, and of a named stream `record-sequence-stream`.
impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.reference.record.0, self.reference.sequence)?;
        if self.stream == 0 { Ok(()) } else { write!(f, "-{}", self.stream) }
    }
}

/// Bytes of a cluster: a power of two from 512 to 2 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClusterSize(pub(super) u32);

impl ClusterSize {
    pub(super) fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// Bytes of some clusters; cut at the largest number.
    pub(super) fn of(self, clusters: u64) -> u64 {
        clusters.saturating_mul(self.bytes())
    }

    /// Clusters that hold some bytes, the last one perhaps in part.
    pub(super) fn clusters(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_shown() {
        for (id, text) in
            [(5 | 5 << 32, "5-5"), (0xffff_ffff, "4294967295-0"), (86 | 1 << 32 | 2 << 48, "86-1-2")]
        {
            let key = FileKey::new(FileId(id));
            assert_eq!(key.to_string(), text);
            assert_eq!(FileKey::parse(text), Some(key));
        }
        for text in ["", "5", "5-", "-5", "5-5-", "5-5-1-1", "4294967296-1", "5-65536"] {
            assert_eq!(FileKey::parse(text), None, "{text}");
        }
    }
}
