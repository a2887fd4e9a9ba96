use vminspect_bytes::ReadAt;

use super::boot_sector::{BootSector, Entry};
use super::layout::SIGNATURE;
use crate::content::identify;
use crate::partition;
use crate::sector::{SectorSize, read_within};

/// The unit in which the table counts. It is not recorded, so each size is tried: the one that puts something
/// recognisable at the start of most partitions wins, the likelier one where several do equally well. So 512
/// stands unless another size explains more.
///
/// A size above 512 is no candidate when it makes a partition pass the end of the disk: there, 512 would say
/// that the partition is short and the disk has room, while the larger size contradicts the disk.
pub(crate) fn detect(disk: &dyn ReadAt, table: &BootSector) -> SectorSize {
    let mut best = (0_usize, SectorSize::USUAL);
    for size in SectorSize::ALL {
        let hits = table.used().filter(|entry| is_recognised(disk, entry, size)).count();
        if hits > best.0 && (size == SectorSize::USUAL || fits(disk.len(), table, size)) {
            best = (hits, size);
        }
    }
    best.1
}

fn fits(disk: u64, table: &BootSector, size: SectorSize) -> bool {
    table.used().all(|entry| {
        partition::sectors(entry.first(), entry.length, size).is_some_and(|range| range.end() <= disk)
    })
}

/// Whether the entry, counted in sectors of `size`, begins at a boot record (for an extended partition) or at
/// content that is known. What cannot be read is not recognised.
fn is_recognised(disk: &dyn ReadAt, entry: &Entry, size: SectorSize) -> bool {
    if entry.start == 0 {
        return false;
    }
    let Some(range) = partition::sectors(entry.first(), entry.length, size) else { return false };
    if entry.is_extended() {
        let sector = read_within::<512>(disk, range.start());
        return matches!(sector, Ok(Some(sector)) if sector.ends_with(&SIGNATURE));
    }
    let volume = vminspect_bytes::Window::clamped(disk, range);
    matches!(identify(&volume), Ok(Some(_)))
}
