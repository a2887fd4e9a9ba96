//! Partition tables.

use std::sync::Arc;

use libdeflater::Crc;
use vminspect_bytes::{ByteRange, ReadAtExt};
use vminspect_volume::VolumeTable;

use crate::evidence::{self, Evidence};
use crate::seed::{self, Seeds};

static MBR: Seeds = Seeds::new(|| seed::decompress(&[include_bytes!("../seeds/mbr.gz")]));
static GPT: Seeds = Seeds::new(|| seed::decompress(&[include_bytes!("../seeds/gpt.gz")]));

/// Bytes in a sector of the seeds.
const SECTOR: usize = 512;

/// A damaged MBR and its extended partitions.
pub fn mbr(input: &[u8]) {
    read(seed::damaged(&MBR, input));
}

/// A damaged GPT. The highest bit of the first byte asks for checksums that fit the damage.
pub fn gpt(input: &[u8]) {
    let mut disk = seed::damaged(&GPT, input);
    if input.first().is_some_and(|first| first & 0x80 != 0) {
        let backup = disk.len() / SECTOR - 1;
        mend_checksums(&mut disk, 1);
        mend_checksums(&mut disk, backup);
    }
    read(disk);
}

/// Makes the checksums of the GPT header in `sector`, and of the entries it names, right.
fn mend_checksums(disk: &mut [u8], sector: usize) {
    let header = sector * SECTOR;
    let number = |disk: &[u8], at: usize| {
        let bytes = disk[header + at..].first_chunk().copied().unwrap_or_default();
        usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
    };
    let start = number(disk, 72).saturating_mul(SECTOR);
    let length = number(disk, 80).saturating_mul(number(disk, 84));
    if let Some(entries) = disk.get(start..start.saturating_add(length)) {
        let sum = checksum(entries);
        disk[header + 88..][..4].copy_from_slice(&sum);
    }
    let length = number(disk, 12);
    disk[header + 16..][..4].fill(0);
    if let Some(bytes) = disk.get(header..header.saturating_add(length)) {
        let sum = checksum(bytes);
        disk[header + 16..][..4].copy_from_slice(&sum);
    }
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn read(disk: Vec<u8>) {
    let evidence = Evidence::new(disk);
    let Ok(table) = VolumeTable::read(Arc::clone(&evidence) as _) else { return };
    for volume in &table.volumes {
        evidence::check(&*volume.bytes, &|store, offset, length| evidence.read(store, offset, length));
        let shared = ByteRange::at(0, volume.bytes.len());
        assert!(volume.bytes.extents(shared).count() <= 1, "a volume is one stretch of its disk");
    }
    for problem in &table.problems {
        assert!(!problem.to_string().is_empty());
    }
}
