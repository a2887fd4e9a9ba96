//! The GUID partition table: a header in the second sector, an array of entries, and a copy of both at the
//! end of the disk.
//!
//! Specification: the [UEFI specification, section 5.3](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#guid-partition-table-gpt-disk-layout);
//! types of Linux partitions: the
//! [Discoverable Partitions Specification](https://uapi-group.org/specifications/specs/discoverable_partitions_specification/).
//!
//! Read: revision 1.x; sectors of 512, 1024, 2048 and 4096 bytes, told by where the header stands; entries of
//! any size that is a multiple of 8 from 128 to 4096 bytes, 4 MiB of them. Checksums of header and array are
//! verified. Copies are tried in this order: the one in the second sector, the one in the disk's last sector,
//! the one where the first says its copy is. The first whose checksums hold is used, and each that was passed
//! over is a problem. When none holds, the first whose fields make sense is used, with a problem for each.
//! A sound copy is checked against its other: a copy that is damaged, missing or different is a problem. A copy
//! that is not in the last sector is none: the disk was enlarged.
//!
//! A master boot record whose entry has the type EE says that the disk has a GPT; its other entries (a hybrid
//! MBR) do not count as partitions. Those that name the range of a GPT partition give it the flag `hybrid_mbr`,
//! others are problems. Without such an entry, as in Linux, a GPT does not count beside a filesystem on the
//! whole disk or a master boot record with partitions; but it does on a disk whose first sector says nothing.

mod crc32;
mod entries;
mod header;
mod layout;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError};

use self::header::{Header, Site, Trust};
use crate::content::{boot_sector_content, identify};
use crate::mbr::{self, BootSector, Entry};
use crate::partition::{self, Partition, Problems};
use crate::sector::{Lba, SectorSize, read_within};
use crate::{Driver, Result, VolumeTable};

/// The GUID partition table.
pub const DRIVER: Driver = Driver { name: "gpt", probe, open };

fn probe(disk: &dyn ReadAt) -> Result<bool> {
    // The headers do not need the first sector: one that cannot be read must not hide them.
    let sector = read_within::<512>(disk, 0);
    let (content, table) = match &sector {
        Ok(Some(sector)) => (boot_sector_content(sector), BootSector::parse(sector, 0)),
        _ => (None, None),
    };
    if let Some(table) = table.filter(BootSector::is_protective).filter(|_| content.is_none()) {
        let is_only_protective = table.used().next().is_none();
        return Ok(is_only_protective || !sites(disk).is_empty());
    }
    let is_taken = content.is_some()
        || table.is_some_and(|table| mbr::has_plausible_partition(disk, &table))
        || matches!(identify(disk), Ok(Some(_)));
    if !is_taken && sites(disk).into_iter().any(|site| TableCopy::read(disk, site, Trust::Verified).is_ok()) {
        return Ok(true);
    }
    sector.map(|_| false)
}

/// Where a header's signature stands: in the second sector, in the last one, where the first points.
fn sites(disk: &dyn ReadAt) -> Vec<Site> {
    let mut sites: Vec<Site> = SectorSize::ALL
        .map(|size| Site { size, lba: Lba(1) })
        .into_iter()
        .filter(|site| site.has_signature(disk))
        .collect();
    let alternates: Vec<Site> = sites.iter().filter_map(|site| alternate(disk, *site)).collect();
    let last = SectorSize::ALL.into_iter().filter_map(|size| last_sector(disk, size));
    for site in last.chain(alternates) {
        if !sites.contains(&site) && site.has_signature(disk) {
            sites.push(site);
        }
    }
    sites
}

fn alternate(disk: &dyn ReadAt, site: Site) -> Option<Site> {
    let header = Header::read(disk, site, Trust::Plausible).ok()?;
    Some(Site { size: site.size, lba: header.alternate })
}

fn last_sector(disk: &dyn ReadAt, size: SectorSize) -> Option<Site> {
    let sectors = disk.len().checked_div(size.bytes())?;
    sectors.checked_sub(1).filter(|last| *last > 1).map(|last| Site { size, lba: Lba(last) })
}

/// A header with its array.
struct TableCopy {
    header: Header,
    array: Vec<u8>,
}

impl TableCopy {
    fn read(disk: &dyn ReadAt, site: Site, trust: Trust) -> Result<Self> {
        let header = Header::read(disk, site, trust)?;
        let (array, is_sound) = header.array(disk)?;
        if trust == Trust::Verified && !is_sound {
            return Err(header.array_error());
        }
        Ok(Self { header, array })
    }
}

fn open(disk: &Arc<dyn ReadAt>) -> Result<VolumeTable> {
    let mut problems = Problems::default();
    let copy = choose(&**disk, &mut problems)?;
    let mut partitions = entries::partitions(&copy.header, &copy.array, &mut problems);
    note_master_boot_record(&**disk, copy.header.site.size, &mut partitions, &mut problems);
    let volumes = partition::volumes(disk, partitions, &mut problems);
    Ok(VolumeTable {
        scheme: "gpt",
        sector_size: copy.header.site.size.bytes(),
        disk_id: Some(copy.header.disk_guid.to_string()),
        volumes,
        problems: problems.into_list(),
    })
}

/// The copy to read, by the order that the module's documentation gives.
fn choose(disk: &dyn ReadAt, problems: &mut Problems) -> Result<TableCopy> {
    let sites = sites(disk);
    if !sites.iter().any(|site| site.lba == Lba(1)) {
        problems.add(missing_primary());
    }
    for site in &sites {
        match TableCopy::read(disk, *site, Trust::Verified) {
            Ok(copy) => {
                check_other(disk, &copy, problems);
                return Ok(copy);
            }
            Err(problem) => problems.add(problem),
        }
    }
    let mut plausible = sites.iter().filter_map(|site| TableCopy::read(disk, *site, Trust::Plausible).ok());
    match plausible.next() {
        Some(copy) => Ok(copy),
        None => Err(std::mem::take(problems).into_list().pop().unwrap_or_else(missing_primary)),
    }
}

fn missing_primary() -> ReadError {
    ReadError::corrupt("primary GPT header").at(SectorSize::USUAL.bytes()).expected("the signature EFI PART")
}

/// Compares a primary copy with its backup. A backup is used only where the primary is damaged.
fn check_other(disk: &dyn ReadAt, copy: &TableCopy, problems: &mut Problems) {
    if copy.header.site.lba != Lba(1) {
        return;
    }
    let site = Site { size: copy.header.site.size, lba: copy.header.alternate };
    match TableCopy::read(disk, site, Trust::Verified) {
        Ok(other) if copy.header.agrees_with(&other.header) => {}
        Ok(_) => {
            let problem = ReadError::corrupt("backup GPT").expected("the partitions of the primary one");
            problems.add(problem.at(site.offset(disk).unwrap_or(0)).found("others"));
        }
        Err(problem) => problems.add(
            ReadError::corrupt("backup GPT")
                .expected(format!("a sound copy in sector {}", site.lba.0))
                .found(problem.to_string()),
        ),
    }
}

/// Reports what the first sector says besides that the disk has a GPT.
fn note_master_boot_record(
    disk: &dyn ReadAt,
    size: SectorSize,
    partitions: &mut [Partition],
    problems: &mut Problems,
) {
    let table = match read_within::<512>(disk, 0) {
        Ok(sector) => sector.and_then(|sector| BootSector::parse(&sector, 0)),
        Err(problem) => return problems.add(problem),
    };
    let Some(table) = table.filter(BootSector::is_protective) else {
        let problem = ReadError::corrupt("protective master boot record").at(0);
        return problems.add(problem.expected("an entry of type ee"));
    };
    for entry in table.used() {
        let range = partition::sectors(entry.first(), entry.length, size);
        match partitions.iter_mut().find(|partition| Some(partition.range) == range) {
            Some(partition) => partition.flags.push("hybrid_mbr".to_owned()),
            None => problems.add(hybrid_problem(entry)),
        }
    }
}

fn hybrid_problem(entry: &Entry) -> ReadError {
    ReadError::corrupt("hybrid master boot record")
        .at(entry.offset)
        .expected("the range of a GPT partition")
        .found(format!("type {:02x}, {} sectors from sector {}", entry.kind, entry.length, entry.start))
}
