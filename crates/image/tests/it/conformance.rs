use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use vminspect_bytes::{ByteRange, HostFile, Origin, ReadAt, ReadAtExt, StoreId};
use vminspect_image::{DRIVERS, Disk, OpenOptions};

use crate::fixtures;
use crate::seeded::Seeded;

/// Every fixture that opens, with its format.
fn disks() -> Vec<Disk> {
    let raw = ["content.raw", "disguised.raw"].map(|name| fixtures::directory().join(name));
    let locations = fixtures::expected().into_iter().map(|case| case.location).chain(raw);
    locations.map(|location| Disk::open(&location, &OpenOptions::default()).unwrap()).collect()
}

#[test]
fn every_driver_has_fixtures() {
    let formats: Vec<&str> = disks().iter().map(|disk| disk.info().format).collect();
    for driver in DRIVERS.iter().filter(|driver| driver.name != "raw") {
        assert!(formats.contains(&driver.name), "{}", driver.name);
    }
}

#[test]
fn reads_past_the_end_are_errors() {
    for disk in disks() {
        let bytes = disk.bytes();
        let length = bytes.len();
        assert!(bytes.read_exact_at(length, &mut []).is_ok());
        for (offset, size) in
            [(length, 1), (length - 1, 2), (0, length as usize + 1), (u64::MAX, 1), (u64::MAX, 0)]
        {
            assert!(bytes.read_exact_at(offset, &mut vec![0; size]).is_err(), "{offset} {size}");
        }
        assert!(bytes.extent_at(ByteRange::new(length - 1, length + 1)).is_err());
    }
}

#[test]
fn concurrent_reads_equal_sequential_ones() {
    for disk in disks() {
        let bytes = disk.bytes();
        let whole = bytes.read_all(4 << 20).unwrap();
        thread::scope(|scope| {
            for seed in 0..4 {
                let whole = &whole;
                scope.spawn(move || {
                    let mut random = Seeded(seed);
                    for _ in 0..200 {
                        let start = random.below(bytes.len());
                        let length = (random.below(100_000) + 1).min(bytes.len() - start);
                        let part = bytes.read_vec(start, length as usize).unwrap();
                        assert!(part == whole[start as usize..(start + length) as usize]);
                    }
                });
            }
        });
    }
}

#[test]
fn extents_tell_where_the_bytes_are() {
    for disk in disks() {
        let stores: HashMap<StoreId, &Arc<HostFile>> =
            disk.host_files().iter().map(|file| (file.store(), file)).collect();
        let bytes = disk.bytes();
        let mut random = Seeded(7);
        let mut ranges = vec![ByteRange::at(0, bytes.len())];
        for _ in 0..50 {
            let start = random.below(bytes.len());
            ranges.push(ByteRange::at(start, random.below(bytes.len() - start) + 1));
        }
        for range in ranges {
            check_extents(bytes, range, &stores, &disk);
        }
    }
}

fn check_extents(
    bytes: &Arc<dyn ReadAt>,
    range: ByteRange,
    stores: &HashMap<StoreId, &Arc<HostFile>>,
    disk: &Disk,
) {
    let mut position = range.start();
    for extent in bytes.extents(range) {
        let extent = extent.unwrap();
        assert_eq!(extent.range.start(), position);
        position = extent.range.end();
        let length = extent.range.len() as usize;
        let read = bytes.read_vec(extent.range.start(), length).unwrap();
        match extent.origin {
            Origin::Zero => assert!(read.iter().all(|byte| *byte == 0)),
            Origin::Stored { store, offset } => {
                assert!(read == stores[&store].read_vec(offset, length).unwrap());
            }
            Origin::Encoded { store, offset, length, skip, .. } => {
                let encoded = stores[&store].read_vec(offset, length as usize).unwrap();
                let cluster = decode(&encoded, disk, store);
                assert!(read == cluster[skip as usize..skip as usize + read.len()]);
            }
            Origin::Unknown => panic!("unknown origin in a sound image"),
        }
    }
    assert_eq!(position, range.end());
}

/// Decodes a cluster with other means than the crate's.
fn decode(encoded: &[u8], disk: &Disk, store: StoreId) -> Vec<u8> {
    let mut info = Some(disk.info());
    while let Some(image) = info {
        if HostFile::open(&image.path).unwrap().store() == store {
            let size = image.cluster_size.unwrap() as usize;
            let zstd = image.details.iter().any(|(key, value)| *key == "compression_type" && value == "zstd");
            return if zstd { unzstd(encoded, size) } else { inflate(encoded, size) };
        }
        info = image.parent.as_deref();
    }
    panic!("an extent in no image of the chain")
}

fn unzstd(encoded: &[u8], size: usize) -> Vec<u8> {
    use std::io::Read;
    let mut cluster = vec![0; size];
    zstd::stream::read::Decoder::with_buffer(encoded)
        .unwrap()
        .single_frame()
        .read_exact(&mut cluster)
        .unwrap();
    cluster
}

fn inflate(encoded: &[u8], size: usize) -> Vec<u8> {
    use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
    let mut cluster = vec![0; size];
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (_, _, written) = decompress(&mut DecompressorOxide::new(), encoded, &mut cluster, 0, flags);
    assert_eq!(written, size);
    cluster
}
