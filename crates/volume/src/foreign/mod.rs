//! Partition tables of other machines: recognised, so that a disk which has one is not taken for a disk
//! without partitions, and refused by name.
//!
//! Refused: the Apple partition map, BSD disklabels, Sun and SGI disk labels, Amiga rigid disk blocks, AIX boot
//! records. Facts about their signatures come from the headers of the systems that use them and from the
//! readers in [Linux](https://github.com/torvalds/linux/tree/v6.12/block/partitions).
//!
//! A master boot record with partitions wins over all of them, since bootable media carry several tables.

use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError};

use crate::mbr;
use crate::sector::{SectorSize, read_within};
use crate::{Driver, Result, VolumeTable};

/// Every scheme that is recognised and refused.
pub const DRIVER: Driver = Driver { name: "foreign", probe, open };

/// `DISKMAGIC` of a BSD disklabel, at its start and 132 bytes on.
const BSD_MAGIC: [u8; 4] = 0x8256_4557_u32.to_le_bytes();
/// The second sector, where i386 keeps its label.
const BSD_LABEL_I386: u64 = 512;
/// Where Alpha and others keep it.
const BSD_LABEL_ALPHA: u64 = 64;
/// From the first `DISKMAGIC` to the second.
const BSD_SECOND_MAGIC: u64 = 132;

/// `DKL_MAGIC`, big-endian, 508 bytes into the sector, in front of the checksum.
const SUN_MAGIC: [u8; 2] = [0xDA, 0xBE];
const SGI_MAGIC: [u8; 4] = [0x0B, 0xE5, 0xA9, 0x41];
/// `IBMA` in EBCDIC.
const AIX_MAGIC: [u8; 4] = [0xC9, 0xC2, 0xD4, 0xC1];
const AMIGA_MAGIC: [u8; 4] = *b"RDSK";
/// An Amiga's block may stand in any of the first sectors.
const AMIGA_SECTORS: u64 = 16;
/// Driver descriptor map, in front of the partition map.
const APPLE_DRIVER_MAGIC: [u8; 2] = *b"ER";
const APPLE_MAP_MAGIC: [u8; 2] = *b"PM";

fn probe(disk: &dyn ReadAt) -> Result<bool> {
    recognise(disk).map(|name| name.is_some())
}

fn open(disk: &Arc<dyn ReadAt>) -> Result<VolumeTable> {
    let name = recognise(&**disk)?.unwrap_or("another machine's table");
    Err(ReadError::unsupported("partition table").at(0).expected("an MBR or a GPT").found(name))
}

fn recognise(disk: &dyn ReadAt) -> Result<Option<&'static str>> {
    let table = mbr::read_boot_sector(disk)?;
    if table.is_some_and(|table| mbr::has_plausible_partition(disk, &table)) {
        return Ok(None);
    }
    let Some(sector) = read_within::<512>(disk, 0)? else { return Ok(None) };
    if sector.starts_with(&SGI_MAGIC) {
        return Ok(Some("an SGI disk label"));
    }
    if sector.starts_with(&AIX_MAGIC) {
        return Ok(Some("an AIX boot record"));
    }
    if is_sun_label(&sector) {
        return Ok(Some("a Sun disk label"));
    }
    if sector.starts_with(&APPLE_DRIVER_MAGIC) && has_apple_map(disk)? {
        return Ok(Some("an Apple partition map"));
    }
    if has_bsd_disklabel(disk)? {
        return Ok(Some("a BSD disklabel"));
    }
    Ok(has_amiga_block(disk)?.then_some("an Amiga rigid disk block"))
}

/// The 16-bit words of the sector, its checksum among them, add up to nothing under exclusive or.
fn is_sun_label(sector: &[u8; 512]) -> bool {
    let words = sector.chunks_exact(2).filter_map(|word| word.try_into().ok()).map(u16::from_be_bytes);
    sector.get(508..510) == Some(&SUN_MAGIC) && words.fold(0, |sum, word| sum ^ word) == 0
}

fn has_apple_map(disk: &dyn ReadAt) -> Result<bool> {
    for size in SectorSize::ALL {
        if read_within(disk, size.bytes())? == Some(APPLE_MAP_MAGIC) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a disk, or a partition of one, begins with a BSD disklabel.
pub(crate) fn has_bsd_disklabel(disk: &dyn ReadAt) -> Result<bool> {
    for label in [BSD_LABEL_I386, BSD_LABEL_ALPHA] {
        let second = label.saturating_add(BSD_SECOND_MAGIC);
        if read_within(disk, label)? == Some(BSD_MAGIC) && read_within(disk, second)? == Some(BSD_MAGIC) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_amiga_block(disk: &dyn ReadAt) -> Result<bool> {
    for sector in 0..AMIGA_SECTORS {
        let offset = sector.saturating_mul(SectorSize::USUAL.bytes());
        if read_within(disk, offset)? == Some(AMIGA_MAGIC) {
            return Ok(true);
        }
    }
    Ok(false)
}
