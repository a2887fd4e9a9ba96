use std::fs;

use vminspect_bytes::{HostFile, ReadAtExt};
use vminspect_image::{Disk, Error, OpenOptions};

use crate::fixtures;

#[test]
fn an_ambiguous_name_lists_ids() {
    let error = fixtures::open("snapshots-v3.qcow2#twice").err().unwrap();
    let Error::Snapshot(message) = error else { panic!("{error}") };
    assert!(message.contains("2 (\"twice\"), 3 (\"twice\")"), "{message}");
}

#[test]
fn an_unknown_snapshot_lists_what_there_is() {
    let error = fixtures::open("snapshots-v2.qcow2#none").err().unwrap().to_string();
    assert!(error.contains("1 (\"first\")"), "{error}");
    let error = fixtures::open("plain-v3-64k.qcow2#1").err().unwrap().to_string();
    assert!(error.contains("the image has none"), "{error}");
    assert!(fixtures::open("content.raw#1").is_err());
    assert!(matches!(fixtures::open("nowhere.qcow2#1").err().unwrap(), Error::Read(_)));
}

#[test]
fn a_file_of_the_whole_name_wins() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("disk.qcow2");
    fs::copy(fixtures::directory().join("snapshots-v3.qcow2"), &image).unwrap();
    let snapshot = directory.path().join("disk.qcow2#1");
    let open = || Disk::open(&snapshot, &OpenOptions::default()).unwrap();
    assert_eq!(open().info().format, "qcow2");
    fs::write(&snapshot, b"a raw file").unwrap();
    assert_eq!(open().info().format, "raw");
    // A `#` in the path itself, with a snapshot behind it.
    fs::copy(&image, &snapshot).unwrap();
    let inner = Disk::open(&directory.path().join("disk.qcow2#1#first"), &OpenOptions::default()).unwrap();
    assert_eq!(inner.info().snapshot.as_deref(), Some("1"));
    assert_eq!(inner.info().path, snapshot);
}

#[test]
fn the_format_option_is_obeyed() {
    let options = |format: &str| OpenOptions { format: Some(format.into()), ..OpenOptions::default() };
    let path = fixtures::directory().join("plain-v3-64k.qcow2");
    let raw = Disk::open(&path, &options("raw")).unwrap();
    assert_eq!(raw.bytes().read_array::<4>(0).unwrap(), *b"QFI\xfb");
    assert!(Disk::open(&fixtures::directory().join("content.raw"), &options("qcow2")).is_err());
    let error = Disk::open(&path, &options("vmdx")).err().unwrap().to_string();
    assert!(error.contains("qcow2, raw") && error.contains("vmdx"), "{error}");
    // It is for the named image, not for its parents.
    let chain = Disk::open(&fixtures::directory().join("chain-3.qcow2"), &options("qcow2")).unwrap();
    assert_eq!(chain.host_files().len(), 4);
}

#[test]
fn an_open_file_opens_as_well() {
    let path = fixtures::directory().join("snapshots-v2.qcow2");
    let file = std::sync::Arc::new(HostFile::open(&path).unwrap());
    let disk = Disk::from_host_file(&file, Some("1"), &OpenOptions::default()).unwrap();
    assert_eq!(disk.bytes().len(), 512 << 10);
}

#[test]
fn a_parent_and_the_same_file_on_its_own_share_their_identity() {
    let overlay = fixtures::open("chain-1.qcow2").unwrap();
    let base = fixtures::open("content.raw").unwrap();
    assert_eq!(overlay.host_files()[1].store(), base.host_files()[0].store());
    let differ = vminspect_bytes::differ(overlay.bytes(), base.bytes()).unwrap();
    // 10 to 100 KiB were written, in clusters of 64 KiB.
    assert_eq!(differ.ranges(), [vminspect_bytes::ByteRange::new(0, 128 << 10)]);
}
