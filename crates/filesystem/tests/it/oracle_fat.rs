//! Compares the reader with what mtools and The Sleuth Kit say of the images of `fixtures/fat.sh`.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails its test")]

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use vminspect_bytes::{ReadAtExt, Resolution, Timestamp};
use vminspect_filesystem::{Allocation, FileId, FileKind, FileSystem, Stream};

use crate::fixtures::{FAT, memory, unpacked};

/// Bytes of a slot, of which a file's id counts those in front of its own.
const SLOT: u64 = 32;

/// A line of `fixtures/fat_listing.py`.
#[derive(Debug)]
struct Row {
    path: Vec<u8>,
    allocation: Allocation,
    kind: FileKind,
    size: Option<u64>,
    modified: String,
    created: String,
    accessed: String,
    flags: u64,
    id: FileId,
    digest: Option<String>,
}

impl Row {
    fn parse(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        Self {
            path: hex::decode(columns[0]).unwrap(),
            allocation: if columns[1] == "deleted" { Allocation::Deleted } else { Allocation::Allocated },
            kind: if columns[2] == "directory" { FileKind::Directory } else { FileKind::Regular },
            size: columns[3].parse().ok(),
            modified: columns[4].to_owned(),
            created: columns[5].to_owned(),
            accessed: columns[6].to_owned(),
            flags: columns[7].parse().unwrap(),
            id: FileId(columns[8].parse::<u64>().unwrap() / SLOT),
            digest: Some(columns[9].to_owned()).filter(|digest| digest != "-"),
        }
    }
}

fn rows(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/{name}.tsv.zst"));
    String::from_utf8(unpacked(&path)).unwrap().lines().map(Row::parse).collect()
}

/// Every file that a directory names or named, by its place, with its path.
fn tree(fs: &dyn FileSystem) -> BTreeMap<FileId, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(fs.root(), Vec::new())];
    while let Some((directory, path)) = todo.pop() {
        let live = fs.entries(directory).unwrap().map(|entry| entry.unwrap());
        let gone = fs.deleted_entries(directory).unwrap().map(|entry| entry.unwrap());
        for entry in live.chain(gone) {
            let path = [path.as_slice(), b"/", &entry.name].concat();
            if entry.kind == Some(FileKind::Directory) {
                todo.push((entry.id, path.clone()));
            }
            assert!(found.insert(entry.id, path).is_none(), "a slot is named once");
        }
    }
    found
}

fn seconds(time: Option<Timestamp>, resolution: Resolution) -> String {
    time.map_or("-".to_owned(), |time| {
        assert_eq!(time.resolution(), resolution);
        match resolution {
            Resolution::TenMilliseconds => {
                format!("{}.{:02}", time.seconds(), time.nanoseconds() / 10_000_000)
            }
            _ => time.seconds().to_string(),
        }
    })
}

fn compare(fs: &dyn FileSystem, row: &Row) -> Vec<String> {
    let record = fs.record(row.id).unwrap();
    let metadata = record.metadata;
    let mut found = vec![
        format!("{:?} {:?} {:02x}", metadata.allocation, metadata.kind, metadata.flags),
        seconds(metadata.times.modified, Resolution::TwoSeconds),
        seconds(metadata.times.created, Resolution::TenMilliseconds),
        seconds(metadata.times.accessed, Resolution::Day),
    ];
    let mut expected = vec![
        format!("{:?} {:?} {:02x}", row.allocation, row.kind, row.flags),
        row.modified.clone(),
        row.created.clone(),
        row.accessed.clone(),
    ];
    if let Some(size) = row.size {
        found.push(metadata.size.to_string());
        expected.push(size.to_string());
    }
    if let Some(digest) = &row.digest {
        let content = fs.open(row.id, Stream::Data).unwrap().read_all(1 << 24).unwrap();
        found.push(hex::encode(Sha256::digest(content)));
        expected.push(digest.clone());
    } else if row.kind == FileKind::Regular && row.size != Some(0) {
        assert!(!record.problems.is_empty(), "{}: nothing wrong", row.path.escape_ascii());
    }
    found.into_iter().zip(expected).filter(|(a, b)| a != b).map(|(a, b)| format!("{a} for {b}")).collect()
}

#[test]
fn every_image_is_read_as_others_read_it() {
    let mut wrong = Vec::new();
    for name in FAT {
        let fs = vminspect_filesystem::open(memory(name)).unwrap().unwrap();
        let mut tree = tree(&*fs);
        for row in rows(name) {
            let path = row.path.escape_ascii().to_string();
            match tree.remove(&row.id) {
                Some(found) if found == row.path => {
                    wrong.extend(compare(&*fs, &row).iter().map(|each| format!("{name}: {path}: {each}")));
                }
                Some(found) => wrong.push(format!("{name}: {} for {path}", found.escape_ascii())),
                None => wrong.push(format!("{name}: {path} is missing")),
            }
        }
        wrong.extend(tree.values().map(|path| format!("{name}: {} is too many", path.escape_ascii())));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn identities_are_those_that_were_asked_for() {
    for (name, format, label, block_size) in [
        ("fat/fat12", "fat12", Some("FLOPPY"), 512),
        ("fat/fat12-1k", "fat12", None, 2048),
        ("fat/fat12-64k", "fat12", Some("BIG CLUST"), 65_536),
        ("fat/fat12-256k", "fat12", Some("HUGE"), 262_144),
        ("fat/fat16-4k", "fat16", Some("FOURK"), 4096),
        ("fat/fat32", "fat32", Some("THIRTY TWO"), 512),
        ("fat/fat32-small", "fat32", Some("SMALL"), 512),
        ("fat/fat32-backup", "fat32", Some("BACKUP"), 512),
    ] {
        let fs = vminspect_filesystem::open(memory(name)).unwrap().unwrap();
        let identity = fs.identity();
        assert_eq!((identity.format, identity.block_size), (format, block_size), "{name}");
        assert_eq!(identity.label.as_deref(), label.map(str::as_bytes), "{name}");
        assert_eq!(identity.uuid.as_deref(), Some("1A2B-3C4D"), "{name}");
        let told: Vec<String> = fs.problems().iter().map(ToString::to_string).collect();
        if name.ends_with("backup") {
            assert!(told.len() == 1 && told[0].contains("backup at byte 3072"), "{name}: {told:?}");
        } else {
            assert!(told.is_empty(), "{name}: {told:?}");
        }
    }
}
