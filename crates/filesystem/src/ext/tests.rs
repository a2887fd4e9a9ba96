use std::io::Read;
use std::sync::Arc;

use vminspect_bytes::{ByteRange, Memory, Resolution};

use super::checksum::{crc16, crc32c, crc32c_with_hole};
use super::features::Features;
use super::inode::Inode;
use super::superblock::InodeNumber;
use super::volume::Ext;
use super::xattr::{Attribute, Attributes, Value, hash_fits, words};
use crate::{Allocation, Content, FileId, FileKind, FileSystem, Place};

fn image(name: &str) -> Vec<u8> {
    let path = format!("{}/../../fixtures/ext/{name}.img.zst", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("a fixture");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).expect("zstd").read_to_end(&mut bytes).expect("sound");
    bytes
}

fn open(bytes: Vec<u8>) -> Ext {
    Ext::open(Arc::new(Memory::new(bytes))).expect("a filesystem")
}

#[test]
fn checksums_are_those_of_their_definitions() {
    assert_eq!(!crc32c(u32::MAX, b"123456789"), 0xE306_9283);
    assert_eq!(crc16(0, b"123456789"), 0xBB3D);
    let with_zeros = crc32c(7, b"abcd\0\0\0\0efgh");
    assert_eq!(crc32c_with_hole(7, b"abcdXXXXefgh", 4, 4), with_zeros);
}

#[test]
fn features_have_their_customary_names() {
    let features = Features { compat: 0x4, incompat: 0x8000_0242, ro_compat: 0x400 };
    assert_eq!(
        features.names(),
        ["has_journal", "filetype", "extent", "flex_bg", "FEATURE_I31", "metadata_csum"]
    );
    assert_eq!(features.unreadable(), ["FEATURE_I31"]);
    assert_eq!(features.format(), "ext4");
    assert_eq!(Features { compat: 4, incompat: 2, ro_compat: 3 }.format(), "ext3");
    assert_eq!(Features { compat: 0, incompat: 2, ro_compat: 3 }.format(), "ext2");
}

#[test]
fn unknown_incompatible_features_are_refused_by_name() {
    let mut bytes = image("ext2-1k");
    bytes[1024 + 0x63] |= 0x80;
    let error = Ext::open(Arc::new(Memory::new(bytes))).err().expect("refused");
    assert!(error.to_string().contains("FEATURE_I31"), "{error}");
}

/// An inode of 160 bytes with all extra fields.
fn inode_with(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; 160];
    bytes[0..2].copy_from_slice(&0x81A4_u16.to_le_bytes());
    bytes[26] = 1;
    bytes[128] = 32;
    change(&mut bytes);
    bytes
}

fn modified(seconds: u32, extra: u32) -> (i64, u32, Resolution) {
    let fs = open(image("ext4-4k"));
    let bytes = inode_with(|bytes| {
        bytes[16..20].copy_from_slice(&seconds.to_le_bytes());
        bytes[0x88..0x8C].copy_from_slice(&extra.to_le_bytes());
    });
    let number = InodeNumber::new(12).expect("a number");
    let inode = Inode::new(number, &bytes, ByteRange::at(0, 160)).expect("an inode");
    let time = inode.metadata(&fs.superblock, Allocation::Allocated).times.modified.expect("a time");
    (time.seconds(), time.nanoseconds(), time.resolution())
}

#[test]
fn times_have_34_bits_and_a_sign() {
    assert_eq!(modified(0x7FFF_FFFF, 0), (0x7FFF_FFFF, 0, Resolution::Nanosecond));
    assert_eq!(modified(0xFFFF_FFFF, 0), (-1, 0, Resolution::Nanosecond));
    assert_eq!(modified(0x8000_0000, 1), (0x8000_0000, 0, Resolution::Nanosecond));
    assert_eq!(
        modified(0x7FFF_FFFF, 3 | 999_999_999 << 2),
        (0x3_7FFF_FFFF, 999_999_999, Resolution::Nanosecond)
    );
}

#[test]
fn hashes_of_attributes_allow_for_both_signs() {
    let attribute = |hash| Attribute { index: 1, name: b"n\xE9", value: Value::Here(b"value"), hash };
    let unsigned = ((u32::from(b'n').rotate_left(5)) ^ 0xE9).rotate_left(16) ^ u32::from_le_bytes(*b"valu");
    let unsigned = unsigned.rotate_left(16) ^ u32::from(b'e');
    assert!(hash_fits(&attribute(unsigned), &words(b"value")));
    assert!(!hash_fits(&attribute(unsigned ^ 1), &words(b"value")));
}

#[test]
fn an_attribute_that_leaves_its_area_ends_the_list() {
    let mut block = vec![0; 1024];
    block[0..4].copy_from_slice(&0xEA02_0000_u32.to_le_bytes());
    block[8] = 1;
    block[32..36].copy_from_slice(&[1, 1, 0xF0, 0x03]);
    block[40] = 200;
    block[48] = b'a';
    let list = Attributes::in_block(&block, 0).expect("a block");
    let found: Vec<_> = list.iter().collect();
    assert_eq!(found.len(), 1);
    let error = found[0].as_ref().expect_err("the value passes the end");
    assert_eq!(error.offset(), Some(32));
}

/// Deletes a file of the root directory as the kernel of ext2 does: the entry before it takes its room, the
/// inode keeps its map and gets a time of deletion.
#[test]
fn deleted_files_and_names_are_found() {
    let bytes = image("ext2-1k");
    let fs = open(bytes.clone());
    let root = fs.record(fs.root()).expect("the root");
    let Content::Runs(runs) = &root.content else { panic!("runs") };
    let Place::Volume(block) = runs[0].place else { panic!("a place") };
    let mut at = usize::try_from(block).expect("small") + 12;
    let length = |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]));
    let victim = fs
        .entries(fs.root())
        .expect("entries")
        .flatten()
        .find(|entry| entry.kind == Some(FileKind::Regular))
        .expect("a file");
    let mut changed = bytes;
    loop {
        let next = at + length(&changed, at);
        let inode =
            u32::from_le_bytes([changed[next], changed[next + 1], changed[next + 2], changed[next + 3]]);
        if u64::from(inode) == victim.id.0 {
            let joined = u16::try_from(length(&changed, at) + length(&changed, next)).expect("small");
            changed[at + 4..at + 6].copy_from_slice(&joined.to_le_bytes());
            break;
        }
        at = next;
    }
    let record = fs.record(victim.id).expect("the file");
    let place = usize::try_from(record.place.start()).expect("small");
    changed[place + 20..place + 24].copy_from_slice(&1_700_000_000_u32.to_le_bytes());
    changed[place + 26..place + 28].fill(0);

    let fs = open(changed);
    assert!(fs.entries(fs.root()).expect("entries").flatten().all(|entry| entry.id != victim.id));
    let gone: Vec<_> = fs.deleted_entries(fs.root()).expect("entries").flatten().collect();
    assert!(gone.contains(&victim), "{gone:?}");
    for (deleted, expected) in [(false, 0), (true, 1)] {
        let scan = fs.scan(None, deleted);
        let mut found = Vec::new();
        for unit in &scan.units {
            (scan.visit)(unit, &mut |record| {
                found.extend(record.ok().filter(|record| record.metadata.id == victim.id));
            });
        }
        assert_eq!(found.len(), expected);
        for record in found {
            assert_eq!(record.metadata.allocation, Allocation::Deleted);
            assert_eq!(record.metadata.times.deleted.expect("a time").seconds(), 1_700_000_000);
        }
    }
}

#[test]
fn names_that_no_file_can_have_are_kept_and_told() {
    let mut bytes = image("ext2-1k");
    let fs = open(bytes.clone());
    let root = fs.record(fs.root()).expect("the root");
    let Content::Runs(runs) = &root.content else { panic!("runs") };
    let Place::Volume(block) = runs[0].place else { panic!("a place") };
    // The third entry follows `.` and `..`.
    let at = usize::try_from(block).expect("small") + 24;
    bytes[at + 8] = b'/';
    let fs = open(bytes);
    let (sound, wrong): (Vec<_>, Vec<_>) = fs.entries(fs.root()).expect("entries").partition(Result::is_ok);
    assert_eq!(wrong.len(), 1);
    assert!(sound.into_iter().flatten().any(|entry| entry.name.starts_with(b"/")));
}

#[test]
fn a_map_that_refers_to_itself_ends() {
    let mut bytes = image("ext2-1k");
    let fs = open(bytes.clone());
    let record = fs.record(FileId(11)).expect("lost+found");
    let place = usize::try_from(record.place.start()).expect("small");
    let first =
        u32::from_le_bytes([bytes[place + 40], bytes[place + 41], bytes[place + 42], bytes[place + 43]]);
    // A regular file of the largest size whose triple indirect block is a block that names itself.
    bytes[place..place + 2].copy_from_slice(&0x81A4_u16.to_le_bytes());
    bytes[place + 4..place + 8].fill(0xFF);
    bytes[place + 108..place + 112].copy_from_slice(&3_u32.to_le_bytes());
    bytes[place + 96..place + 100].copy_from_slice(&first.to_le_bytes());
    let block = usize::try_from(first).expect("small") * 1024;
    for word in bytes[block..block + 1024].chunks_exact_mut(4) {
        word.copy_from_slice(&first.to_le_bytes());
    }
    let fs = open(bytes);
    let record = fs.record(FileId(11)).expect("a record");
    assert!(!record.problems.is_empty() && record.problems.len() <= 32, "{:?}", record.problems);
}

/// The metadata of everything that a scan finds, and the errors it meets.
fn scanned(fs: &Ext) -> (Vec<crate::Metadata>, Vec<crate::Error>) {
    let scan = fs.scan(None, false);
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| match record {
            Ok(record) => found.push(record.metadata),
            Err(error) => errors.push(error),
        });
    }
    errors.extend(scan.problems);
    (found, errors)
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn seal_superblock(bytes: &mut [u8]) {
    let sum = crc32c(u32::MAX, &bytes[1024..2044]);
    put(bytes, 2044, sum);
}

fn tells(problems: &[crate::Error], words: &str) -> bool {
    problems.iter().any(|problem| problem.to_string().contains(words))
}

#[test]
fn a_journal_is_replayed_though_only_a_backup_of_the_superblock_is_left() {
    let mut bytes = image("dirty-ext4-fast");
    let (expected, _) = scanned(&open(bytes.clone()));
    bytes[1024 + 0x38] ^= 0xFF;
    let fs = open(bytes);
    assert!(tells(&fs.problems(), "was read instead"), "{:?}", fs.problems());
    assert_eq!(scanned(&fs).0, expected);
}

#[test]
fn fields_of_features_that_are_off_hide_no_file() {
    let mut bytes = image("ext2-1k");
    let fs = open(bytes.clone());
    let entries = fs.entries(fs.root()).expect("entries");
    let victim = entries.flatten().find(|entry| entry.kind == Some(FileKind::Regular)).expect("a file");
    let place = fs.record(victim.id).expect("a record").place.start();
    // s_prj_quota_inum without `quota`, EXT4_EA_INODE_FL without `ea_inode`.
    put(&mut bytes, 1024 + 0x26C, u32::try_from(victim.id.0).expect("small"));
    bytes[usize::try_from(place).expect("small") + 0x22] |= 0x20;
    let fs = open(bytes);
    assert!(!fs.is_internal(&fs.record(victim.id).expect("a record")));
}

#[test]
fn an_unusual_first_inode_is_told() {
    let mut bytes = image("ext2-1k");
    assert!(!tells(&open(bytes.clone()).problems(), "s_first_ino"));
    put(&mut bytes, 1024 + 0x54, 2000);
    assert!(tells(&open(bytes).problems(), "s_first_ino"));
}

#[test]
fn an_inode_table_is_read_for_one_group_only() {
    let mut bytes = image("ext2-1k");
    // The third group claims the table of the second, which lies where it should.
    let descriptor = |group: usize| 2048 + group * 32 + 8;
    bytes.copy_within(descriptor(1)..descriptor(1) + 4, descriptor(2));
    let (expected, _) = scanned(&open(image("ext2-1k")));
    let fs = open(bytes.clone());
    assert!(tells(&fs.problems(), "that overlap others, the first that of group 2"), "{:?}", fs.problems());
    let in_groups = |groups: std::ops::Range<u64>| {
        let ids = groups.start * 1704 + 1..groups.end * 1704 + 1;
        expected.iter().copied().filter(|metadata| ids.contains(&metadata.id.0)).collect::<Vec<_>>()
    };
    assert_eq!(scanned(&fs).0, in_groups(0..2));
    // The first group claims the table of the third.
    let mut bytes = image("ext2-1k");
    bytes.copy_within(descriptor(2)..descriptor(2) + 4, descriptor(1));
    assert!(tells(&open(bytes).problems(), "that of group 1"));
}

#[test]
fn inode_tables_past_the_end_of_the_volume_are_told_once() {
    let mut bytes = image("ext2-1k");
    // Before the third group.
    bytes.truncate(16385 * 1024);
    let fs = open(bytes);
    let (found, errors) = scanned(&fs);
    assert!(!found.is_empty());
    let of_tables = errors.iter().filter(|error| error.to_string().contains("inode table")).count();
    assert_eq!(of_tables, 1, "{errors:?}");
}

#[test]
fn an_inline_file_that_grew_by_its_size_alone_ends_in_a_hole() {
    let mut bytes = image("ext4-inline");
    // Without checksums an inode can be changed.
    bytes[1024 + 0x65] &= !0x04;
    let fs = open(bytes.clone());
    let mut records = Vec::new();
    let scan = fs.scan(None, false);
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| records.extend(record.ok()));
    }
    let record = records
        .into_iter()
        .find(|record| {
            let regular = record.metadata.kind == FileKind::Regular && record.metadata.size > 0;
            regular && matches!(record.content, Content::Inline(_))
        })
        .expect("an inline file");
    let read = |fs: &Ext| {
        let content = fs.open(record.metadata.id, crate::Stream::Data).expect("content");
        vminspect_bytes::ReadAtExt::read_all(&content, 1 << 20)
    };
    let before = read(&fs).expect("bytes");
    let place = usize::try_from(record.place.start()).expect("small");
    put(&mut bytes, place + 4, 5000);
    let fs = open(bytes);
    let grown = read(&fs).expect("bytes");
    assert_eq!(fs.record(record.metadata.id).expect("a record").problems.len(), 0);
    assert_eq!(grown.len(), 5000);
    assert_eq!(grown[..before.len()], before);
    assert!(grown[before.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn inodes_have_checksums_on_linux_alone() {
    let mut bytes = image("ext4-4k");
    let place = usize::try_from(open(bytes.clone()).record(FileId(2)).expect("the root").place.start());
    bytes[place.expect("small") + 0x7C] ^= 0xFF;
    assert_eq!(open(bytes.clone()).record(FileId(2)).expect("the root").problems.len(), 1);
    put(&mut bytes, 1024 + 0x48, 3);
    seal_superblock(&mut bytes);
    assert_eq!(open(bytes).record(FileId(2)).expect("the root").problems.len(), 0);
}

#[test]
fn the_layout_does_not_depend_on_whether_the_filesystem_is_mounted() {
    let mut bytes = image("ext4-4k");
    let key = open(bytes.clone()).layout_key();
    // `orphan_present` and `needs_recovery`, with an empty journal.
    bytes[1024 + 0x66] |= 0x01;
    bytes[1024 + 0x60] |= 0x04;
    seal_superblock(&mut bytes);
    assert_eq!(open(bytes.clone()).layout_key(), key);
    // Another seed gives another key.
    bytes[1024 + 0x68] ^= 1;
    seal_superblock(&mut bytes);
    assert_ne!(open(bytes).layout_key(), key);
}

#[test]
fn orphans_depend_on_what_names_them() {
    for name in ["dirty-ext4-orphan-file", "dirty-ext4-orphans"] {
        let fs = open(image(name));
        let orphans: Vec<_> =
            scanned(&fs).0.into_iter().filter(|found| found.allocation == Allocation::Orphan).collect();
        assert!(orphans.len() > 1, "{name}");
        for orphan in orphans {
            let number = u32::try_from(orphan.id.0).expect("small").to_le_bytes();
            let record = fs.record(orphan.id).expect("a record");
            let named = record.depends.iter().any(|range| {
                let length = usize::try_from(range.len()).expect("small");
                let bytes = vminspect_bytes::ReadAtExt::read_vec(&fs.view, range.start(), length);
                bytes.expect("bytes").chunks_exact(4).any(|word| word == number)
            });
            assert!(named, "{name}: inode {} in {:?}", orphan.id.0, record.depends);
        }
    }
}

#[test]
fn an_attribute_block_that_cannot_be_read_is_depended_on() {
    let mut bytes = image("ext2-1k");
    let place = open(bytes.clone()).record(FileId(11)).expect("lost+found").place.start();
    put(&mut bytes, usize::try_from(place).expect("small") + 0x68, 30_000);
    let record = open(bytes).record(FileId(11)).expect("a record");
    assert!(!record.problems.is_empty());
    assert!(record.depends.contains(&ByteRange::at(30_000 * 1024, 1024)), "{:?}", record.depends);
}
