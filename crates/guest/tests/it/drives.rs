//! Drive letters of Windows guests, and what is left of them when the registry is damaged.

use vminspect_guest::Guest;

use crate::damage::DiskCopy;
use crate::{open, prefixes, problems, problems_of, text};

fn mbr() -> Guest {
    open("windows_registry/mbr.qcow2")
}

/// Where the hive `SYSTEM` begins on a disk: the one that has the letters.
fn system_hive(disk: &[u8]) -> usize {
    let devices = disk.windows(14).position(|bytes| bytes == b"MountedDevices").expect("the letters");
    disk[..devices].windows(4).rposition(|bytes| bytes == b"regf").expect("a hive")
}

#[test]
fn letters_of_gpt_partitions() {
    let guest = open("windows_registry/gpt.qcow2");
    assert_eq!(prefixes(&guest), ["vol1:", "C:", "D:"]);
    for path in [r"D:\Profiles\carol", r"d:/profiles/CAROL", r"vol3:\Profiles\carol"] {
        assert_eq!(guest.locate(path.as_bytes()).expect(path).volume, 2);
    }
    for path in [r"E:\Profiles", r"F:\", r"G:\EFI", r"H:\"] {
        assert!(guest.locate(path.as_bytes()).is_err(), "{path}");
    }
    assert_eq!(problems(&guest), []);
}

#[test]
fn letters_of_mbr_partitions() {
    let guest = mbr();
    assert_eq!(prefixes(&guest), ["vol1:", "D:", "C:"]);
    assert_eq!(guest.system().and_then(|system| system.directory.as_deref()), Some(r"D:\WINDOWS"));
    for path in [r"C:\data.txt", r"vol3:\data.txt"] {
        assert_eq!(text(&guest, path), "on another drive\r\n");
    }
    // Without a drive, a path is one of the system's.
    for path in [r"\WINDOWS\system32\ntoskrnl.exe", r"D:\windows\System32\NTOSKRNL.EXE"] {
        assert_eq!(text(&guest, path), "MZ", "{path}");
    }
    assert_eq!(problems(&guest), []);
}

#[test]
fn letters_of_another_disk_are_not_those_of_this() {
    let mut copy = DiskCopy::of(&mbr());
    copy.bytes[440] ^= 1;
    let guest = copy.open();
    assert_eq!(prefixes(&guest), ["vol1:", "C:", "vol3:"]);
    assert_eq!(problems(&guest), []);
}

#[test]
fn no_two_volumes_have_one_letter() {
    let mut copy = DiskCopy::of(&mbr());
    let start = system_hive(&copy.bytes);
    let name = br"\DosDevices\D:";
    let at = copy.bytes[start..].windows(name.len()).position(|bytes| bytes == name).expect("a letter");
    copy.bytes[start + at + name.len() - 2] = b'C';
    assert_eq!(prefixes(&copy.open()), ["vol1:", "C:", "vol3:"]);
}

#[test]
fn a_destroyed_hive_leaves_the_usual_letter() {
    let mut copy = DiskCopy::of(&mbr());
    let start = system_hive(&copy.bytes);
    copy.bytes[start..start + 8192].fill(0x5A);
    let guest = copy.open();
    assert_eq!(prefixes(&guest), ["vol1:", "C:", "vol3:"]);
    let place = r"C:\WINDOWS\system32\config\system".to_owned();
    let message = "damaged base block at byte 0: expected regf, found ZZZZ".to_owned();
    assert_eq!(problems(&guest), [(place, "corrupt", message)]);
    let (system, coverage) = guest.describe_system();
    assert_eq!(system.and_then(|system| system.name), Some("Windows 11 Pro".to_owned()));
    assert_eq!(problems_of(&coverage), []);
    assert_eq!(guest.hives().0.len(), 11);
}

/// Counts up the first sequence number, which makes a hive dirty, and sets the checksum anew.
fn make_dirty(base_block: &mut [u8]) {
    base_block[4] += 1;
    let words = base_block[..508]
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
    let checksum = words.fold(0, |sum, word| sum ^ word);
    base_block[508..512].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_dirty_hive_is_read_and_told_to_those_who_ask() {
    let mut copy = DiskCopy::of(&mbr());
    let start = system_hive(&copy.bytes);
    make_dirty(&mut copy.bytes[start..start + 512]);
    let guest = copy.open();
    assert_eq!(prefixes(&guest), ["vol1:", "D:", "C:"]);
    assert_eq!(problems(&guest), []);
    let told = problems_of(&guest.describe_system().1);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), told[0].1), (r"D:\WINDOWS\system32\config\system", "corrupt"));
}

/// Where the letters cannot be read since the hive is damaged, that is told at once.
#[test]
fn letters_that_are_lost_are_told() {
    let mut copy = DiskCopy::of(&mbr());
    let start = system_hive(&copy.bytes);
    let name = b"MountedDevices";
    let at = copy.bytes[start..].windows(name.len()).position(|bytes| bytes == name).expect("the letters");
    copy.bytes[start + at] = b'X';
    copy.bytes[start + 508] ^= 1;
    let guest = copy.open();
    assert_eq!(prefixes(&guest), ["vol1:", "C:", "vol3:"]);
    assert!(guest.coverage().has_failures());
    let mut all = guest.coverage().clone();
    let (before, also) = (all.sorted().len(), guest.describe_system().1);
    all.extend(also);
    assert_eq!(all.sorted().len(), before);
}

/// The name of the hive, in its record and in its directory, is that of no hive.
#[test]
fn a_missing_hive_is_told_to_those_who_ask() {
    let mut copy = DiskCopy::of(&mbr());
    let name: Vec<u8> = "system".bytes().flat_map(|byte| [byte, 0]).collect();
    let places: Vec<usize> = (0..copy.bytes.len() - 14)
        // A name is preceded by its length and its namespace.
        .filter(|at| copy.bytes[*at..].starts_with(&[6, 0]) && copy.bytes[at + 2..].starts_with(&name))
        .collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| copy.bytes[at + 12] = b'n');
    let guest = copy.open();
    assert_eq!(prefixes(&guest), ["vol1:", "C:", "vol3:"]);
    assert_eq!(problems(&guest), []);
    let told = problems_of(&guest.hives().1);
    let message = r"damaged registry: expected the hive HKLM\SYSTEM, found none".to_owned();
    assert_eq!(told, [(r"C:\WINDOWS".to_owned(), "corrupt", message)]);
}
