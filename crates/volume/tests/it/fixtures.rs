use std::sync::Arc;

use vminspect_bytes::Memory;
use vminspect_volume::{VolumeTable, identify};

use crate::sectors::{NAMES, disk, path};
use crate::sfdisk::{ours, theirs};

fn table(name: &str) -> VolumeTable {
    VolumeTable::read(Arc::new(Memory::new(disk(name)))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn tables_are_as_sfdisk_prints_them() {
    let mut compared = 0;
    for name in NAMES {
        let Ok(json) = std::fs::read_to_string(path(&format!("{name}.json"))) else { continue };
        let table = table(name);
        assert_eq!(ours(&table), theirs(&json), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 10);
}

#[test]
fn sound_tables_have_no_problems() {
    for name in NAMES {
        let table = table(name);
        assert!(table.problems.is_empty(), "{name}: {:?}", table.problems);
    }
}

#[test]
fn every_fixture_is_listed() {
    let mut files: Vec<String> = std::fs::read_dir(path("."))
        .expect("the directory of fixtures")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .filter_map(|name| name.strip_suffix(".sectors").map(str::to_owned))
        .collect();
    files.sort();
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn names_flags_and_kinds() {
    let table = table("gpt");
    let [efi, root, swap] = table.volumes.as_slice() else { panic!("three volumes") };
    assert_eq!(efi.kind_name, Some("EFI system"));
    assert_eq!(root.name.as_deref(), Some("größe 日本"));
    assert_eq!(root.flags, ["legacy_boot", "read_only", "no_automount"]);
    assert_eq!(swap.flags, ["required", "no_block_io", "attribute_50"]);
    assert_eq!((swap.kind_name, &swap.name), (Some("Linux swap"), &None));
}

#[test]
fn partuuids_are_spelled_as_linux_does() {
    let uuids: Vec<_> =
        table("mbr").volumes.iter().map(|volume| volume.uuid.clone().expect("a UUID")).collect();
    let expected = ["01", "02", "05", "06", "07", "04"].map(|number| format!("12ab34cd-{number}"));
    assert_eq!(uuids, expected, "by position on the disk");
    assert_eq!(table("gpt").volumes[0].uuid.as_deref(), Some("00000002-1111-4222-8333-444444444444"));
}

#[test]
fn a_hybrid_record_marks_its_partitions() {
    let flags: Vec<_> = table("gpt-hybrid").volumes.iter().map(|volume| volume.flags.concat()).collect();
    assert_eq!(flags, ["hybrid_mbr", "", "hybrid_mbr"]);
}

#[test]
fn filesystems_straight_on_the_disk() {
    for (name, content) in [("fat", "vfat"), ("ext-boot", "ext")] {
        let table = table(name);
        assert_eq!((table.scheme, table.volumes.len()), ("none", 1), "{name}");
        assert_eq!(identify(&*table.volumes[0].bytes).expect("readable").expect("known").name, content);
    }
}
