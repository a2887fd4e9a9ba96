//! The MFT as a table says what the records of a scan say.

use std::collections::BTreeMap;
use std::sync::Arc;

use vminspect_bytes::{Memory, ReadAt, ReadAtExt};
use vminspect_filesystem::ntfs::{MftName, MftTable};
use vminspect_filesystem::{Allocation, FileId, FileKind, LinkName, Record, Stream, Times};

use crate::fixtures::memory;

/// What both tell of a file.
#[derive(PartialEq, Debug)]
struct Row {
    in_use: bool,
    directory: bool,
    times: Times,
    names: Vec<Vec<u8>>,
    size: Option<u64>,
}

fn of_table(bytes: Arc<dyn ReadAt>) -> BTreeMap<FileId, Row> {
    let table = MftTable::open(bytes).expect("an MFT");
    let mut rows = BTreeMap::new();
    let mut buffer = Vec::new();
    for unit in table.units() {
        table.visit(&unit, &mut buffer, &mut |entry| {
            let entry = entry.expect("a sound record");
            assert!(entry.number() < table.records());
            if entry.base().is_some() {
                return;
            }
            let long = entry.names.iter().any(|name| !name.is_short());
            let names = entry.names.iter().filter(|name| !long || !name.is_short());
            let row = Row {
                in_use: entry.is_in_use(),
                directory: entry.is_directory(),
                times: entry.times().unwrap_or_default(),
                names: names.map(MftName::name).collect(),
                size: entry.size,
            };
            assert!(rows.insert(entry.file(), row).is_none());
        });
    }
    rows
}

fn row(record: &Record, names: Vec<LinkName>) -> Row {
    let metadata = &record.metadata;
    Row {
        in_use: metadata.allocation != Allocation::Deleted,
        directory: metadata.kind == FileKind::Directory,
        times: metadata.times,
        names: names.into_iter().map(|name| name.name).collect(),
        size: Some(metadata.size),
    }
}

/// Compares all records of a volume; how many there are.
fn compare(bytes: Arc<dyn ReadAt>, name: &str) -> usize {
    let rows = of_table(Arc::clone(&bytes));
    let fs = vminspect_filesystem::open(bytes).expect(name).expect("a known format");
    let scan = fs.scan(None, true);
    let mut count = 0;
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let record = record.expect("a sound record");
            let id = record.metadata.id;
            let expected = row(&record, fs.names(id).expect("names"));
            let found = rows.get(&id).unwrap_or_else(|| panic!("{name}: no entry of {id:?}"));
            // What stands in other records, the table tells of these; links are regular files or directories to it.
            if record.depends.is_empty() {
                assert_eq!(
                    (found.in_use, &found.times),
                    (expected.in_use, &expected.times),
                    "{name}: {id:?}"
                );
                assert_eq!(found.names, expected.names, "{name}: {id:?}");
                if record.metadata.kind == FileKind::Regular {
                    assert_eq!(found.size.or(Some(0)), expected.size, "{name}: {id:?}");
                }
                assert!(!expected.directory || found.directory, "{name}: {id:?}");
            }
            count += 1;
        });
    }
    count
}

#[test]
fn entries_are_those_of_the_scan() {
    for name in ["ntfs/small", "ntfs/mft-runs", "ntfs/cluster-512", "ntfs/sectors-4k", "ntfs/wof"] {
        assert!(compare(memory(name), name) > 20, "{name}");
    }
}

#[test]
fn a_loose_table_has_the_records_of_its_volume() {
    let volume = memory("ntfs/cluster-4k");
    let fs = vminspect_filesystem::open(Arc::clone(&volume) as _).expect("a volume").expect("NTFS");
    let table = fs.open(FileId(1 << 32), Stream::Data).expect("$MFT").read_all(1 << 26).expect("its bytes");
    let loose: Arc<dyn ReadAt> = Arc::new(Memory::new(table));
    assert_eq!(of_table(Arc::clone(&loose)), of_table(volume));
    let fs = vminspect_filesystem::open(loose).expect("a table").expect("a known format");
    assert_eq!(fs.identity().format, "ntfs-mft");
}
