//! Filesystems.

use std::sync::Arc;

use vminspect_bytes::ReadAt;
use vminspect_filesystem::{FileId, FileSystem, Record, Stream};

use crate::evidence::{self, Evidence};
use crate::seed::{self, Seeds};

static EXT: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/ext2.gz"),
        include_bytes!("../seeds/ext4.gz"),
        include_bytes!("../seeds/ext4-inline.gz"),
        include_bytes!("../seeds/ext4-bigalloc.gz"),
    ])
});

static DIRTY: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/ext3-dirty.gz"),
        include_bytes!("../seeds/ext4-dirty.gz"),
        include_bytes!("../seeds/ext4-fast-commit.gz"),
    ])
});

static EXFAT: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/exfat.gz"),
        include_bytes!("../seeds/exfat-fields.gz"),
        include_bytes!("../seeds/exfat-texfat.gz"),
    ])
});

static NTFS: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/ntfs.gz"),
        include_bytes!("../seeds/ntfs-4k.gz"),
        include_bytes!("../seeds/ntfs-4k-mft.gz"),
    ])
});

static FAT: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/fat12.gz"),
        include_bytes!("../seeds/fat16.gz"),
        include_bytes!("../seeds/fat32.gz"),
    ])
});

/// Records that are looked at closely. The seeds have fewer; a damaged superblock may claim millions.
const MOST_RECORDS: usize = 512;

/// Entries that are read of one directory.
const MOST_ENTRIES: usize = 4096;

/// A damaged ext2, ext3 or ext4 filesystem.
pub fn ext(input: &[u8]) {
    walk(seed::damaged(&EXT, input));
}

/// The same, with a journal to replay.
pub fn ext_journal(input: &[u8]) {
    walk(seed::damaged(&DIRTY, input));
}

/// A damaged exFAT filesystem.
pub fn exfat(input: &[u8]) {
    walk(seed::damaged(&EXFAT, input));
}

/// A damaged NTFS volume, or a loose MFT.
pub fn ntfs(input: &[u8]) {
    walk(seed::damaged(&NTFS, input));
}

/// A damaged FAT12, FAT16 or FAT32 filesystem.
pub fn fat(input: &[u8]) {
    walk(seed::damaged(&FAT, input));
}

fn walk(volume: Vec<u8>) {
    let evidence = Evidence::new(volume);
    let Ok(Some(filesystem)) = vminspect_filesystem::open(Arc::clone(&evidence) as _) else { return };
    let filesystem = &*filesystem;
    assert!(!filesystem.identity().format.is_empty());
    assert!(!filesystem.layout_key().is_empty());
    for problem in filesystem.problems() {
        assert!(!problem.to_string().is_empty());
    }
    check_file(&evidence, &**filesystem.view());
    for record in records(filesystem) {
        examine(&evidence, filesystem, &record);
    }
    for id in [filesystem.root(), FileId(0), FileId(u64::MAX)] {
        by_id(filesystem, id);
    }
}

fn records(filesystem: &dyn FileSystem) -> Vec<Record> {
    let mut records = Vec::new();
    let areas = filesystem.record_areas();
    for (areas, deleted) in [(None, true), (Some(&areas), false)] {
        let scan = filesystem.scan(areas, deleted);
        for unit in scan.units.iter().take(MOST_RECORDS) {
            (scan.visit)(unit, &mut |record| {
                if let Ok(record) = record
                    && records.len() < MOST_RECORDS
                {
                    records.push(record);
                }
            });
        }
    }
    records
}

fn examine(evidence: &Evidence, filesystem: &dyn FileSystem, record: &Record) {
    let view = filesystem.view().len();
    assert!(record.place.end() <= view, "a record at {:?} of a volume of {view} bytes", record.place);
    if let Ok(file) = filesystem.open_record(record, Stream::Data) {
        check_file(evidence, &*file);
    }
    for stream in &record.streams {
        if let Ok(file) = filesystem.open(stream.id, Stream::Data) {
            assert_eq!(file.len(), stream.size);
            check_file(evidence, &*file);
        }
    }
    if let Ok(file) = filesystem.open_record(record, Stream::Stored) {
        check_file(evidence, &*file);
    }
    if let Ok(details) = filesystem.details(record) {
        assert!(details.is_sorted_by(|a, b| a.field <= b.field));
    }
    if let Ok(entries) = filesystem.entries_of(record) {
        let mut reported = false;
        for entry in entries.take(MOST_ENTRIES) {
            let special = entry.as_ref().is_ok_and(|entry| entry.name == b"." || entry.name == b"..");
            assert!(!special || reported, "a name that no file can have, and no error before it");
            reported = entry.is_err();
        }
    }
    let _ = filesystem.details(record);
    by_id(filesystem, record.metadata.id);
}

fn by_id(filesystem: &dyn FileSystem, id: FileId) {
    let _ = filesystem.metadata(id);
    for name in filesystem.names(id).into_iter().flatten() {
        let _ = filesystem.fold_name(&name.name);
    }
    let _ = filesystem.record(id);
    let _ = filesystem.read_link(id);
    for name in filesystem.names(id).unwrap_or_default() {
        let _ = filesystem.fold_name(&name.name);
    }
    let _ = filesystem.open(id, Stream::Named(b"none"));
    if let Ok(attributes) = filesystem.attributes(id) {
        assert!(attributes.is_sorted_by(|a, b| a.name <= b.name));
    }
    if let Ok(entries) = filesystem.deleted_entries(id) {
        entries.take(MOST_ENTRIES).for_each(drop);
    }
}

fn check_file(evidence: &Evidence, file: &dyn ReadAt) {
    evidence::check(file, &|store, offset, length| evidence.read(store, offset, length));
}
