//! What every driver promises, over every fixture that it opens.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Extent, Memory, Origin, ReadAt, ReadAtExt, ReadError, StoreId};
use vminspect_volume::{DRIVERS, VolumeTable};

use crate::sectors::{NAMES, disk};

/// A disk that says where its bytes are, as an image does.
struct Stored(Memory, StoreId);

impl ReadAt for Stored {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_exact_at(offset, buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        Ok(Extent { range, origin: Origin::Stored { store: self.1, offset: range.start() } })
    }
}

fn tables() -> Vec<(&'static str, &'static str, Vec<u8>, VolumeTable)> {
    let mut tables = Vec::new();
    for name in NAMES {
        let bytes = disk(name);
        let stored: Arc<dyn ReadAt> =
            Arc::new(Stored(Memory::new(bytes.clone()), StoreId::intern(name.as_bytes())));
        for driver in DRIVERS {
            if (driver.probe)(&*stored).expect("readable") {
                let table = (driver.open)(&stored).unwrap_or_else(|error| panic!("{name}: {error}"));
                tables.push((driver.name, *name, bytes, table));
                break;
            }
        }
    }
    tables
}

#[test]
fn each_driver_of_tables_has_fixtures() {
    let tables = tables();
    for driver in DRIVERS.iter().filter(|driver| driver.name != "foreign") {
        assert!(tables.iter().any(|table| table.0 == driver.name), "no fixture for {}", driver.name);
    }
    assert!(tables.iter().all(|(driver, _, _, table)| *driver == table.scheme));
}

#[test]
fn volumes_are_parts_of_the_disk() {
    for (_, name, bytes, table) in tables() {
        for volume in &table.volumes {
            let content = volume.bytes.read_all(u64::MAX).expect("the volume");
            let start = usize::try_from(volume.range.start()).expect("a position");
            assert!(bytes[start..start + content.len()] == content, "{name}: volume {}", volume.number);
            assert_eq!(volume.bytes.len(), volume.range.len());
        }
        let starts: Vec<u64> = table.volumes.iter().map(|volume| volume.range.start()).collect();
        assert!(starts.is_sorted(), "{name}");
    }
}

#[test]
fn extents_name_the_place_on_the_disk() {
    for (_, name, _, table) in tables() {
        for volume in table.volumes.iter().filter(|volume| volume.bytes.len() > 1000) {
            let extent = volume.bytes.extent_at(ByteRange::new(700, 1000)).expect("an extent");
            let store = StoreId::intern(name.as_bytes());
            let offset = volume.range.start() + 700;
            let expected =
                Extent { range: ByteRange::new(700, 1000), origin: Origin::Stored { store, offset } };
            assert_eq!(extent, expected, "{name}");
        }
    }
}

#[test]
fn a_read_past_the_end_is_an_error() {
    for (_, name, _, table) in tables() {
        for volume in &table.volumes {
            let end = volume.bytes.len();
            let mut buffer = [0; 2];
            assert!(volume.bytes.read_exact_at(end - 1, &mut buffer).is_err(), "{name}");
            assert!(volume.bytes.read_exact_at(u64::MAX, &mut buffer).is_err(), "{name}");
        }
    }
}

#[test]
fn many_threads_read_the_same() {
    for (_, _, _, table) in tables() {
        for volume in &table.volumes {
            let expected = volume.bytes.read_all(u64::MAX).expect("the volume");
            std::thread::scope(|scope| {
                let readers: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| volume.bytes.read_all(u64::MAX).expect("the volume")))
                    .collect();
                for reader in readers {
                    assert!(reader.join().expect("no panic") == expected);
                }
            });
        }
    }
}
