//! Published NTFS images and MFTs. Skipped where the corpus is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use vminspect_bytes::{Memory, ReadAt, ReadAtExt};
use vminspect_filesystem::{Allocation, FileId, FileKind, FileSystem, Record, Stream, exercise};

use crate::fixtures::corpus;

/// Bytes of the longest file that is read.
const MOST_BYTES: u64 = 1 << 24;

/// A file of the corpus, unpacked where it is packed.
fn file(relative: &str) -> Option<Arc<Memory>> {
    let path = corpus()?.join(relative);
    if !path.exists() {
        return None;
    }
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Command::new("gzip").arg("-dc").arg(&path).output().ok()?.stdout,
        Some("qcow2") => flat(&path)?,
        _ => std::fs::read(&path).ok()?,
    };
    (!bytes.is_empty()).then(|| Arc::new(Memory::new(first_volume(bytes))))
}

/// The first partition of a disk that has a master boot record; a volume is its own.
fn first_volume(mut bytes: Vec<u8>) -> Vec<u8> {
    let is_table = bytes.get(510..512) == Some(&[0x55, 0xAA]) && bytes.get(3..7) != Some(b"NTFS");
    if is_table && let Some(start) = bytes.get(454..458).and_then(|start| start.first_chunk::<4>()) {
        bytes.drain(..u32::from_le_bytes(*start) as usize * 512);
    }
    bytes
}

/// A disk without its container, where `qemu-img` is.
fn flat(path: &Path) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().ok()?;
    let disk = folder.path().join("disk");
    let done = Command::new("qemu-img").args(["convert", "-O", "raw"]).arg(path).arg(&disk).status().ok()?;
    done.success().then(|| std::fs::read(disk).ok()).flatten()
}

fn open(relative: &str) -> Option<Arc<dyn FileSystem>> {
    let volume = file(relative)?;
    Some(vminspect_filesystem::open(volume).expect(relative).expect(relative))
}

fn paths(fs: &dyn FileSystem) -> BTreeMap<String, FileId> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(fs.root(), String::new())];
    while let Some((directory, prefix)) = todo.pop() {
        for entry in fs.entries(directory).expect("a directory").flatten() {
            let path = format!("{prefix}/{}", String::from_utf8_lossy(&entry.name));
            let kind = fs.metadata(entry.id).map(|metadata| metadata.kind);
            if matches!(kind, Ok(FileKind::Directory)) {
                todo.push((entry.id, path.clone()));
            }
            found.insert(path, entry.id);
        }
    }
    found
}

fn content(fs: &dyn FileSystem, id: FileId) -> Vec<u8> {
    fs.open(id, Stream::Data).expect("content").read_all(MOST_BYTES).expect("bytes")
}

#[test]
fn files_are_what_the_manifest_says() {
    let Some(fs) = open("images/ntfs/testfs1") else { return };
    assert_eq!(fs.identity().label.as_deref(), Some(&b"mylabel"[..]));
    assert_eq!(fs.identity().uuid.as_deref(), Some("6F462FC17DF91EB8"));
    let paths = paths(&*fs);
    assert!(content(&*fs, paths["/empty-file"]).is_empty());
    assert_eq!(content(&*fs, paths["/1000-bytes-file"]), b"12345".repeat(200));
    let sparse = content(&*fs, paths["/sparse-file"]);
    let expected = [&b"12345"[..], &[0; 499_995], b"11111"].concat();
    assert_eq!(sparse.len(), expected.len());
    assert!(sparse == expected);
    assert!(paths.len() >= 500, "{} paths", paths.len());
}

#[test]
fn times_of_last_access_are_those_of_the_record() {
    let Some(fs) = open("images/ntfs-samples/ntfs-lastaccess.raw.gz") else { return };
    let paths = paths(&*fs);
    let accessed = fs.metadata(paths["/test/1.txt"]).expect("metadata").times.accessed.expect("a time");
    // 2019-03-03
    assert_eq!(accessed.seconds() / 86_400, 17_958);
}

#[test]
fn identities_are_what_blkid_says() {
    for (image, uuid) in [("images/dfvfs/windows_volume.qcow2", "1066467111C40DAF")] {
        let Some(fs) = open(image) else { continue };
        assert_eq!(fs.identity().uuid.as_deref(), Some(uuid), "{image}");
        assert!(paths(&*fs).len() >= 12, "{image}");
    }
}

#[test]
fn images_are_walked() {
    for image in [
        "images/ntfs/testfs1",
        "images/ntfs-samples/ntfs-lastaccess.raw.gz",
        "images/ntfs-samples/ntfs-ptrn.raw.gz",
        "images/dfvfs/windows_volume.qcow2",
    ] {
        let Some(volume) = file(image) else { continue };
        let met = exercise(volume).expect(image).expect(image);
        assert!(met.records > 10 && met.entries > 10, "{image}: {met:?}");
    }
}

fn is_directory(record: &Record) -> bool {
    matches!(record.metadata.kind, FileKind::Directory | FileKind::Symlink)
}

/// Records in use, directories among them, as the manifest counts them in loose tables.
#[test]
fn loose_tables_have_the_records_that_the_manifest_counts() {
    for (table, used, directories) in [("mft/ez/NIST/DFR-16/MFT", 117, 50), ("mft/ez/xw/MFT", 467, 31)] {
        let Some(volume) = file(table) else { continue };
        let slots = volume.len() / 1024;
        let fs = vminspect_filesystem::open(volume).expect(table).expect(table);
        let mut found = (0, 0);
        let mut all = 0;
        let scan = fs.scan(None, true);
        for unit in &scan.units {
            (scan.visit)(unit, &mut |record| {
                all += 1;
                if let Ok(record) = record
                    && record.metadata.allocation != Allocation::Deleted
                {
                    found.0 += 1;
                    // One is a junction.
                    found.1 += usize::from(is_directory(&record));
                }
            });
        }
        // The manifest counts records, of which those that only extend others are no files.
        assert!(found.0 <= used && found.0 > used - 20, "{table}: {found:?}, of {used} records in use");
        assert_eq!(found.1, directories, "{table}");
        assert!(all <= slots, "{table}");
    }
}
