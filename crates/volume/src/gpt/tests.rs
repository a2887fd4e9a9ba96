use std::sync::Arc;

use vminspect_bytes::{Family, Memory};

use super::crc32::crc32;
use super::*;

/// A GPT disk to be made: both copies, a protective record, checksums that hold.
struct Builder {
    size: usize,
    sectors: u64,
    entry_size: u32,
    count: u32,
    /// First and last sector of each partition.
    partitions: Vec<(u64, u64)>,
    revision: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            size: 512,
            sectors: 400,
            entry_size: 128,
            count: 8,
            partitions: vec![(50, 59), (60, 99)],
            revision: 0x0001_0000,
        }
    }
}

impl Builder {
    fn array(&self) -> Vec<u8> {
        let mut array = vec![0; (self.entry_size * self.count) as usize];
        for (index, (first, last)) in self.partitions.iter().enumerate() {
            let entry = &mut array[index * self.entry_size as usize..];
            entry[0] = 0xAA;
            entry[16] = u8::try_from(index + 1).expect("few partitions");
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&last.to_le_bytes());
        }
        array
    }

    fn header(&self, own: u64, other: u64, array: u64) -> Vec<u8> {
        let mut header = vec![0; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&self.revision.to_le_bytes());
        header[12..16].copy_from_slice(&92_u32.to_le_bytes());
        for (at, value) in [(24, own), (32, other), (40, 34), (48, self.sectors - 34), (72, array)] {
            header[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        header[56..72].copy_from_slice(&[7; 16]);
        header[80..84].copy_from_slice(&self.count.to_le_bytes());
        header[84..88].copy_from_slice(&self.entry_size.to_le_bytes());
        header[88..92].copy_from_slice(&crc32(&self.array()).to_le_bytes());
        let sum = crc32(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        header
    }

    fn disk(&self) -> Vec<u8> {
        let mut disk = vec![0; self.sectors as usize * self.size];
        let last = self.sectors - 1;
        disk[450] = 0xEE;
        disk[454..462].copy_from_slice(&[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        disk[510..512].copy_from_slice(&[0x55, 0xAA]);
        for (own, other, array) in [(1, last, 2), (last, 1, self.sectors - 33)] {
            let header = self.header(own, other, array);
            disk[own as usize * self.size..][..92].copy_from_slice(&header);
            let entries = self.array();
            disk[array as usize * self.size..][..entries.len()].copy_from_slice(&entries);
        }
        disk
    }
}

fn read(disk: Vec<u8>) -> VolumeTable {
    VolumeTable::read(Arc::new(Memory::new(disk))).expect("a table")
}

fn rows(table: &VolumeTable) -> Vec<(u32, u64, u64)> {
    let unit = table.sector_size;
    table.volumes.iter().map(|v| (v.number, v.range.start() / unit, v.range.len() / unit)).collect()
}

const ROWS: [(u32, u64, u64); 2] = [(1, 50, 10), (2, 60, 40)];

#[test]
fn checksum_of_the_standard_text() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn guids_are_mixed_endian() {
    let bytes = [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
    let text = vminspect_bytes::Guid(bytes).to_string();
    assert_eq!(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert_eq!(types::name(&text), Some("EFI system"));
}

#[test]
fn every_sector_size() {
    for size in [512, 1024, 2048, 4096] {
        let table = read(Builder { size, ..Builder::default() }.disk());
        assert_eq!((table.scheme, table.sector_size), ("gpt", size as u64));
        assert_eq!(rows(&table), ROWS);
        assert!(table.problems.is_empty(), "{size}: {:?}", table.problems);
    }
}

#[test]
fn larger_entries() {
    for entry_size in [136, 256, 512, 1024] {
        let table = read(Builder { entry_size, ..Builder::default() }.disk());
        assert_eq!(rows(&table), ROWS, "{entry_size}");
        assert!(table.problems.is_empty());
    }
}

#[test]
fn the_backup_is_used_when_the_primary_is_damaged() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        |disk| disk[512 + 56] ^= 1,
        |disk| disk[512..1024].fill(0),
        |disk| disk[1024 + 32] ^= 1,
        |disk| disk[512 + 84] = 0,
        |disk| disk[512 + 72..512 + 80].fill(0xFF),
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let mut disk = Builder::default().disk();
        damage(&mut disk);
        let table = read(disk);
        assert_eq!(rows(&table), ROWS, "{index}");
        assert_eq!(table.problems.len(), 1, "{index}: {:?}", table.problems);
        assert_eq!(table.problems[0].family(), Family::Corrupt);
    }
}

#[test]
fn a_damaged_backup_is_told() {
    let builder = Builder::default();
    let last = builder.sectors as usize * 512 - 512;
    for at in [last, last + 60, (builder.sectors as usize - 33) * 512 + 40] {
        let mut disk = builder.disk();
        disk[at] ^= 1;
        let table = read(disk);
        assert_eq!(rows(&table), ROWS);
        assert_eq!(table.problems.len(), 1, "{:?}", table.problems);
        assert_eq!(table.problems[0].structure(), "backup GPT");
    }
}

#[test]
fn a_backup_with_other_partitions_is_told() {
    let mut disk = Builder::default().disk();
    let other = Builder { partitions: vec![(70, 80)], ..Builder::default() }.disk();
    let from = disk.len() - 33 * 512;
    disk[from..].copy_from_slice(&other[from..]);
    let table = read(disk);
    assert_eq!(rows(&table), ROWS);
    assert_eq!(table.problems[0].structure(), "backup GPT");
}

#[test]
fn both_damaged_leaves_what_makes_sense() {
    let mut disk = Builder::default().disk();
    let last = disk.len() - 512;
    disk[512 + 57] ^= 1;
    disk[last + 57] ^= 1;
    let table = read(disk.clone());
    assert_eq!(rows(&table), ROWS);
    assert_eq!(table.problems.len(), 2);
    disk[512..1024].fill(0);
    disk[last..].fill(0);
    let Err(error) = VolumeTable::read(Arc::new(Memory::new(disk))) else { panic!("nothing is left") };
    assert_eq!(error.family(), Family::Corrupt);
}

#[test]
fn a_header_in_the_last_sector_of_an_enlarged_disk_is_found_by_its_address() {
    let mut disk = Builder::default().disk();
    disk.resize(disk.len() * 2, 0);
    assert!(read(disk.clone()).problems.is_empty());
    disk[1024 + 32] ^= 1;
    let table = read(disk);
    assert_eq!(rows(&table), ROWS, "from the backup, where the primary says it is");
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn a_truncated_disk_keeps_its_partitions() {
    let mut disk = Builder::default().disk();
    disk.truncate(80 * 512);
    let table = read(disk);
    assert_eq!(rows(&table), ROWS, "as recorded");
    assert_eq!(table.volumes[1].bytes.len(), 20 * 512, "as far as the disk has it");
    assert_eq!(table.problems.len(), 2, "{:?}", table.problems);
}

#[test]
fn entries_that_make_no_sense_are_told_and_the_next_is_read() {
    let partitions =
        vec![(60, 50), (50, 59), (55, 80), (10, 12), (u64::MAX, u64::MAX), (100, u64::MAX), (90, 90)];
    let table = read(Builder { partitions, ..Builder::default() }.disk());
    assert_eq!(rows(&table), [(4, 10, 3), (2, 50, 10), (3, 55, 26), (7, 90, 1)]);
    assert_eq!(table.problems.len(), 5, "{:?}", table.problems);
}

#[test]
fn huge_arrays_are_refused() {
    for (count, entry_size) in [(u32::MAX, 128), (1 << 20, 128), (8, 1 << 30), (8, 64), (8, 132)] {
        let mut builder = Builder::default();
        let array = builder.array();
        builder.partitions.clear();
        let mut disk = builder.disk();
        for own in [512, disk.len() - 512] {
            disk[own + 80..own + 84].copy_from_slice(&u32::to_le_bytes(count));
            disk[own + 84..own + 88].copy_from_slice(&u32::to_le_bytes(entry_size));
            disk[own + 88..own + 92].copy_from_slice(&crc32(&array).to_le_bytes());
            disk[own + 16..own + 20].fill(0);
            let sum = crc32(&disk[own..own + 92]);
            disk[own + 16..own + 20].copy_from_slice(&sum.to_le_bytes());
        }
        assert!(VolumeTable::read(Arc::new(Memory::new(disk))).is_err(), "{count} of {entry_size}");
    }
}

#[test]
fn another_revision_is_unsupported() {
    let disk = Builder { revision: 0x0002_0000, ..Builder::default() }.disk();
    let Err(error) = VolumeTable::read(Arc::new(Memory::new(disk))) else { panic!("revision 2 was read") };
    assert_eq!(error.family(), Family::Unsupported);
}

#[test]
fn without_a_protective_record() {
    let mut disk = Builder::default().disk();
    disk[..512].fill(0);
    let table = read(disk.clone());
    assert_eq!((table.scheme, rows(&table)), ("gpt", ROWS.to_vec()));
    assert_eq!(table.problems.len(), 1);
    let mut with_filesystem = disk.clone();
    with_filesystem[1080..1082].copy_from_slice(&[0x53, 0xEF]);
    with_filesystem[512..1024].fill(0);
    assert_eq!(read(with_filesystem).scheme, "none", "a left-over backup does not count");
    disk[450] = 0x83;
    disk[454..462].copy_from_slice(&[20, 0, 0, 0, 9, 0, 0, 0]);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    assert_eq!(read(disk).scheme, "mbr", "a table with partitions counts");
}

#[test]
fn hybrid_entries_that_differ_are_told() {
    let mut disk = Builder::default().disk();
    for (slot, start, length) in [(1, 50_u32, 10_u32), (2, 60, 41)] {
        let at = 446 + slot * 16;
        disk[at + 4] = 0x83;
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
    }
    let table = read(disk);
    assert_eq!(table.scheme, "gpt");
    assert_eq!(table.volumes[0].flags, ["hybrid_mbr"]);
    assert!(table.volumes[1].flags.is_empty());
    assert_eq!(table.problems.len(), 1);
    assert_eq!(table.problems[0].offset(), Some(446 + 32));
}

#[test]
fn partitions_with_one_guid_are_told() {
    let builder = Builder::default();
    let mut disk = builder.disk();
    for own in [1024, (builder.sectors as usize - 33) * 512] {
        disk[own + 128 + 16] = 1;
    }
    let table = read(disk);
    assert!(
        table.problems.iter().any(|problem| problem.to_string().contains("which an earlier partition has"))
    );
}
