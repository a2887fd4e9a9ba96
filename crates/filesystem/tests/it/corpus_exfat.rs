//! Published exFAT images against what their manifest says of them. Skipped where the corpus is not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vminspect_bytes::{HostFile, Memory, ReadAt, ReadAtExt, Window};
use vminspect_filesystem::{FileId, FileKind, FileSystem, Stream, exercise};

use crate::fixtures::corpus;

/// Every path, those of deleted files among them when `deleted`.
fn paths(fs: &dyn FileSystem, deleted: bool) -> BTreeMap<String, FileId> {
    let mut found = BTreeMap::new();
    let mut open = vec![(fs.root(), String::new())];
    while let Some((directory, base)) = open.pop() {
        let gone = deleted.then(|| fs.deleted_entries(directory).expect("entries"));
        for entry in fs.entries(directory).expect("entries").chain(gone.into_iter().flatten()) {
            let entry = entry.expect("a sound entry");
            let path = format!("{base}{}", String::from_utf8_lossy(&entry.name));
            if entry.kind == Some(FileKind::Directory) {
                open.push((entry.id, format!("{path}/")));
            }
            found.insert(path, entry.id);
        }
    }
    found
}

/// Paths that the listing of The Sleuth Kit has, deleted ones marked with `*`.
fn listed(expected: &str, deleted: bool) -> BTreeSet<String> {
    expected
        .lines()
        .filter(|line| line.starts_with("r/r ") || line.starts_with("d/d "))
        .filter(|line| line.contains(" * ") == deleted)
        .filter_map(|line| line.split_once('\t').map(|(_, name)| name.to_owned()))
        .filter(|name| !name.starts_with('$') && !name.ends_with("(Volume Label Entry)"))
        .collect()
}

/// Compares an image with its listing, which leaves out some files whose names are too long.
fn check(fs: &dyn FileSystem, expected: &str, too_long: usize) {
    let problems: Vec<_> = fs.problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let mut found = paths(fs, false);
    let before = found.len();
    found.retain(|path, _| path.rsplit('/').next().is_some_and(|name| name.encode_utf16().count() < 256));
    assert_eq!(before - found.len(), too_long);
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), listed(expected, false));
    let all = paths(fs, true);
    for gone in listed(expected, true) {
        assert!(all.contains_key(&gone), "{gone} is missing");
    }
    let mut sums = 0;
    for line in expected.lines() {
        let mut fields = line.splitn(3, "  ");
        let (Some(sum), Some(size), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Some(id) = found.get(path).filter(|_| sum.len() == 64) else { continue };
        let content = fs.open(*id, Stream::Data).expect("content").read_all(1 << 26).expect("bytes");
        assert_eq!(
            (hex::encode(Sha256::digest(&content)), content.len().to_string()),
            (sum.into(), size.into())
        );
        assert!(fs.record(*id).expect("a record").problems.is_empty(), "{path}");
        sums += 1;
    }
    assert!(sums > 0);
}

fn open(volume: Arc<dyn ReadAt>) -> Arc<dyn FileSystem> {
    let fs = vminspect_filesystem::open(Arc::clone(&volume)).expect("openable").expect("a known format");
    assert_eq!(fs.identity().format, "exfat");
    assert!(exercise(volume).expect("openable").expect("exFAT").records > 1);
    fs
}

#[test]
fn an_image_of_mac_os_is_read() {
    let Some(corpus) = corpus() else { return };
    let bytes = std::fs::read(corpus.join("images/go-exfat/test.exfat")).expect("an image");
    let fs = open(Arc::new(Memory::new(bytes)));
    let identity = fs.identity();
    assert_eq!(identity.uuid.as_deref(), Some("3D51-A058"));
    assert_eq!(identity.label.as_deref(), Some(&b"testvolumelabel"[..]));
    let expected = std::fs::read_to_string(corpus.join("EXPECTED/images/go-exfat/test.exfat.txt"));
    check(&*fs, &expected.expect("a listing"), 0);
}

#[test]
fn a_partition_of_linux_is_read() {
    let Some(corpus) = corpus() else { return };
    let image = corpus.join("images/dfir_ntfs/exfat_lin_part.raw.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(image).output().expect("gzip").stdout;
    let fs = open(Arc::new(Memory::new(unpacked[2048 * 512..131_072 * 512].to_vec())));
    assert_eq!(fs.identity().label.as_deref(), Some(&b"1234567890abcde"[..]));
    let expected =
        std::fs::read_to_string(corpus.join("EXPECTED/images/dfir_ntfs/exfat_lin_part.raw.gz.txt"));
    check(&*fs, &expected.expect("a listing"), 1);
    // As dfir_ntfs has them, in the time of Moscow. The distance from UTC is not recorded.
    let file = fs.metadata(paths(&*fs, false)["1.txt"]).expect("a file").times;
    let seconds = |time: Option<vminspect_bytes::Timestamp>| time.expect("a time").seconds();
    let midnight = 1_642_550_400;
    assert_eq!(seconds(file.modified), midnight + 21 * 3600 + 12 * 60 + 28);
    assert_eq!(seconds(file.created), midnight + 18 * 3600 + 18 * 60 + 21);
}

#[test]
fn a_partition_that_the_sleuth_kit_does_not_open_is_read() {
    let Some(corpus) = corpus() else { return };
    let image = corpus.join("images/osv-scalibr/valid-ext-exfat-fat32-ntfs.vmdk");
    let raw = tempfile::NamedTempFile::new().expect("a file");
    let convert = ["convert", "-O", "raw"];
    let done = Command::new("qemu-img").args(convert).arg(image).arg(raw.path()).status();
    if !done.is_ok_and(|status| status.success()) {
        return;
    }
    let disk = HostFile::open(raw.path()).expect("a host file");
    let range = (131_072_u64 * 512)..(262_144 * 512);
    let fs = open(Arc::new(Window::clamped(disk, range.into())));
    assert!(!paths(&*fs, false).is_empty());
}
