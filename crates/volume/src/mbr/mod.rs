//! The master boot record: four primary partitions in the first sector, and logical ones in a chain of
//! extended boot records.
//!
//! Specifications: the [UEFI specification, section 5.2](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#mbr)
//! for the sector; extended partitions were never specified, so they are read as
//! [Linux reads them](https://github.com/torvalds/linux/blob/v6.12/block/partitions/msdos.c), and partitions have
//! the numbers that Linux gives them.
//!
//! Read: primary partitions; extended partitions of types 05, 0F and 85, several of them too; entries of every
//! type, also type 0 with sectors, as Linux does. An extended partition is no volume itself. Addresses count
//! sectors of 512, 4096, 2048 or 1024 bytes; which one is not recorded, and is found by what it makes of the
//! partitions.
//!
//! Refused with a problem: BSD disklabels inside a partition. Logical Disk Manager disks (type 42) show the
//! partitions that cover them.
//!
//! A boot sector of FAT, exFAT or NTFS ends in the same signature as a master boot record, and so may the boot
//! code in front of an ext filesystem. A sector that is a filesystem's is never read as a table; where a
//! filesystem's superblock stands behind the sector, the table counts only if one of its entries reads as a
//! partition of this disk.

mod boot_sector;
mod extended;
mod layout;
mod sector_size;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashSet;
use std::sync::Arc;

use vminspect_bytes::{ByteRange, ReadAt, ReadError};

pub(crate) use boot_sector::{BootSector, Entry};

use crate::content::{boot_sector_content, identify};
use crate::foreign;
use crate::partition::{self, Partition, Problems};
use crate::sector::{Lba, SectorSize, read_within};
use crate::{Driver, Result, VolumeTable};

/// The master boot record.
pub const DRIVER: Driver = Driver { name: "mbr", probe, open };

/// The first sector as a partition table, where it can be one.
pub(crate) fn read_boot_sector(disk: &dyn ReadAt) -> Result<Option<BootSector>> {
    let Some(sector) = read_within::<512>(disk, 0)? else { return Ok(None) };
    if boot_sector_content(&sector).is_some() {
        return Ok(None);
    }
    Ok(BootSector::parse(&sector, 0))
}

/// Whether one entry of the table reads as a partition of this disk.
pub(crate) fn has_plausible_partition(disk: &dyn ReadAt, table: &BootSector) -> bool {
    // The smallest sector gives the most sectors, so this holds whatever the table counts in.
    let sectors = disk.len().div_ceil(SectorSize::USUAL.bytes());
    table.used().any(|entry| entry.is_plausible(sectors))
}

fn probe(disk: &dyn ReadAt) -> Result<bool> {
    let Some(table) = read_boot_sector(disk)? else { return Ok(false) };
    if has_plausible_partition(disk, &table) {
        return Ok(true);
    }
    // An empty table, or one whose partitions lie past the end of a truncated disk. Boot code that carries the
    // signature for another reason has other bytes where boot indicators stand.
    let is_sound = table.entries.iter().all(Entry::has_sound_indicator);
    Ok(is_sound && !matches!(identify(disk), Ok(Some(_))))
}

fn open(disk: &Arc<dyn ReadAt>) -> Result<VolumeTable> {
    let table = read_boot_sector(&**disk)?;
    let table = table
        .ok_or_else(|| ReadError::corrupt("master boot record").at(510).expected("the signature 55 AA"))?;
    let mut problems = Problems::default();
    if table.is_protective() {
        problems.add(
            ReadError::corrupt("GPT header")
                .at(512)
                .expected("the GPT that the master boot record announces"),
        );
    }
    Ok(read_table(disk, &table, problems))
}

/// The volumes of `table`, without entries that protect a GPT.
pub(crate) fn read_table(disk: &Arc<dyn ReadAt>, table: &BootSector, mut problems: Problems) -> VolumeTable {
    let size = sector_size::detect(&**disk, table);
    let mut partitions = Vec::new();
    let mut seen = HashSet::new();
    let mut next_logical = 5_u32;
    for entry in table.used().filter(|entry| !entry.is_extended()) {
        check_indicator(entry, &mut problems);
        if entry.length == 0 {
            problems.add(zero_length(entry));
        } else {
            partitions.extend(partition_of(entry, entry.first(), entry.slot, table.disk_id, size));
        }
    }
    for container in table.used().filter(|entry| entry.is_extended()) {
        check_indicator(container, &mut problems);
        if container.length == 0 {
            problems.add(zero_length(container));
            continue;
        }
        report_container_past_end(disk.len(), container, size, &mut problems);
        let chain = extended::Chain::new(&**disk, size, container, &mut seen, &mut problems);
        for logical in chain.partitions(container) {
            partitions.extend(partition_of(&logical.entry, logical.first, next_logical, table.disk_id, size));
            next_logical = next_logical.saturating_add(1);
        }
    }
    report_inner_tables(&**disk, &partitions, &mut problems);
    let volumes = partition::volumes(disk, partitions, &mut problems);
    VolumeTable {
        scheme: "mbr",
        sector_size: size.bytes(),
        disk_id: (table.disk_id != 0).then(|| format!("{:08x}", table.disk_id)),
        volumes,
        problems: problems.into_list(),
    }
}

fn partition_of(entry: &Entry, first: Lba, number: u32, disk_id: u32, size: SectorSize) -> Option<Partition> {
    Some(Partition {
        number,
        kind: format!("{:02x}", entry.kind),
        kind_name: types::name(entry.kind),
        name: None,
        // Without a disk id every disk would have the same, so udev gives none.
        uuid: (disk_id != 0).then(|| format!("{disk_id:08x}-{number:02x}")),
        flags: entry.is_active().then(|| "active".to_owned()).into_iter().collect(),
        // 32-bit sectors of at most 4096 bytes: the sum always fits.
        range: partition::sectors(first, entry.length, size)?,
        entry: entry.offset,
    })
}

fn check_indicator(entry: &Entry, problems: &mut Problems) {
    if !entry.has_sound_indicator() {
        problems.add(
            ReadError::corrupt("boot indicator of a partition entry")
                .at(entry.offset)
                .expected("00 or 80")
                .found(format!("{:02x}", entry.boot_indicator)),
        );
    }
}

fn zero_length(entry: &Entry) -> ReadError {
    ReadError::corrupt("partition entry")
        .at(entry.offset)
        .found(format!("type {:02x} without any sectors", entry.kind))
}

fn report_container_past_end(disk: u64, container: &Entry, size: SectorSize, problems: &mut Problems) {
    let end = partition::sectors(container.first(), container.length, size).map_or(u64::MAX, ByteRange::end);
    if end > disk {
        problems.add(
            ReadError::corrupt("extended partition")
                .at(container.offset)
                .expected(format!("an end within the {disk} bytes of the disk"))
                .found(format!("an end at byte {end}")),
        );
    }
}

/// Partitions of these types may hold a table of their own.
fn report_inner_tables(disk: &dyn ReadAt, partitions: &[Partition], problems: &mut Problems) {
    for partition in partitions.iter().filter(|partition| types::may_hold_disklabel(&partition.kind)) {
        let inside = vminspect_bytes::Window::clamped(disk, partition.range);
        if matches!(foreign::has_bsd_disklabel(&inside), Ok(true)) {
            problems.add(
                ReadError::unsupported("partition table")
                    .at(partition.range.start())
                    .found(format!("a BSD disklabel inside partition {}", partition.number)),
            );
        }
    }
}
