//! What holds for every driver, whatever its format.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use vminspect_bytes::{ByteRange, HostFile, Memory, Origin, RangeSet, ReadAt, ReadAtExt};
use vminspect_filesystem::{
    Content, DRIVERS, Error, FileId, FileKind, FileSystem, Place, Record, Stream, exercise,
};

use crate::fixtures::{IMAGES, Random, bytes, images, memory};

fn open(name: &str) -> (Arc<Memory>, Arc<dyn FileSystem>) {
    let volume = memory(name);
    let fs = vminspect_filesystem::open(volume.clone()).expect(name).expect("a known format");
    (volume, fs)
}

fn scanned(fs: &dyn FileSystem, areas: Option<&RangeSet>) -> BTreeMap<FileId, Record> {
    let scan = fs.scan(areas, false);
    let mut records = BTreeMap::new();
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let record = record.expect("a sound record");
            assert!(unit.range.intersection(record.place) == record.place);
            assert!(records.insert(record.metadata.id, record).is_none(), "a record comes once");
        });
    }
    records
}

#[test]
fn one_driver_knows_each_image_and_none_knows_noise() {
    for name in images() {
        let volume = memory(name);
        let known = DRIVERS.iter().filter(|driver| (driver.probe)(&*volume).expect("readable")).count();
        assert_eq!(known, 1, "{name}");
    }
    for length in [0, 1, 1023, 1024, 2048, 1 << 20] {
        let noise: Vec<u8> =
            (0..length).map(|index: u32| index.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        assert!(exercise(Arc::new(Memory::new(noise))).expect("no error").is_none());
        assert!(exercise(Arc::new(Memory::new(vec![0; length as usize]))).expect("no error").is_none());
    }
}

#[test]
fn a_scan_yields_the_same_records_as_asking_for_each() {
    for name in images() {
        let (_, fs) = open(name);
        let records = scanned(&*fs, None);
        assert!(records.contains_key(&fs.root()), "{name}");
        for (id, record) in &records {
            let asked = fs.record(*id).expect("a record");
            assert_eq!(asked.metadata, record.metadata, "{name}");
            assert_eq!(asked.content, record.content, "{name}");
            assert_eq!(asked.place, record.place, "{name}");
            assert_eq!(asked.depends, record.depends, "{name}");
            assert_eq!(asked.has_attributes, record.has_attributes, "{name}");
            assert_eq!(fs.metadata(*id).expect("metadata"), record.metadata, "{name}");
            assert_eq!(fs.parse_id(&fs.id_text(*id)), Some(*id), "{name}");
            let attributes = fs.attributes(*id).expect("attributes");
            assert_eq!(!attributes.is_empty(), record.has_attributes, "{name} {id:?}");
            assert!(attributes.is_sorted());
        }
    }
}

#[test]
fn a_scan_of_areas_yields_the_records_that_lie_there() {
    for name in images() {
        let (_, fs) = open(name);
        let records = scanned(&*fs, None);
        let mut random = Random(5);
        for _ in 0..50 {
            let areas: RangeSet = fs
                .record_areas()
                .ranges()
                .iter()
                .map(|range| {
                    let from = range.start() + random.next() % range.len();
                    ByteRange::at(from, 1 + random.next() % 2048)
                })
                .collect();
            let some = scanned(&*fs, Some(&areas));
            let expected: Vec<FileId> = records
                .iter()
                .filter(|(_, record)| areas.intersects(record.place))
                .map(|(id, _)| *id)
                .collect();
            assert_eq!(some.keys().copied().collect::<Vec<_>>(), expected, "{name} {areas:?}");
        }
    }
}

#[test]
fn content_equals_the_runs_and_the_bytes_its_extents_name() {
    let mut random = Random(11);
    for name in images() {
        let image = bytes(name);
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&image).expect("written");
        let volume = Arc::new(HostFile::open(file.path()).expect("a host file"));
        let fs = vminspect_filesystem::open(volume).expect(name).expect("a known format");
        let mut stored = 0;
        for record in scanned(&*fs, None).values() {
            if record.metadata.kind != FileKind::Regular || fs.is_internal(record) {
                continue;
            }
            let content = match fs.open_record(record, Stream::Data) {
                Ok(content) => content,
                Err(Error::Read(error)) => {
                    assert_eq!(error.family(), vminspect_bytes::Family::Unsupported, "{name}: {error}");
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            assert_eq!(content.len(), record.metadata.size);
            assert!(content.read_exact_at(content.len(), &mut [0]).is_err(), "a read past the end");
            if record.metadata.size > 0 && record.metadata.size < 1 << 24 {
                stored += compare(&*fs, record, &*content, &image, &mut random);
            }
        }
        assert!(stored > 0, "{name}: no file is stored anywhere");
    }
}

/// Compares what a file reads with what its runs and extents say. How many extents lie in the host file.
fn compare(
    fs: &dyn FileSystem,
    record: &Record,
    content: &dyn ReadAt,
    image: &[u8],
    random: &mut Random,
) -> u64 {
    let mut stored = 0;
    let bytes = content.read_all(1 << 24).expect("content");
    let mut rebuilt = vec![0; bytes.len()];
    match &record.content {
        Content::Runs(runs) => {
            for run in runs {
                let Place::Volume(place) = run.place else { continue };
                let start = usize::try_from(run.start).expect("small");
                let length =
                    usize::try_from(run.length).expect("small").min(bytes.len().saturating_sub(start));
                fs.view().read_exact_at(place, &mut rebuilt[start..start + length]).expect("a run");
            }
        }
        Content::Inline(inline) => rebuilt.copy_from_slice(inline),
        Content::Encoded(_) => rebuilt.clone_from(&bytes),
        Content::Opaque | Content::None => panic!("a regular file has content"),
    }
    assert!(rebuilt == bytes, "file {}", record.metadata.id.0);
    for _ in 0..8 {
        let start = random.next() % content.len();
        let range = ByteRange::at(start, 1 + random.next() % (content.len() - start));
        for extent in content.extents(range) {
            let extent = extent.expect("an extent");
            let part = &bytes[index(extent.range.start())..index(extent.range.end())];
            match extent.origin {
                Origin::Zero => assert!(part.iter().all(|byte| *byte == 0)),
                Origin::Stored { offset, .. } => {
                    assert!(part == &image[index(offset)..][..part.len()], "file {}", record.metadata.id.0);
                    stored += 1;
                }
                Origin::Encoded { .. } => assert!(matches!(record.content, Content::Encoded(_))),
                // Only what lies in inodes, and was mended there, has no place of its own.
                Origin::Unknown => {
                    assert!(matches!(record.content, Content::Inline(_) | Content::Encoded(_)));
                }
            }
        }
    }
    stored
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("a small image")
}

#[test]
fn threads_see_what_one_reader_sees() {
    // The first image of each driver.
    for name in IMAGES.iter().filter_map(|images| images.first()) {
        let (_, fs) = open(name);
        let alone = listing(&*fs);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| listing(&*fs))).collect();
            for reader in readers {
                assert_eq!(reader.join().expect("no panic"), alone, "{name}");
            }
        });
    }
}

/// Names, numbers and sums of all files.
fn listing(fs: &dyn FileSystem) -> Vec<(Vec<u8>, u64, u32)> {
    let mut found = Vec::new();
    for record in scanned(fs, None).into_values() {
        if record.metadata.kind == FileKind::Directory {
            for entry in fs.entries_of(&record).expect("entries") {
                let entry = entry.expect("an entry");
                found.push((entry.name, entry.id.0, 0));
            }
        } else if record.metadata.kind == FileKind::Regular && record.metadata.size < 1 << 24 {
            let sum = match fs.open_record(&record, Stream::Data) {
                Ok(content) => crc32c::crc32c(&content.read_all(1 << 24).expect("bytes")),
                Err(error) => {
                    assert_eq!(error.family(), vminspect_bytes::Family::Unsupported, "{error}");
                    0
                }
            };
            found.push((Vec::new(), record.metadata.id.0, sum));
        }
    }
    found
}

#[test]
fn what_does_not_exist_is_an_error() {
    for name in images() {
        let (_, fs) = open(name);
        for id in [0, u64::from(u32::MAX), u64::MAX] {
            // NTFS counts from 0, which is its table of records.
            if id == 0 && fs.record(FileId(id)).is_ok_and(|record| fs.is_internal(&record)) {
                continue;
            }
            assert!(fs.metadata(FileId(id)).is_err());
            assert!(fs.record(FileId(id)).is_err());
            assert!(fs.entries(FileId(id)).is_err());
        }
        assert!(matches!(fs.open(fs.root(), Stream::Data), Err(Error::WrongKind(_))));
        assert!(matches!(fs.read_link(fs.root()), Err(Error::WrongKind(_))));
        assert!(matches!(fs.open(fs.root(), Stream::Named(b"x")), Err(Error::NotFound(_))));
    }
}
