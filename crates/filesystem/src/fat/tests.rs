use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use vminspect_bytes::{Memory, ReadAt, ReadAtExt};

use super::boot_sector::probe;
use super::geometry::{Geometry, Kind, Root};
use super::layout::{LOWER_BASE, LOWER_EXTENSION};
use super::name::{checksum, first_character, fold, short_name};
use super::volume::{Fat, ROOT};
use crate::{Allocation, FileId, FileSystem, Record, Stream};

fn image(name: &str) -> Vec<u8> {
    let path = format!("{}/../../fixtures/fat/{name}.img.zst", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("a fixture");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).expect("zstd").read_to_end(&mut bytes).expect("sound");
    bytes
}

fn open(bytes: &[u8]) -> Fat {
    Fat::open(Arc::new(Memory::new(bytes.to_vec()))).expect("a filesystem")
}

fn told(fs: &Fat) -> String {
    let mut all: Vec<String> = fs.problems().iter().map(ToString::to_string).collect();
    for record in records(fs).values() {
        all.extend(record.problems.iter().map(ToString::to_string));
        for entry in fs.entries_of(record).into_iter().flatten() {
            all.extend(entry.err().map(|error| error.to_string()));
        }
    }
    all.join("\n")
}

fn records(fs: &Fat) -> BTreeMap<FileId, Record> {
    let scan = fs.scan(None, false);
    let mut records = BTreeMap::new();
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            if let Ok(record) = record {
                records.insert(record.metadata.id, record);
            }
        });
    }
    records
}

fn find(fs: &Fat, path: &str) -> Record {
    let mut id = ROOT;
    for part in path.split('/') {
        let mut entries = fs.entries(id).expect("a directory").flatten();
        id = entries.find(|entry| entry.name == part.as_bytes()).unwrap_or_else(|| panic!("{path}")).id;
    }
    fs.record(id).expect("a record")
}

#[test]
fn short_names_have_their_dots_cases_and_code_page() {
    assert_eq!(short_name(b"README  TXT", 0), "README.TXT");
    assert_eq!(short_name(b"README  TXT", LOWER_BASE), "readme.TXT");
    assert_eq!(short_name(b"README  TXT", LOWER_BASE | LOWER_EXTENSION), "readme.txt");
    assert_eq!(short_name(b"A B        ", 0), "A B");
    assert_eq!(short_name(b"\x05\x80\xFF\xA5    \x9A  ", 0), "σÇ\u{a0}Ñ.Ü");
    assert_eq!(short_name(b"\xE5BC     D  ", 0), "_BC.D");
}

#[test]
fn a_checksum_gives_the_first_character_back() {
    assert_eq!(checksum(b"LONGNA~1TXT"), {
        let mut sum = 0_u8;
        for byte in b"LONGNA~1TXT" {
            sum = ((sum & 1) << 7).wrapping_add(sum >> 1).wrapping_add(*byte);
        }
        sum
    });
    for first in 1..=255_u8 {
        let mut name = *b"?ONGNA~1TXT";
        name[0] = first;
        assert_eq!(first_character(b"\xE5ONGNA~1TXT", checksum(&name)), first);
    }
}

#[test]
fn names_fold_unit_by_unit() {
    assert_eq!(fold("Straße.txt".as_bytes()), "STRAßE.TXT".as_bytes());
    assert_eq!(fold("éΩωÿ".as_bytes()), "ÉΩΩŸ".as_bytes());
    assert_eq!(fold("\u{1F80}\u{1FB3}".as_bytes()), "\u{1F88}\u{1FBC}".as_bytes());
    assert_eq!(fold(b"a\xed\xa0\xbdb"), b"A\xed\xa0\xbdB");
    // Letters beyond the basic plane are two units, which nothing maps.
    assert_eq!(fold("\u{10428}".as_bytes()), "\u{10428}".as_bytes());
}

#[test]
fn tables_are_asked_in_their_order() {
    let mut geometry = Geometry {
        kind: Kind::Fat12,
        sector_size: 512,
        cluster_size: 512,
        clusters: 100,
        fat_start: 512,
        fat_size: 512,
        fat_count: 3,
        active_fat: 0,
        mirrored: true,
        root: Root::Chain(2),
        data_start: 2048,
        size: 1 << 20,
    };
    assert_eq!(geometry.copies().collect::<Vec<_>>(), [0, 1, 2]);
    (geometry.mirrored, geometry.active_fat) = (false, 2);
    assert_eq!(geometry.copies().collect::<Vec<_>>(), [2]);
    assert_eq!(geometry.cluster(1), None);
    assert_eq!(geometry.cluster(102), None);
    assert_eq!(geometry.cluster(101).map(|cluster| geometry.offset(cluster)), Some(2048 + 99 * 512));
}

#[test]
fn boot_sectors_of_others_are_not_claimed() {
    let sound = image("fat32-small");
    let is_fat = |bytes: &[u8]| probe(&Memory::new(bytes.to_vec())).expect("readable");
    assert!(is_fat(&sound));
    for (at, value) in [
        (3, &b"NTFS    "[..]),
        (3, b"EXFAT   "),
        (3, b"-FVE-FS-"),
        (82, b"HPFS    "),
        (11, b"\x03\x02"),
        (13, b"\x03"),
        (14, b"\0\0"),
        (16, b"\0"),
        (21, b"\x11"),
        (32, b"\x10\0\0\0"),
    ] {
        let mut bytes = sound.clone();
        // No backup, so that only the sector itself counts.
        bytes[6 * 512..7 * 512].fill(0);
        bytes[at..at + value.len()].copy_from_slice(value);
        assert!(!is_fat(&bytes), "{at}: {value:?}");
    }
    // Another filesystem that was made over an old FAT32 and left its backup alone.
    let mut other = sound.clone();
    other[..512].fill(0);
    other[512..520].copy_from_slice(b"LABELONE");
    assert!(!is_fat(&other));
    let mut other = sound.clone();
    for (index, byte) in other[..512].iter_mut().enumerate() {
        *byte = u8::try_from(index * 7 % 251).expect("small");
    }
    assert!(!is_fat(&other));
    assert!(!is_fat(&sound[..511]));
}

#[test]
fn a_missing_signature_is_told() {
    let mut bytes = image("fat12");
    bytes[510..512].fill(0);
    assert!(told(&open(&bytes)).contains("expected the signature 0x55aa"));
    bytes[54..62].fill(b' ');
    assert!(!probe(&Memory::new(bytes)).expect("readable"));
}

#[test]
fn a_damaged_boot_sector_of_fat32_is_replaced() {
    let sound = image("fat32-small");
    let before = records(&open(&sound));
    let mut bytes = sound;
    bytes[13] = 3;
    let fs = open(&bytes);
    assert!(told(&fs).contains("the backup at byte 3072 is used"));
    let after = records(&fs);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
}

#[test]
fn how_a_volume_was_left_is_told() {
    let mut bytes = image("fat16");
    let start = usize::try_from(open(&bytes).boot.geometry.fat_start).expect("small");
    bytes[start + 3] = 0x3F;
    bytes[0x25] = 1;
    let fs = open(&bytes);
    assert_eq!(fs.identity().features, ["dirty", "hard_errors"]);
    assert!(told(&fs).contains("none, in the table and the boot sector"));
    assert!(told(&fs).contains("the mark of some"));
}

/// Sets an entry of one table of FAT16.
fn link(bytes: &mut [u8], copy: u8, cluster: u32, value: u16) {
    let at = {
        let fs = open(bytes);
        let geometry = &fs.boot.geometry;
        geometry.fat_offset(copy) + geometry.kind.entry_offset(cluster)
    };
    let at = usize::try_from(at).expect("small");
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn damaged_chains_fall_back_to_the_other_table_or_lose_their_rest() {
    let mut bytes = image("fat16");
    let fs = open(&bytes);
    let record = find(&fs, "sizes/SIZE5127");
    let content = fs.open_record(&record, Stream::Data).expect("content").read_all(1 << 20).expect("bytes");
    let mut first = [0; 2];
    fs.view.read_exact_at(record.place.start() + 26, &mut first).expect("a slot");
    let first = u32::from(u16::from_le_bytes(first));
    for value in [0, 1, 0xFFF7, 0xFFFF, 60_000, u16::try_from(first).expect("16 bits")] {
        link(&mut bytes, 0, first + 2, value);
        let fs = open(&bytes);
        let same = fs.record(record.metadata.id).expect("a record");
        let text = same.problems.iter().map(ToString::to_string).collect::<String>();
        assert!(text.contains("table 2 is used for it"), "{value:#x}: {text}");
        assert!(told(&fs).contains("file allocation table 2"), "{value:#x}");
        let again = fs.open_record(&same, Stream::Data).expect("content").read_all(1 << 20).expect("bytes");
        assert!(again == content, "{value:#x}");

        let mut both = bytes.clone();
        link(&mut both, 1, first + 2, value);
        let fs = open(&both);
        let cut = fs.record(record.metadata.id).expect("a record");
        assert_eq!(cut.problems.len(), 1, "{:?}", cut.problems);
        let rest = fs.open_record(&cut, Stream::Data).expect("content");
        assert_eq!(rest.read_vec(0, 3 * 1024).expect("the start"), content[..3 * 1024]);
        assert!(rest.read_vec(3 * 1024, 1).is_err());
    }
}

#[test]
fn a_directory_that_holds_itself_ends() {
    let mut bytes = image("fat16");
    let fs = open(&bytes);
    let (deep, inner) = (find(&fs, "deep"), find(&fs, "deep/a/b"));
    let (from, to) = (deep.place.start() + 26, inner.place.start() + 26);
    let (from, to) = (usize::try_from(from).expect("small"), usize::try_from(to).expect("small"));
    let first = [bytes[from], bytes[from + 1]];
    bytes[to..to + 2].copy_from_slice(&first);
    let fs = open(&bytes);
    let inner = find(&fs, "deep/a/b");
    let entries: Vec<_> = fs.entries_of(&inner).expect("a directory").collect();
    assert_eq!(entries.len(), 1);
    assert!(told(&fs).contains("another directory's"));
}

#[test]
fn long_names_without_their_short_ones_are_told() {
    let mut bytes = image("fat16");
    let fs = open(&bytes);
    let place = usize::try_from(find(&fs, "names/trailing-tilde~").place.start()).expect("small");
    bytes[place - 32 + 13] ^= 0xFF;
    let fs = open(&bytes);
    assert!(
        told(&fs).contains("expected the part of a long name")
            || told(&fs).contains("the short name of a long one")
    );
    let names: Vec<_> = fs.entries(find(&fs, "names").metadata.id).expect("entries").flatten().collect();
    assert!(names.iter().any(|entry| entry.name == b"TRAILI~1" || entry.name.starts_with(b"TRAIL")));
}

#[test]
fn deleted_files_tell_how_much_of_them_is_in_use() {
    let fs = open(&image("fat16"));
    let mut problems = Vec::new();
    let scan = fs.scan(None, true);
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let record = record.expect("readable");
            if record.metadata.allocation == Allocation::Deleted {
                problems.extend(record.problems.iter().map(ToString::to_string));
            }
        });
    }
    assert!(problems.iter().any(|problem| problem.contains("in use, with")), "{problems:?}");
}

/// The promise that a comparison of two disks rests on: where a record's place and all it depends on hold
/// the same bytes under one layout, the record is the same.
#[test]
fn equal_bytes_at_equal_places_are_equal_records() {
    for name in ["fat12", "fat16", "fat32-small"] {
        let sound = image(name);
        let fs = open(&sound);
        let (key, before) = (fs.layout_key(), records(&fs));
        let used: Vec<usize> = sound
            .chunks(16)
            .enumerate()
            .filter(|(_, piece)| piece.iter().any(|byte| *byte != 0))
            .map(|(index, _)| index * 16)
            .collect();
        let mut random = 0x1234_5678_9ABC_DEF1_u64;
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % u64::try_from(limit).expect("small")).expect("small")
        };
        let mut compared = 0;
        for _ in 0..150 {
            let mut bytes = sound.clone();
            for _ in 0..3 {
                let among = if below(2) == 0 { used.len().min(256) } else { used.len() };
                let at = used[below(among)] + below(16);
                bytes[at] = [0, 0xFF, 0xE5, 3, 9][below(5)];
            }
            let Ok(changed) = Fat::open(Arc::new(Memory::new(bytes.clone()))) else { continue };
            if changed.layout_key() != key {
                continue;
            }
            for (id, record) in records(&changed) {
                let Some(old) = before.get(&id) else { continue };
                let same = std::iter::once(&old.place).chain(&old.depends).all(|range| {
                    let range = usize::try_from(range.start()).expect("small")
                        ..usize::try_from(range.end()).expect("small");
                    bytes[range.clone()] == sound[range]
                });
                if same {
                    compared += 1;
                    assert_eq!(old.metadata, record.metadata, "{name}");
                    assert_eq!((&old.content, &old.depends), (&record.content, &record.depends), "{name}");
                    assert_eq!(old.problems.len(), record.problems.len(), "{name}");
                }
            }
        }
        assert!(compared > 1000, "{name}: {compared}");
    }
}

#[test]
fn a_directory_that_ends_within_a_long_name_ends() {
    let mut bytes = image("fat12");
    let fs = open(&bytes);
    let Root::Area(area) = fs.boot.geometry.root else { panic!("FAT12") };
    let (start, end) =
        (usize::try_from(area.start()).expect("small"), usize::try_from(area.end()).expect("small"));
    for slot in bytes[start..end].chunks_exact_mut(32) {
        slot.fill(b'A');
        slot[11] = super::layout::ATTR_LONG_NAME;
    }
    let fs = open(&bytes);
    assert!(fs.entries(ROOT).expect("entries").count() < 10_000);
    assert_eq!(fs.deleted_entries(ROOT).expect("entries").count(), 0);
}
