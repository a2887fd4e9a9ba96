use vminspect_bytes::{ReadAt, ReadAtExt};

use crate::Result;

/// Bytes in a sector: the unit in which a partition table counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SectorSize(u64);

impl SectorSize {
    /// The usual size, also of 4096-byte disks that emulate it.
    pub(crate) const USUAL: Self = Self(512);

    /// Every size that disks have had, the likeliest first. 2048 is an optical disc's; 1024 was rare.
    pub(crate) const ALL: [Self; 4] = [Self::USUAL, Self(4096), Self(2048), Self(1024)];

    /// Bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }
}

/// Address of a sector on the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Lba(pub(crate) u64);

impl Lba {
    /// First byte of the sector, or `None` where no disk can have it.
    pub(crate) fn offset(self, size: SectorSize) -> Option<u64> {
        self.0.checked_mul(size.bytes())
    }

    /// The sector `by` further on.
    pub(crate) fn forward(self, by: u64) -> Option<Self> {
        self.0.checked_add(by).map(Self)
    }
}

/// The `N` bytes at `offset`, or `None` when the disk ends before their last.
pub(crate) fn read_within<const N: usize>(disk: &dyn ReadAt, offset: u64) -> Result<Option<[u8; N]>> {
    let end = u64::try_from(N).ok().and_then(|length| offset.checked_add(length));
    match end {
        Some(end) if end <= disk.len() => disk.read_array(offset).map(Some),
        _ => Ok(None),
    }
}
