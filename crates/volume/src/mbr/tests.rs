use std::sync::Arc;

use vminspect_bytes::{Family, Memory};

use super::*;

/// Sectors of the disks made here.
const SECTORS: usize = 4096;

/// A disk made of boot records.
struct Disk(Vec<u8>);

/// Type, start and length of an entry.
type Row = (u8, u32, u32);

impl Disk {
    fn new() -> Self {
        Self(vec![0; SECTORS * 512])
    }

    fn record(mut self, sector: usize, rows: &[Row]) -> Self {
        let at = sector * 512;
        for (slot, (kind, start, length)) in rows.iter().enumerate() {
            let entry = at + 446 + slot * 16;
            self.0[entry + 4] = *kind;
            self.0[entry + 8..entry + 12].copy_from_slice(&start.to_le_bytes());
            self.0[entry + 12..entry + 16].copy_from_slice(&length.to_le_bytes());
        }
        self.0[at + 510..at + 512].copy_from_slice(&[0x55, 0xAA]);
        self
    }

    fn patch(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn read(self) -> VolumeTable {
        let table = VolumeTable::read(Arc::new(Memory::new(self.0))).expect("a table");
        assert!(table.problems.iter().all(|problem| problem.offset().is_some()), "{:?}", table.problems);
        table
    }
}

/// Number, first sector and sectors of each volume.
fn rows(table: &VolumeTable) -> Vec<(u32, u64, u64)> {
    let row = |volume: &crate::Volume| (volume.number, volume.range.start() / 512, volume.range.len() / 512);
    table.volumes.iter().map(row).collect()
}

#[test]
fn a_chain_counts_from_its_two_bases() {
    let disk = Disk::new()
        .record(0, &[(0x83, 10, 5), (0x05, 100, 1000)])
        .record(100, &[(0x83, 1, 9), (0x05, 200, 50)])
        .record(300, &[(0x83, 2, 8), (0x05, 40, 50)])
        .record(140, &[(0x83, 3, 7)]);
    let table = disk.read();
    assert_eq!(rows(&table), [(1, 10, 5), (5, 101, 9), (7, 143, 7), (6, 302, 8)]);
    assert!(table.problems.is_empty(), "{:?}", table.problems);
}

#[test]
fn several_extended_partitions_of_every_type() {
    let disk = Disk::new()
        .record(0, &[(0x05, 100, 100), (0x0F, 200, 100), (0x85, 300, 100), (0x83, 1, 1)])
        .record(100, &[(0x83, 1, 9)])
        .record(200, &[(0x83, 1, 9)])
        .record(300, &[(0x83, 1, 9)]);
    assert_eq!(rows(&disk.read()), [(4, 1, 1), (5, 101, 9), (6, 201, 9), (7, 301, 9)]);
}

#[test]
fn loops_end_and_are_told() {
    let to_itself = Disk::new().record(0, &[(0x05, 100, 1000)]).record(100, &[(0x83, 1, 9), (0x05, 0, 50)]);
    let in_a_circle = Disk::new()
        .record(0, &[(0x05, 100, 1000)])
        .record(100, &[(0x83, 1, 9), (0x05, 100, 50)])
        .record(200, &[(0, 0, 0), (0x05, 0, 50)]);
    for disk in [to_itself, in_a_circle] {
        let table = disk.read();
        assert_eq!(rows(&table), [(5, 101, 9)]);
        assert_eq!(table.problems.len(), 1, "{:?}", table.problems);
        assert_eq!(table.problems[0].actual(), Some("a link back to sector 100"));
    }
}

#[test]
fn a_second_link_is_followed_after_the_first_chain() {
    let disk = Disk::new()
        .record(0, &[(0x05, 100, 1000)])
        .record(100, &[(0x05, 100, 50), (0x05, 300, 50)])
        .record(200, &[(0x83, 1, 9), (0x05, 150, 50)])
        .record(250, &[(0x83, 1, 9)])
        .record(400, &[(0x83, 1, 9)]);
    let table = disk.read();
    assert_eq!(rows(&table), [(5, 201, 9), (6, 251, 9), (7, 401, 9)]);
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn a_broken_chain_keeps_what_came_before() {
    let unsigned = Disk::new().record(0, &[(0x05, 100, 1000)]).record(100, &[(0x83, 1, 9), (0x05, 500, 50)]);
    let past_end =
        Disk::new().record(0, &[(0x05, 100, 3996)]).record(100, &[(0x83, 1, 9), (0x05, 1 << 30, 50)]);
    let expected = [Some("the signature 55 AA"), Some("a sector below 3996 of the extended partition")];
    for (disk, expected) in [unsigned, past_end].into_iter().zip(expected) {
        let table = disk.read();
        assert_eq!(rows(&table), [(5, 101, 9)]);
        assert_eq!(table.problems[0].expectation(), expected);
    }
}

/// The third and fourth entries of an extended boot record may be garbage.
#[test]
fn later_entries_count_only_inside_the_link() {
    let disk = Disk::new()
        .record(0, &[(0x05, 100, 1000)])
        .record(100, &[(0x83, 1, 9), (0, 0, 0), (0x83, 20, 9), (0x83, 900, 5000)]);
    assert_eq!(rows(&disk.read()), [(5, 101, 9), (6, 120, 9)]);
}

#[test]
fn partitions_that_make_no_sense_are_told() {
    let disk = Disk::new().record(0, &[(0x83, 10, 100), (0x83, 50, 10), (0x83, 4000, 200), (0x83, 7, 0)]);
    let table = disk.read();
    assert_eq!(rows(&table), [(1, 10, 100), (2, 50, 10), (3, 4000, 200)]);
    let words: Vec<String> = table.problems.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(words[0].contains("type 83 without any sectors"));
    assert!(words[1].contains("partition 3 at byte 478: expected an end within"));
    assert!(words[2].contains("inside partition 1"));
    assert_eq!(table.volumes[2].bytes.len(), 96 * 512, "as far as the disk has it");
}

#[test]
fn a_wrong_boot_indicator_does_not_hide_the_partitions() {
    let disk = Disk::new().record(0, &[(0x83, 10, 100), (0x83, 200, 10)]).patch(446, &[0x42]);
    let table = disk.read();
    assert_eq!(rows(&table), [(1, 10, 100), (2, 200, 10)]);
    assert_eq!(table.problems[0].actual(), Some("42"));
}

/// What a larger unit recognises, 512 does not.
#[test]
fn the_unit_is_what_finds_content() {
    let record = || Disk::new().record(0, &[(0x83, 16, 100)]);
    for (unit, at) in [(512, 16 * 512), (1024, 16 * 1024), (2048, 16 * 2048), (4096, 16 * 4096)] {
        let table = record().patch(at + 1080, &[0x53, 0xEF]).read();
        assert_eq!(table.sector_size, unit as u64);
        assert_eq!(table.volumes[0].range.start(), at as u64);
    }
    assert_eq!(record().read().sector_size, 512);
    let too_long = Disk::new().record(0, &[(0x83, 16, 3000)]).patch(16 * 4096 + 1080, &[0x53, 0xEF]);
    assert_eq!(too_long.read().sector_size, 512, "4096-byte sectors would pass the end");
}

#[test]
fn a_filesystem_in_front_of_a_table_without_partitions() {
    let superblock = |disk: Disk| disk.patch(1080, &[0x53, 0xEF]);
    assert_eq!(superblock(Disk::new().record(0, &[])).read().scheme, "none");
    assert_eq!(superblock(Disk::new().record(0, &[(0x83, 10, 100)])).read().scheme, "mbr");
    assert_eq!(Disk::new().record(0, &[]).read().scheme, "mbr");
    assert_eq!(Disk::new().read().scheme, "none");
    let ntfs = Disk::new().record(0, &[(0x83, 10, 100)]).patch(3, b"NTFS    ");
    assert_eq!(ntfs.read().scheme, "none");
}

#[test]
fn a_disklabel_inside_a_partition_is_told() {
    let magic = 0x8256_4557_u32.to_le_bytes();
    let disk =
        Disk::new().record(0, &[(0xA5, 10, 100)]).patch(11 * 512, &magic).patch(11 * 512 + 132, &magic);
    let table = disk.read();
    assert_eq!((table.problems.len(), table.problems[0].family()), (1, Family::Unsupported));
}

/// A record with a GPT's entry and another, on a disk whose GPT is gone.
#[test]
fn a_hybrid_record_alone_still_has_its_partitions() {
    let table = Disk::new().record(0, &[(0xEE, 1, 9), (0x83, 10, 100)]).read();
    assert_eq!((table.scheme, rows(&table)), ("mbr", vec![(2, 10, 100)]));
    assert_eq!(table.problems.len(), 1);
}

#[test]
fn a_chain_of_thousands_is_bounded() {
    let mut disk = Disk(vec![0; 6000 * 512]).record(0, &[(0x05, 1, 5999)]);
    for sector in 1..5998_u32 {
        disk = disk.record(sector as usize, &[(0, 0, 0), (0x05, sector, 1)]);
    }
    let table = disk.read();
    assert!(table.volumes.is_empty());
    assert!(table.problems.last().expect("a problem").to_string().contains("more than 4096 boot records"));
}
