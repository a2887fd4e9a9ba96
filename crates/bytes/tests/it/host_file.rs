use std::io::{Seek, SeekFrom, Write};

use vminspect_bytes::{ByteRange, Family, HostFile, Origin, ReadAt, ReadAtExt, host_bytes_read};

#[test]
fn holes_are_zero_and_data_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk.raw");
    let mut file = std::fs::File::create(&path).unwrap();
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    file.write_all(&[7; 4096]).unwrap();
    file.set_len(4 << 20).unwrap();
    drop(file);
    let disk = HostFile::open(&path).unwrap();
    assert_eq!(disk.len(), 4 << 20);
    for extent in disk.extents(ByteRange::at(0, disk.len())) {
        let extent = extent.unwrap();
        let bytes =
            disk.read_vec(extent.range.start(), usize::try_from(extent.range.len()).unwrap()).unwrap();
        match extent.origin {
            Origin::Zero => assert!(bytes.iter().all(|byte| *byte == 0)),
            Origin::Stored { store, offset } => {
                assert_eq!((store, offset), (disk.store(), extent.range.start()));
            }
            other => panic!("{other:?}"),
        }
    }
    // A filesystem without holes stores all of it, which is right too.
    let data = disk.extent_at(ByteRange::at(1 << 20, 4096)).unwrap();
    assert_eq!(data.origin, Origin::Stored { store: disk.store(), offset: 1 << 20 });
    let again = HostFile::open(&path).unwrap();
    assert_eq!(again.store(), disk.store());
    let before = host_bytes_read();
    disk.read_vec(0, 1000).unwrap();
    assert!(host_bytes_read() >= before + 1000);
}

#[test]
fn a_file_that_changes_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk.raw");
    std::fs::write(&path, [1; 100]).unwrap();
    let disk = HostFile::open(&path).unwrap();
    disk.check_unchanged().unwrap();
    std::fs::write(&path, [1; 90]).unwrap();
    assert_eq!(disk.check_unchanged().unwrap_err().family(), Family::Corrupt);
    let error = disk.read_vec(95, 5).unwrap_err();
    assert_eq!(error.family(), Family::Io);
    assert_eq!(error.file().as_deref(), Some(path.as_path()));
    assert_ne!(HostFile::open(&path).unwrap().store(), disk.store());
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(HostFile::open(directory.path()).unwrap_err().family(), Family::Unsupported);
    let missing = HostFile::open(&directory.path().join("none")).unwrap_err();
    assert_eq!(missing.family(), Family::Io);
    assert!(missing.to_string().contains("none"), "{missing}");
}
